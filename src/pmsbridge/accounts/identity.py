"""Match a person to a tenant. The only answers are a tenant or nothing: never why not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pmsbridge.errors import IneligibleError, InputError
from pmsbridge.model.sealed import GateCode, WebPassword
from pmsbridge.ports.adapter import Adapter

__all__ = ["match_gate_code", "match_login", "no_match"]

_LONGEST_LOGIN_CHARS: Final = 200


def match_login(adapter: Adapter, facility: str, *, login: str, password: WebPassword) -> Sequence[str]:
    """Tenants whose web login this is, active rentals first; empty when it does not match.

    The password is used for one question and wiped.

    Raises:
        InputError: The login does not look like one; nothing was asked.
        UnavailableError: The back office cannot be asked now.
    """
    name = login.strip()
    try:
        if not name or len(name) > _LONGEST_LOGIN_CHARS:
            raise InputError("login", "is empty or too long", shape=f"{len(name)} characters")
        return tuple(adapter.sign_in(facility, login=name, password=password))
    finally:
        password.wipe()


def match_gate_code(adapter: Adapter, facility: str, *, unit_number: str, gate_code: GateCode) -> str | None:
    """The tenant of this unit with this gate code, else None. Both must match exactly: "015" is not "15".

    Raises:
        InputError: The unit number is empty; nothing was asked.
        UnavailableError: The back office cannot be asked now.
    """
    unit = unit_number.strip()
    try:
        if not unit:
            raise InputError("unit_number", "is empty")
        return adapter.match_gate_code(facility, unit_number=unit, gate_code=gate_code)
    finally:
        gate_code.wipe()


def no_match() -> IneligibleError:
    """The one answer to every claim that does not match, whatever the reason."""
    message = "These details do not match an account."
    return IneligibleError(message, code="no_match", unblock="Check them, or call the office.")
