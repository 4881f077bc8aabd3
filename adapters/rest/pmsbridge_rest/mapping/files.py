"""Files: how the bytes of a document are had, and which documents a tenant may see."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from pmsbridge_rest.mapping.conditions import Holds
from pmsbridge_rest.mapping.expressions import Expression
from pmsbridge_rest.mapping.requests import Call, Reading

__all__ = ["FileRead", "Shown"]

MediaType = Annotated[str, StringConstraints(pattern=r"^[a-z]+/[a-z0-9.+-]+$")]
HostName = Annotated[str, StringConstraints(pattern=r"^\.?[a-z0-9-]+(\.[a-z0-9-]+)+$")]


class Shown(Reading):
    """A read for each document, ``{read.id}``, and what must hold of a row for the tenant to see the document.

    Attributes:
        match: What holds of the row of a document that is shown.
    """

    match: Holds = Field(min_length=1)


class FileRead(Call):
    """How the bytes of one document are had: by an answer that is the file, or that has a link to it.

    Attributes:
        safe: A post that only hands out the link, and changes nothing, says so.
        link_at: Where the answer has the link; None when the answer is the file. A link is fetched over https and
            without our credentials.
        link_hosts: Where a link may lead; with a leading dot, everything below. Empty for any host.
        kinds: What is handed out; a file of another kind is refused.
    """

    safe: bool = False
    link_at: Expression | None = None
    link_hosts: tuple[HostName, ...] = ()
    kinds: tuple[MediaType, ...] = ("application/pdf",)

    @model_validator(mode="after")
    def _changes_nothing(self) -> Self:
        if self.get is None and not (self.post is not None and self.safe and self.link_at is not None):
            message = "a file is had by a get, or by a post with safe: true that answers with a link (link_at)"
            raise ValueError(message)
        return self
