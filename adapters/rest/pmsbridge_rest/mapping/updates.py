"""How some fields of a record are changed without touching another."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from pmsbridge_rest.mapping.expressions import Expression
from pmsbridge_rest.mapping.paths import Path
from pmsbridge_rest.mapping.requests import Reading
from pmsbridge_rest.mapping.sections import HeaderName, Section

__all__ = ["Guard", "Reshape", "Update"]


class Guard(Section):
    """What stops an update from writing over somebody else's edit.

    Attributes:
        by: ``if_match`` sends the ETag that was read; ``version`` sends a field back that was read; ``compare`` reads
            again right before the send and compares with what was read first.
        at: Of ``version``: where in the record the version is, and where in the body it goes back.
        etag: Of ``if_match``: which header of the read has it.
    """

    by: Literal["if_match", "version", "compare"]
    at: Path | None = None
    etag: HeaderName = "ETag"

    @model_validator(mode="after")
    def _version_is_somewhere(self) -> Self:
        if (self.by == "version") != (self.at is not None):
            message = "at goes with by: version, and only with it"
            raise ValueError(message)
        return self


class Reshape(Section):
    """A value that is read in one place or shape and written in another.

    Attributes:
        read: Where it is, in the record that was read (JMESPath).
        write: Where it goes, in the record that is written.
        drop: What is taken out of the record; None for nothing.
    """

    read: Expression
    write: Path
    drop: Path | None = None


class Update(Section):
    """How some fields of a record are changed without touching another.

    Attributes:
        entity: Whose write fields say where each field goes.
        strategy: ``patch_changed`` sends the changes alone, ``post_changed`` too, as a command beside ids of the body;
            ``put_full`` reads, keeps what is listed, reshapes, merges and sends it all.
        read: The read of ``put_full``, and of ``compare``; None for the entity's own ``one``.
        keep: Of ``put_full``: the only paths of the record that are sent back. Empty for all but ``drop``.
        drop: Of ``put_full``: paths that must not be sent back.
        reshape: Of ``put_full``: what is written elsewhere than it is read.
        guard: Against somebody else's edit; None for none.
        moves: Paths that the back office changes by itself when a record is written; everything else that was not
            asked for must be read back as it was.
    """

    entity: Literal["tenants", "rentals"] = "tenants"
    strategy: Literal["patch_changed", "put_full", "post_changed"]
    read: Reading | None = None
    keep: tuple[Path, ...] = ()
    drop: tuple[Path, ...] = ()
    reshape: tuple[Reshape, ...] = ()
    guard: Guard | None = None
    moves: tuple[Path, ...] = ()

    @model_validator(mode="after")
    def _keeps_or_drops(self) -> Self:
        if self.strategy != "put_full" and (self.keep or self.drop or self.reshape):
            message = "keep, drop and reshape go with strategy: put_full"
            raise ValueError(message)
        if self.keep and self.drop:
            message = "give keep or drop, not both"
            raise ValueError(message)
        return self
