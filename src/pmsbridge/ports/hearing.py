"""What an adapter is asked when a back office says by itself that something changed.

What a message says is never believed: it only says what is to be read anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from pmsbridge.ports.adapter import Entity

__all__ = ["HearingPort", "Message", "Told"]


@dataclass(frozen=True, slots=True)
class Told:
    """One record that may have changed.

    Attributes:
        entity: What it is.
        facility: The facility's code; empty when the message does not say.
        record_id: The back office's id of the record; empty when the message does not say.
        tenant_id: Whose it is; empty when the message does not say.
        rental_id: Of which rental it is; empty when the message does not say.
        may_be_gone: The record may have been deleted: only reading everything shows that.
    """

    entity: Entity
    facility: str = ""
    record_id: str = ""
    tenant_id: str = ""
    rental_id: str = ""
    may_be_gone: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """A message that is genuine.

    Attributes:
        key: Equal for two deliveries of one message, different for any two messages of the account, at most 100 plain
            characters; empty when nothing tells them apart.
        event: The back office's own name of what happened; empty for something that nobody listens to.
        told: What is to be read anew.
    """

    key: str
    event: str
    told: tuple[Told, ...] = ()


@runtime_checkable
class HearingPort(Protocol):
    """An adapter that knows messages of its back office from those of others."""

    @property
    def hears(self) -> bool:
        """Whether this account is set up to: without it ``hear`` is unsupported."""

    def hear(self, headers: Mapping[str, str], body: bytes, *, address: str = "") -> Message:
        """Say what a message is about, once it is known to be genuine. Asks nobody, keeps nothing.

        Args:
            headers: Of the request; names in any case.
            body: The bytes as they came, before anything parsed them.
            address: The path to which it was posted, for back offices whose only secret is in it.

        Raises:
            InputError: It is not genuine: ``code`` is "webhook_headers", "webhook_time" or "webhook_signature". Or it
                is, and cannot be read: "webhook_body".
            UnsupportedError: Nothing says how messages of this back office are known.
            ConfigurationError: The secret is not there.
        """
