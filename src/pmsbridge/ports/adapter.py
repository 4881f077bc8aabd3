"""The two ports of an adapter. They have opposite retry laws: a read may be repeated, a write may not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from pmsbridge.actions.effects import EffectBody
from pmsbridge.model.account import TenantAccount
from pmsbridge.model.documents import Note, Reservation
from pmsbridge.model.invoices import Invoice
from pmsbridge.model.ledger import LedgerEntry
from pmsbridge.model.money import Money
from pmsbridge.model.payments import Autopay, Payment
from pmsbridge.model.people import Tenant, TenantMatch
from pmsbridge.model.places import Facility, Unit
from pmsbridge.model.record import Record, Value
from pmsbridge.model.sealed import GateCode, WebPassword
from pmsbridge.ports.calls import CallGate
from pmsbridge.ports.capability import Capability
from pmsbridge.ports.outcome import Attempt, Probed, Receipt

__all__ = [
    "Adapter",
    "AdapterFactory",
    "AdapterPlugin",
    "Batch",
    "Entity",
    "PrepayLine",
    "PrepayQuote",
    "Query",
    "ReadPort",
    "Secrets",
    "TenantSearch",
    "WritePort",
]


class Entity(StrEnum):
    """What a nightly reading can ask for. Every adapter has the first four; others raise UnsupportedError."""

    FACILITIES = "facilities"
    UNITS = "units"
    TENANTS = "tenants"
    RENTALS = "rentals"
    CONTACTS = "contacts"
    ITEMS_OUT = "items_out"
    LEDGER_ENTRIES = "ledger_entries"
    INVOICES = "invoices"
    PAYMENTS = "payments"
    PAYMENT_METHODS = "payment_methods"
    AUTOPAY = "autopay"
    DOCUMENTS = "documents"
    QUOTES = "quotes"
    RESERVATIONS = "reservations"
    NOTES = "notes"
    BULLETINS = "bulletins"
    EVENTS = "events"
    REQUESTS = "requests"
    MOVE_OUTS = "move_outs"
    CALL_OFFS = "call_offs"
    PORTAL_ACCOUNTS = "portal_accounts"

    @property
    def noun(self) -> str:
        """The record's own word ("tenant")."""
        return _NOUNS.get(self.value, self.value.removesuffix("s"))


_NOUNS = {
    "facilities": "facility", "ledger_entries": "ledger_entry", "items_out": "item_out",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Query:
    """One fetch: one entity of one facility."""

    entity: Entity
    facility: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Some records and the cursor that comes after them.

    Attributes:
        records: Neutral records, in any order.
        cursor: Pass it as ``since`` next time, also after a process died here; None when the back office has no cursor
            for this entity.
        is_complete: On the last batch: what was sent is everything there is, so a missing record was deleted. False for
            an incremental fetch.
    """

    records: Sequence[Record]
    cursor: str | None = None
    is_complete: bool = False


class TenantSearch(Value):
    """What to look a tenant up by. At least one field is set; every set field must match.

    Attributes:
        phone: Compared by digits.
        unit_number: Exact text: "015" is not "15".
    """

    first_name: str = ""
    last_name: str = ""
    company: str = ""
    email: str = ""
    phone: str = ""
    unit_number: str = ""

    @property
    def is_empty(self) -> bool:
        """Nothing to look by."""
        return not any(getattr(self, name).strip() for name in type(self).model_fields)


class PrepayLine(Value):
    """What one rental costs for the months asked for, on top of what is due now."""

    rental_id: str
    due_now: Money
    future: Money


class PrepayQuote(Value):
    """The back office's own quote for paying ahead; it writes nothing.

    Attributes:
        through: By rental id, the date rent would be paid through; absent where the back office does not say.
    """

    months: int
    lines: tuple[PrepayLine, ...]
    through: dict[str, date] = {}


@runtime_checkable
class WritePort(Protocol):
    """Writing. ``execute`` is called once per attempt, never concurrently within a lane."""

    @property
    def capabilities(self) -> Mapping[str, Capability]:
        """Collected from the handlers, by effect kind."""

    @property
    def settle_window(self) -> timedelta:
        """Longest late commit plus read-back lag: how long an unknown outcome sleeps before it is probed."""

    @property
    def send_timeout(self) -> timedelta:
        """Longest time one ``execute`` may take; the lease outlives it."""

    @property
    def pays_together(self) -> frozenset[str]:
        """Means ("card", "bank_debit", "external", "stored") by which one payment can cover several rentals."""

    def lane(self, effect: EffectBody) -> str:
        """What must be serialised for this effect ("office:main"); the adapter's choice."""

    def execute(self, effect: EffectBody, attempt: Attempt) -> Receipt:
        """Carry an effect out, once. Raises the five classes of ``pmsbridge.errors`` and nothing else."""

    def probe(self, effect: EffectBody, attempt: Attempt) -> Probed:
        """Look whether an effect is there."""

    def baseline(self, effect: EffectBody) -> Mapping[str, str]:
        """Read, before a send, what a later probe compares with.

        Of a payment, ``receipts.RENTAL`` may name, one a line, the payments of the same amount that are there already.
        """

    def close(self) -> None:
        """Let go of connections. Idempotent."""


@runtime_checkable
class ReadPort(Protocol):
    """Reading. Every method may raise ConfigurationError, UnavailableError, RejectedError or UnsupportedError.

    A ConfigurationError about one facility alone has a code that begins with "facility_". After any other that the back
    office gave, no night asks the account again until a person has acted.

    Nothing here changes the back office. Ids are the vendor's, as text, scoped by facility. A tenant id that does not
    exist at the facility raises NotFoundError.
    """

    def facilities(self) -> Sequence[Facility]:
        """Every configured facility, as the back office describes it."""

    def facility(self, facility: str) -> Facility:
        """One facility."""

    def fetch(self, query: Query, *, since: str | None = None) -> Iterator[Batch]:
        """Stream one entity of one facility; memory does not grow with the answer."""

    def account(self, facility: str, tenant_id: str) -> TenantAccount:
        """Live: tenant, current rentals, balances, autopay, in as few calls as the back office allows."""

    def tenant(self, facility: str, tenant_id: str) -> Tenant:
        """Live: one tenant."""

    def unit(self, facility: str, unit_id: str) -> Unit:
        """Live: one unit."""

    def units(self, facility: str, *, available_only: bool = False) -> Iterator[Unit]:
        """Live: units of a facility."""

    def autopay(self, facility: str, tenant_id: str) -> Sequence[Autopay]:
        """Live: autopay of every rental of a tenant."""

    def payments(self, facility: str, tenant_id: str, rental_id: str) -> Sequence[Payment]:
        """Live: payments of one rental, newest first."""

    def ledger(self, facility: str, tenant_id: str, rental_id: str) -> Sequence[LedgerEntry]:
        """Live: movements of one rental, oldest first."""

    def invoices(self, facility: str, tenant_id: str, *, since: date, until: date) -> Sequence[Invoice]:
        """Live: invoices issued between two business dates, inclusive."""

    def notes(self, facility: str, tenant_id: str, rental_id: str) -> Sequence[Note]:
        """Live: notes on one rental."""

    def reservations(self, facility: str, tenant_id: str) -> Sequence[Reservation]:
        """Live: a tenant's reservations."""

    def prepay_quote(self, facility: str, tenant_id: str, months: int) -> PrepayQuote:
        """Live: what paying 1 to 12 months ahead costs. Writes nothing."""

    def find_tenants(self, facility: str, search: TenantSearch) -> Sequence[TenantMatch]:
        """Live: who matches; exact matches say so. An empty search is refused."""

    def match_gate_code(self, facility: str, *, unit_number: str, gate_code: GateCode) -> str | None:
        """Live: the tenant of a unit whose gate code is this one, else None."""

    def sign_in(self, facility: str, *, login: str, password: WebPassword) -> Sequence[str]:
        """Live: tenant ids whose web login this is, active rentals first; empty when it does not match."""


@runtime_checkable
class Adapter(WritePort, ReadPort, Protocol):
    """A back office: both ports over one account."""

    @property
    def system(self) -> str:
        """The product's short name ("sitelink")."""

    @property
    def account_name(self) -> str:
        """The configured account."""

    @property
    def facility_codes(self) -> Sequence[str]:
        """The configured facilities, without asking the back office."""

    def diagnose(self) -> Sequence[Mapping[str, str]]:
        """For ``doctor``: checks with ``name``, ``status`` (ok, warning, failed, skipped), ``detail``, ``remedy``."""


class Secrets(Protocol):
    """Where secret settings come from; settings hold references only."""

    def get(self, reference: str) -> str:
        """The secret behind a reference such as ``env:NAME`` or ``file:/run/secrets/x``.

        Raises:
            ConfigurationError: There is nothing behind it.
        """


class AdapterFactory(Protocol):
    """Makes an adapter of one account from its settings table."""

    def __call__(
        self, account: str, options: Mapping[str, Any], *, secrets: Secrets, gate: CallGate | None = None
    ) -> Adapter:
        """Read the options and build; no network yet.

        Args:
            account: The configured account's name.
            options: Its own settings table.
            secrets: Where references among the options are looked up.
            gate: Where all processes agree on who calls next, and calls that the vendor charges for are counted; to be
                entered before every call and left after it. None for this process alone.

        Raises:
            ConfigurationError: An option is missing, unknown or wrong; the message names it and the remedy.
        """


@dataclass(frozen=True, slots=True)
class AdapterPlugin:
    """What an entry point of ``pmsbridge.adapters`` points at.

    Attributes:
        system: Short name, the entry point's own.
        extra: The extra that installs what the adapter needs.
        create: The factory; importing the plugin itself needs nothing beyond the core.
    """

    system: str
    extra: str
    create: AdapterFactory
