"""What a genuine message is about: which records are to be read anew. What it says of them is never taken."""

from __future__ import annotations

from collections.abc import Mapping as Table
from typing import Any, Final

from pmsbridge.errors import InputError, UnsupportedError
from pmsbridge.ports.adapter import Entity
from pmsbridge.ports.hearing import Message, Told
from pmsbridge_rest.bodies.exact_json import UnreadableError, read_json
from pmsbridge_rest.connection import Connection
from pmsbridge_rest.hearing.proving import Genuine, Given, digest, proven
from pmsbridge_rest.mapping.expressions import Expression, search
from pmsbridge_rest.mapping.webhooks import HookEvent, Webhooks

__all__ = ["heard"]

_LARGEST: Final = 1_000_000
_LONGEST_ID: Final = 200


def heard(connection: Connection, headers: Table[str, str], body: bytes, *, address: str = "") -> Message:
    """What a message is about, once it is known to be genuine.

    Raises:
        InputError: It is not genuine, or cannot be read.
        UnsupportedError: The mapping does not say how messages are known.
        ConfigurationError: The secret is not there.
    """
    section = connection.mapping.webhooks
    if section is None:
        message = "the mapping does not say how messages of this back office are known"
        raise UnsupportedError(message, code="no_webhooks")
    if len(body) > _LARGEST:
        raise InputError("body", f"has more than {_LARGEST:,} bytes", code="webhook_body")
    given = Given({name.lower(): value for name, value in headers.items()}, body, address)
    secrets = connection.secrets_of(section.verify.key)
    genuine = proven(section.verify, secrets, given, connection.clock.now())
    said = _read(genuine)
    event = _text(section.type_at, said)
    found = section.events.get(event)
    told = () if found is None else _told(connection, found, said)
    return Message(_key(section, given, genuine, said), event if found is not None else "", told)


def _read(genuine: Genuine) -> Any:  # noqa: ANN401 - any JSON
    try:
        return read_json(genuine.content)
    except UnreadableError:
        pass
    raise InputError("body", "is no JSON", code="webhook_body")


def _text(expression: Expression | None, said: Any) -> str:  # noqa: ANN401 - any JSON
    """A text or a number at a place; empty when there is neither, or it is longer than any id."""
    if expression is None:
        return ""
    try:
        found = search(expression, said)
    except ValueError:
        return ""
    is_plain = isinstance(found, str | int) and not isinstance(found, bool)
    return str(found) if is_plain and len(str(found)) <= _LONGEST_ID else ""


def _key(section: Webhooks, given: Given, genuine: Genuine, said: Any) -> str:  # noqa: ANN401 - any JSON
    """What tells the message from others: its number, or when it was signed; empty where it has neither.

    A number in a header is not signed, so it counts together with what is.
    """
    number = _text(section.id_at, said)
    if number:
        return digest(b"id", number.encode("utf-8", "surrogatepass"))
    number = given.headers.get(section.id_header.lower(), "") if section.id_header is not None else ""
    if number or genuine.stamp:
        parts = (number or genuine.stamp).encode("utf-8", "surrogatepass"), genuine.content
        return digest(b"header" if number else b"stamp", *parts)
    return ""


def _told(connection: Connection, event: HookEvent, said: Any) -> tuple[Told, ...]:  # noqa: ANN401 - any JSON
    place = _text(event.facility_at, said)
    facility = _facility(connection, place) if place else ""
    if facility is None:
        return ()
    own = _text(event.id_at, said)
    tenant = _text(event.tenant_at, said) or (own if event.entity == "tenants" else "")
    rental = _text(event.rental_at, said) or (own if event.entity == "rentals" else "")
    return (Told(Entity(event.entity), facility, own, tenant, rental, event.may_be_gone),)


def _facility(connection: Connection, place: str) -> str | None:
    """The facility that is meant, by its code or one of its own options; None when it is none of ours."""
    rows = connection.settings.facilities
    return next((row.code for row in rows if place == row.code or place in row.options.values()), None)
