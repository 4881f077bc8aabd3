"""The portal's entrance: sign in and claim an account, ending in a tenant session or in one generic refusal."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pmsbridge.accounts.identity import match_contact, match_gate_code, match_login, no_match
from pmsbridge.engine.outcomes import ActionView
from pmsbridge.model.sealed import GateCode, WebPassword
from pmsbridge.portal.arguments import checked_key, checked_words, wiped_on_refusal
from pmsbridge.portal.card_numbers import refuse_card_number
from pmsbridge.portal.session import TenantSession
from pmsbridge.ports.adapter import Adapter
from pmsbridge.store.mirror import Mirror

if TYPE_CHECKING:
    from typing import Final

__all__ = ["Entrance"]


class Entrance:
    """``Bridge.accounts``: how a person becomes a tenant session."""

    def __init__(
        self, place: Callable[[str], tuple[Adapter, str]], tenant: Callable[[str, str], TenantSession], mirror: Mirror
    ) -> None:
        self._place = place
        self._mirror: Final = mirror
        self._tenant: Final = tenant

    def sign_in(self, facility: str, login: str, password: WebPassword) -> TenantSession | None:
        """Sign in with a login that the back office keeps.

        One e-mail may belong to several tenants; the one with an active rental comes first.

        Returns:
            The session, or None when login and password do not match: the same for known and unknown logins.

        Raises:
            InputError: The login is empty, too long, or holds a card number; nothing was asked.
            UnavailableError: The back office cannot be asked now.
        """
        with wiped_on_refusal(password):
            refuse_card_number("login", checked_words("login", login))
            adapter, code = self._place(facility)
        found = match_login(adapter, code, login=login, password=password)
        return self._tenant(facility, found[0]) if found else None

    def register(self, facility: str, *, phone: str, email: str, postal_code: str) -> TenantSession:
        """Find the tenant who has this telephone number, e-mail address and postal code on record; asks nobody.

        It looks into the last copy: whom the office entered or let in after the last night gets in after the next copy.
        All three must be right, and the tenant must be allowed to use the portal. The portal keeps the password that is
        chosen now; the digits of the telephone number are the login.

        Raises:
            IneligibleError: They do not match ("no_match"), whatever the reason.
            InputError: One is empty, too long, no telephone number, or a card number; nothing was looked for.
        """
        for field, words in (("phone", phone), ("email", email), ("postal_code", postal_code)):
            refuse_card_number(field, checked_words(field, words), is_phone=field == "phone")
        adapter, code = self._place(facility)
        tenant_id = match_contact(self._mirror, adapter, code, phone=phone, email=email, postal_code=postal_code)
        if tenant_id is None:
            raise no_match()
        return self._tenant(facility, tenant_id)

    def claim(
        self, facility: str, *, unit_number: str, gate_code: GateCode, login: str, password: WebPassword, key: str
    ) -> tuple[TenantSession, ActionView]:
        """Claim an account with unit number and gate code, and set its login. All units of the tenant come with it.

        Raises:
            IneligibleError: They do not match ("no_match"), whatever the reason.
            InputError: The unit number is empty or a card number, or the login or key does not fit; nothing was asked.
            UnavailableError: The back office cannot be asked now.
        """
        try:
            with wiped_on_refusal(gate_code):
                refuse_card_number("unit_number", checked_words("unit_number", unit_number))
                refuse_card_number("login", checked_words("login", login))
                checked_key(key)
                adapter, code = self._place(facility)
            tenant_id = match_gate_code(adapter, code, unit_number=unit_number, gate_code=gate_code)
            if tenant_id is None:
                raise no_match()
            session = self._tenant(facility, tenant_id)
            return session, session.change_password(login, password, key=key)
        finally:
            password.wipe()
