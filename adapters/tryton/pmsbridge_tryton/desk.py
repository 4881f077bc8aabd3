"""What every part of the adapter stands on: the client, the settings, and the few ids that are looked up by name."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from pmsbridge.errors import ConfigurationError, NotFoundError
from pmsbridge.ports.clock import Clock
from pmsbridge.transport.http import Deadline
from pmsbridge_tryton.client import TrytonClient
from pmsbridge_tryton.mapping.scope import Scope, text
from pmsbridge_tryton.settings import FacilitySettings, TrytonSettings
from pmsbridge_tryton.vocabulary import COMPANY_FIELDS
from pmsbridge_tryton.wire import Reference, Row, UnreadableError, nested, reference_of

__all__ = ["Desk", "reference", "vendor_id"]

_LARGEST_ID: Final = 2**31 - 1
_COMPANY_IS_GOOD_FOR: Final = timedelta(minutes=15)


def vendor_id(field: str, words: str) -> int:
    """An id as the number the back office wants.

    Raises:
        NotFoundError: It is no number, so nothing there has it.
    """
    if not (words.isascii() and words.isdigit()) or not 0 < int(words) <= _LARGEST_ID:
        raise NotFoundError(
            field, "there is nothing of this id", shape=f"{len(words)} characters", code=f"{field}_not_found"
        )
    return int(words)


class Desk:
    """One account.

    Attributes:
        account: The configured account's name.
        client: Asks and tells.
    """

    def __init__(self, account: str, settings: TrytonSettings, client: TrytonClient, clock: Clock) -> None:
        """Nothing is asked yet."""
        self.account, self.settings, self.client, self.clock = account, settings, client, clock
        self._company: tuple[datetime, Row] | None = None
        self._ids: dict[tuple[str, str], int] = {}

    def __repr__(self) -> str:
        return f"<Desk {self.account}>"

    def facility(self, code: str) -> FacilitySettings:
        """The settings of the facility.

        Raises:
            NotFoundError: It is not the one of this account.
        """
        if code != self.settings.facility.code:
            raise NotFoundError("facility", "is not configured for this account", code="facility_not_found")
        return self.settings.facility

    def today(self) -> date:
        """The business date."""
        return self.clock.now().astimezone(ZoneInfo(self.settings.facility.zone)).date()

    def deadline(self, span: timedelta, *, not_after: datetime | None = None) -> Deadline:
        """The end of one piece of work; no byte leaves after ``not_after``."""
        return self.client.deadline(span, not_after=not_after)

    def company(self) -> Row:
        """The company whose books these are, with its party's addresses; asked again after a while.

        Raises:
            ConfigurationError: The user belongs to none, or may not read it.
        """
        now = self.clock.now()
        if self._company is not None and now - self._company[0] < _COMPANY_IS_GOOD_FOR:
            return self._company[1]
        wanted = self.client.login().company
        rows = self.client.search_read("company.company", [["id", "=", wanted or 0]], COMPANY_FIELDS)
        if not rows:
            message = f"accounts.{self.account}: the user has no company; set company, or give the user one"
            raise ConfigurationError(message, code="no_company")
        self._company = (now, rows[0])
        return rows[0]

    def scope(self, code: str, *, is_compared: bool = False) -> Scope:
        """Where rows of the facility come from, read now; for rows that are compared, without the time."""
        found = self.facility(code)
        currency = next(iter(nested(self.company(), "currency")), {})
        return Scope(
            account=self.account, facility=found.code, currency=text(currency, "code"), zone=found.zone,
            read_at=None if is_compared else self.clock.now(), user_id=self.client.login().user_id,
            customer_mark=self.settings.customer_mark,
        )  # fmt: skip

    def named(self, model: str, name: str, setting: str) -> int:
        """The id of a record that the settings name; asked once.

        Raises:
            ConfigurationError: There is none of that name, or several.
        """
        key = (model, name)
        if key not in self._ids:
            rows = self.client.search_read(model, [["name", "=", name]], ["name"], limit=2)
            if len(rows) != 1:
                many = "no record" if not rows else "several records"
                message = f"accounts.{self.account}.{setting}: {many} of {model} has that name"
                raise ConfigurationError(message, code="name_not_found")
            self._ids[key] = rows[0]["id"]
        return self._ids[key]

    def needs_mandate(self, journal: str) -> bool:
        """Whether a payment journal draws by mandate; asked once."""
        key = ("drawn by mandate", journal)
        if key not in self._ids:
            rows = self.client.search_read("account.payment.journal", [["name", "=", journal]], ["process_method"])
            self._ids[key] = int(any(row.get("process_method") == "sepa" for row in rows))
        return bool(self._ids[key])

    def categories(self) -> dict[str, int | None]:
        """What a party's categories are looked at for, as ``tenant_of`` takes them."""
        names = ("portal_category", "cash_only_category")
        return {name: self.category(name) for name in names}

    def category(self, setting: str) -> int | None:
        """The id of a party category by the setting that names it; None when it names none."""
        name: str | None = getattr(self.settings, setting)
        return None if name is None else self.named("party.category", name, setting)

    def read(
        self,
        model: str,
        domain: Sequence[object],
        fields: Sequence[str],
        *,
        deadline: Deadline | None = None,
        **options: Any,
    ) -> list[Row]:
        """Records that fit; see ``TrytonClient.search_read``."""
        return self.client.search_read(model, domain, fields, deadline=deadline, **options)


def reference(field: str, words: str) -> Reference:
    """A record named by model and id ("sale.rental,7").

    Raises:
        NotFoundError: It is no such name.
    """
    try:
        found = reference_of(words)
    except UnreadableError:
        found = None
    if found is None or found.id > _LARGEST_ID:
        raise NotFoundError(
            field, "there is nothing of this id", shape=f"{len(words)} characters", code=f"{field}_not_found"
        )
    return found
