"""Live reads of one facility, tenant, unit or rental."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from typing import Any, Final, NoReturn, cast

from pydantic import ValidationError

from pmsbridge.errors import InputError, NotFoundError, UnavailableError, UnsupportedError
from pmsbridge.model.account import RentalAccount, TenantAccount
from pmsbridge.model.documents import Note, Reservation
from pmsbridge.model.invoices import Invoice
from pmsbridge.model.ledger import Balances, LedgerEntry
from pmsbridge.model.money import Money, sum_money
from pmsbridge.model.payments import Autopay, AutopayRecord, Payment
from pmsbridge.model.people import Phone, Tenant, TenantMatch
from pmsbridge.model.places import Facility, FacilityPolicy, Unit, UnitState
from pmsbridge.model.record import Record, Source
from pmsbridge.model.rental import Rental
from pmsbridge.model.sealed import GateCode, WebPassword
from pmsbridge.ports.adapter import PrepayLine, PrepayQuote, TenantSearch
from pmsbridge.ports.calls import Priority
from pmsbridge.transport.http import Deadline
from pmsbridge_rest.connection import Connection
from pmsbridge_rest.filling import Filler
from pmsbridge_rest.lists import Listing
from pmsbridge_rest.mapping.entities import EntityMap
from pmsbridge_rest.mapping.model_fields import BY_UNIT, PREPAY_FIELDS
from pmsbridge_rest.mapping.paths import ABSENT
from pmsbridge_rest.mapping.prepay import Prepay
from pmsbridge_rest.mapping.requests import Reading
from pmsbridge_rest.one_look import one_look
from pmsbridge_rest.row_values import FieldReader
from pmsbridge_rest.rows import RowError, RowReader

__all__ = ["LiveReads", "made"]

_BALANCES: Final = tuple(Balances.model_fields)
_BESIDE: Final = ("billed", "days_past_due", "payments_blocked", "is_complimentary", "last_payment_on")


class LiveReads:
    """The live half of the reading port. What the mapping does not read is unsupported, not empty."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._facilities: dict[str, tuple[datetime, Facility]] = {}

    @property
    def connection(self) -> Connection:
        """The way to the back office."""
        return self._connection

    # facilities and units

    def facilities(self) -> Sequence[Facility]:
        """Every configured facility, as the back office describes it; reused for a while."""
        return [self.facility(row.code) for row in self._connection.settings.facilities]

    def facility(self, facility: str) -> Facility:
        """One facility; from the settings alone where the back office describes none."""
        now = self._connection.clock.now()
        cached = self._facilities.get(facility)
        if cached is not None and now - cached[0] < self._connection.settings.facility_cache:
            return cached[1]
        found = self._read_facility(facility)
        self._facilities[facility] = (now, found)
        return found

    def _read_facility(self, facility: str) -> Facility:
        settings = self._connection.facility(facility)
        entity = self._connection.mapping.entities.get("facilities")
        if entity is None or entity.one is None:
            return self._from_settings(facility)
        record = cast("Facility", self._one("facilities", facility, id=facility))
        named = record if record.name or not settings.name else record.changed(name=settings.name)
        return named.changed(policy=self._policy(facility, named.policy))

    def _from_settings(self, facility: str) -> Facility:
        settings = self._connection.facility(facility)
        scope = self._connection.scope(facility, seen_at=self._connection.clock.now())
        return Facility(
            ref=scope.ref("facility", facility),
            name=settings.name or facility,
            zone=settings.zone,
            currency=settings.currency,
            policy=self._policy(facility, FacilityPolicy()),
        )

    def _policy(self, facility: str, read: FacilityPolicy) -> FacilityPolicy:
        """What the vendor's rules make of it, then what the back office says, then what the operator set."""
        names = FacilityPolicy.model_fields
        vendor = self._connection.mapping.policy.model_dump(include=set(names), exclude_unset=True)
        said = read.model_dump(exclude_unset=True)
        return FacilityPolicy.model_validate({**vendor, **said, **self._connection.facility(facility).policy})

    def unit(self, facility: str, unit_id: str) -> Unit:
        """One unit.

        Raises:
            NotFoundError: There is no such unit.
        """
        return cast("Unit", self._one("units", facility, id=unit_id, unit_id=unit_id))

    def units(self, facility: str, *, available_only: bool = False) -> Iterator[Unit]:
        """Units of a facility, page by page."""
        listing, reader = self._asked("units", facility, ("all",))
        for page in listing.pages(deadline=self._live_end):
            for row in page.rows:
                unit = cast("Unit", made(reader, row))
                if not available_only or unit.state is UnitState.VACANT:
                    yield unit

    # one tenant

    def tenant(self, facility: str, tenant_id: str) -> Tenant:
        """One tenant.

        Raises:
            NotFoundError: There is no such tenant.
        """
        return cast("Tenant", self._one("tenants", facility, id=tenant_id, tenant_id=tenant_id))

    def account(self, facility: str, tenant_id: str) -> TenantAccount:
        """Tenant, rentals with balances and, where it is mapped, autopay. No request is sent twice for it.

        Raises:
            NotFoundError: There is no such tenant.
        """
        with one_look():
            return self._account(facility, tenant_id)

    def _account(self, facility: str, tenant_id: str) -> TenantAccount:
        tenant = self.tenant(facility, tenant_id)
        listing, reader = self._asked("rentals", facility, ("of_tenant",), tenant_id=tenant_id)
        rows = listing.all(self._live_end())
        rentals = [cast("Rental", made(reader, row)) for row in rows]
        autopay = {one.rental_id: one for one in self._autopay_if_mapped(facility, tenant_id, rentals)}
        return TenantAccount(
            facility=self.facility(facility),
            tenant=tenant,
            rentals=tuple(
                self._rental_account(facility, tenant_id, reader, row, rental, autopay)
                for row, rental in zip(rows, rentals, strict=True)
            ),
            as_of=self._connection.clock.now(),
            source=Source.LIVE,
        )

    def _rental_account(
        self,
        facility: str,
        tenant_id: str,
        reader: RowReader,
        row: Any,  # noqa: ANN401 - one row as answered
        rental: Rental,
        autopay: dict[str, Autopay],
    ) -> RentalAccount:
        currency = self._connection.facility(facility).currency
        beside = self._money_row(facility, tenant_id, rental.id, reader, row)
        if reader.entity.ledger_is_summed:
            entries = self.ledger(facility, tenant_id, rental.id)
            beside["ledger"] = sum_money((entry.effect for entry in entries), currency)
        if "billed" not in beside and rental.next_charge_on is not None:
            beside["billed"] = rental.next_charge_on > self._today(facility)
        try:
            return RentalAccount(
                rental=rental,
                balances=_balances(beside, currency),
                autopay=autopay.get(rental.id),
                **{name: beside[name] for name in _BESIDE if name in beside},
            )
        except ValidationError:
            message = "rentals: the account's values do not fit together"
        raise UnavailableError(message, code="unreadable_row")

    def _money_row(self, facility: str, tenant_id: str, rental_id: str, reader: RowReader, row: Any) -> dict[str, Any]:  # noqa: ANN401
        """The account's fields: of the rental's own row, or of a read of their own."""
        own = self._connection.mapping.entities["rentals"].account_of_rental
        if own is not None:
            filler = self._connection.read_filler(facility, id=rental_id, rental_id=rental_id, tenant_id=tenant_id)
            rows = Listing(self._connection, facility, own, filler, "rentals.account").all(self._live_end())
            if len(rows) != 1:
                raise UnavailableError("rentals: the account of a rental is not one row", code="no_rows")
            row, reader = rows[0], self._connection.rows("rentals", filler, facility)
        try:
            return reader.account(row)
        except RowError as problem:
            message = f"rentals: {problem}"
        raise UnavailableError(message, code="unreadable_row")

    def _autopay_if_mapped(self, facility: str, tenant_id: str, rentals: Sequence[Rental]) -> Sequence[Autopay]:
        entity = self._connection.mapping.entities.get("autopay")
        return () if entity is None or entity.of_tenant is None else self._autopay_of(facility, tenant_id, rentals)

    def autopay(self, facility: str, tenant_id: str) -> Sequence[Autopay]:
        """Autopay of every rental of a tenant."""
        rentals = list[Rental]()
        if BY_UNIT in self._entity("autopay").fields:
            found = self._records("rentals", facility, ("of_tenant",), tenant_id=tenant_id)
            rentals = [cast("Rental", record) for record in found]
        return self._autopay_of(facility, tenant_id, rentals)

    def _autopay_of(self, facility: str, tenant_id: str, rentals: Sequence[Rental]) -> Sequence[Autopay]:
        """What stands in the rows; a row that names a unit is about the rental that the tenant has there."""
        records = self._records("autopay", facility, ("of_tenant",), tenant_id=tenant_id)
        found = [cast("AutopayRecord", record).autopay for record in records]
        if BY_UNIT not in self._entity("autopay").fields:
            return found
        let = {rental.unit_id: rental.id for rental in rentals if rental.state.is_current}
        return [one.changed(rental_id=let[one.rental_id]) for one in found if one.rental_id in let]

    # one rental

    def payments(self, facility: str, tenant_id: str, rental_id: str) -> Sequence[Payment]:
        """Payments of one rental, newest first."""
        records = self._of_rental("payments", facility, tenant_id, rental_id)
        found = [cast("Payment", record) for record in records]
        return sorted(found, key=lambda payment: payment.paid_on, reverse=True)

    def ledger(self, facility: str, tenant_id: str, rental_id: str) -> Sequence[LedgerEntry]:
        """Movements of one rental, oldest first."""
        found = [cast("LedgerEntry", one) for one in self._of_rental("ledger_entries", facility, tenant_id, rental_id)]
        return sorted(found, key=lambda entry: entry.effective_on)

    def notes(self, facility: str, tenant_id: str, rental_id: str) -> Sequence[Note]:
        """Notes on one rental, or on its tenant where the back office keeps them there."""
        records = [cast("Note", record) for record in self._of_rental("notes", facility, tenant_id, rental_id)]
        return [note for note in records if note.rental_id in {None, rental_id}]

    def invoices(self, facility: str, tenant_id: str, *, since: date, until: date) -> Sequence[Invoice]:
        """Invoices issued between two business dates, inclusive."""
        asked = {"tenant_id": tenant_id, "since": since, "until": until}
        records = self._records("invoices", facility, ("of_tenant",), **asked)
        found = [cast("Invoice", record) for record in records]
        return [invoice for invoice in found if since <= invoice.issued_on <= until]

    def invoice(self, facility: str, tenant_id: str, invoice_id: str) -> Invoice:
        """One invoice of a tenant that a customer may see; one call.

        Raises:
            NotFoundError: The tenant has none of that id, or it may not be seen.
        """
        found = cast("Invoice", self._one("invoices", facility, id=invoice_id, tenant_id=tenant_id))
        if found.tenant_id != tenant_id or not found.is_visible:
            raise NotFoundError("invoice", "there is no such invoice", code="invoice_not_found")
        return found

    def reservations(self, facility: str, tenant_id: str) -> Sequence[Reservation]:
        """A tenant's reservations."""
        records = self._records("reservations", facility, ("of_tenant",), tenant_id=tenant_id)
        return [cast("Reservation", record) for record in records]

    # people

    def find_tenants(self, facility: str, search: TenantSearch) -> Sequence[TenantMatch]:
        """Who matches; every hit of the back office is compared again.

        Raises:
            InputError: The search is empty.
        """
        if search.is_empty:
            raise InputError("search", "is empty", remedy="Give at least one field.")
        given = {name: text for name, text in search.model_dump().items() if text}
        found = self._records("tenants", facility, ("search",), **{**dict.fromkeys(TenantSearch.model_fields), **given})
        tenants = [cast("Tenant", record) for record in found]
        return [_match(tenant, search, self._connection.account, facility) for tenant in tenants]

    @property
    def quotes_prepay(self) -> bool:
        """Whether the mapping has a price for months ahead."""
        return self._connection.mapping.prepay is not None

    def prepay_quote(self, facility: str, tenant_id: str, months: int) -> PrepayQuote:
        """What the back office says that months ahead cost: the account's calls, and one per current rental.

        Raises:
            UnsupportedError: The mapping has no price for them.
            UnavailableError: No usable answer, or one without a price.
        """
        section = self._connection.mapping.prepay
        if section is None:
            self._none("a quote for paying ahead", "prepay_quote")
        account = self.account(facility, tenant_id)
        lines, through = list[PrepayLine](), dict[str, date]()
        for row in account.current:
            future, until = self._ahead(section, facility, tenant_id, row.id, months)
            lines.append(PrepayLine(rental_id=row.id, due_now=row.balances.payable_now, future=future))
            if until is not None:
                through[row.id] = until
        return PrepayQuote(months=months, lines=tuple(lines), through=through)

    def _ahead(
        self, section: Prepay, facility: str, tenant_id: str, rental_id: str, months: int
    ) -> tuple[Money, date | None]:
        """What months of one rental cost, and through which date they would be paid."""
        filler = self._connection.read_filler(facility, rental_id=rental_id, tenant_id=tenant_id, months=months)
        rows = Listing(self._connection, facility, section.of_rental, filler, "prepay").all(self._live_end())
        if len(rows) != 1:
            message = "prepay: the price of a rental is not one row"
            raise UnavailableError(message, code="no_rows")
        reader = FieldReader(
            self._connection.mapping, self._connection.scope(facility, seen_at=None), dict(filler.places)
        )
        try:
            future = reader.value("future", section.future, PREPAY_FIELDS["future"], rows[0])
            until = ABSENT
            if section.through is not None:
                until = reader.value("through", section.through, PREPAY_FIELDS["through"], rows[0])
        except RowError as problem:
            message = f"prepay: {problem}"
            raise UnavailableError(message, code="unreadable_row") from None
        if not isinstance(future, Money) or future.currency != self._connection.facility(facility).currency:
            message = "prepay: the answer has no price in the facility's currency"
            raise UnavailableError(message, code="unreadable_row")
        return future, until if isinstance(until, date) else None

    def match_gate_code(self, facility: str, *, unit_number: str, gate_code: GateCode) -> str | None:  # noqa: ARG002 - the port's signature
        """No mapping reads gate codes."""
        gate_code.wipe()
        self._none("gate codes", "gate_codes")

    def sign_in(self, facility: str, *, login: str, password: WebPassword) -> Sequence[str]:  # noqa: ARG002 - the port's signature
        """No mapping has a password check."""
        password.wipe()
        self._none("sign-in", "sign_in")

    def _none(self, what: str, code: str) -> NoReturn:
        message = f"this back office has no {what} that is mapped"
        raise UnsupportedError(message, code=f"no_{code}")

    # rows and records

    def _of_rental(self, noun: str, facility: str, tenant_id: str, rental_id: str) -> list[Record]:
        """Records of a rental: asked for so, or picked from the tenant's."""
        entity = self._entity(noun)
        found = self._records(noun, facility, ("of_rental", "of_tenant"), tenant_id=tenant_id, rental_id=rental_id)
        if entity.of_rental is not None:
            return found
        return [record for record in found if getattr(record, "rental_id", None) in {None, rental_id}]

    def _records(self, noun: str, facility: str, reads: Sequence[str], **read: Any) -> list[Record]:
        listing, reader = self._asked(noun, facility, reads, **read)
        return [made(reader, row) for row in listing.all(self._live_end())]

    def _one(self, noun: str, facility: str, **read: Any) -> Record:
        """The one record of a read.

        Raises:
            NotFoundError: There is none.
        """
        records = self._records(noun, facility, ("one",), **read)
        word = noun.removesuffix("s") if noun != "facilities" else "facility"
        if not records:
            raise NotFoundError(word, f"there is no such {word}", code=f"{word}_not_found")
        if len(records) > 1:
            message = f"{noun}: the read of one answered with several"
            raise UnavailableError(message, code="no_rows")
        return records[0]

    def _asked(self, noun: str, facility: str, reads: Sequence[str], **read: Any) -> tuple[Listing, RowReader]:
        filler = self._connection.read_filler(facility, **read)
        reader = self._connection.rows(noun, filler, facility)
        return self._listing(noun, facility, self._reading(noun, *reads), filler, reader), reader

    def _listing(
        self,
        noun: str,
        facility: str,
        reading: Reading,
        filler: Filler,
        reader: RowReader,
        *,
        priority: Priority = Priority.INTERACTIVE,
    ) -> Listing:
        return Listing(self._connection, facility, reading, filler, noun, priority, key=_key(reader))

    def _entity(self, noun: str) -> EntityMap:
        found = self._connection.mapping.entities.get(noun)
        if found is None:
            self._none(noun.replace("_", " "), noun)
        return found

    def _reading(self, noun: str, *kinds: str) -> Reading:
        """The first of these reads that is mapped.

        Raises:
            UnsupportedError: None is.
        """
        entity = self._entity(noun)
        found = next((one for kind in kinds if (one := getattr(entity, kind)) is not None), None)
        if found is None:
            self._none(f"{noun.replace('_', ' ')} ({' or '.join(kinds)})", noun)
        return cast("Reading", found)

    def _today(self, facility: str) -> date:
        """The business date at a facility."""
        zone = self._connection.scope(facility, seen_at=None).zone
        return self._connection.clock.now().astimezone(zone).date()

    def _live_end(self) -> Deadline:
        return self._connection.deadline(self._connection.mapping.connection.timeouts.live)


def made(reader: RowReader, row: Any) -> Record:  # noqa: ANN401 - one row as answered
    """The record of a row.

    Raises:
        UnavailableError: It is none; a list that leaves it out would say something false.
    """
    try:
        return reader.record(row)
    except RowError as problem:
        message = f"{reader.noun}: {problem}"
    raise UnavailableError(message, code="unreadable_row")


def _key(reader: RowReader) -> Callable[[Any], str]:
    """A row's id; of a row without one, nothing, which then differs from no other."""

    def key(row: Any) -> str:  # noqa: ANN401 - one row as answered
        try:
            return reader.id_of(row)
        except (RowError, KeyError):
            return ""

    return key


def _balances(said: dict[str, Any], currency: str) -> Balances:
    """What the back office says of the balances; of the others, what follows from the ledger.

    Raises:
        UnavailableError: It does not say what is posted.
    """
    ledger = said.get("ledger")
    if not isinstance(ledger, Money):
        raise UnavailableError("rentals: the row does not say its balance", code="unreadable_row")
    if ledger.currency != currency:
        raise UnavailableError("rentals: the balance is in another currency than the facility", code="unreadable_row")
    past_due = said.get("past_due")
    whole = Balances.of_ledger(ledger, past_due=past_due if isinstance(past_due, Money) else None)
    return whole.changed(**{name: said[name] for name in _BALANCES if name in said})


def _match(tenant: Tenant, search: TenantSearch, account: str, facility: str) -> TenantMatch:
    return TenantMatch(
        tenant_id=tenant.id,
        account=account,
        facility=facility,
        name=tenant.name,
        email=tenant.email,
        phone=tenant.phone or tenant.mobile,
        has_active_rental=tenant.is_active,
        is_exact=_is_exact(tenant, search),
    )


def _is_exact(tenant: Tenant, search: TenantSearch) -> bool:
    """Every given word equals the record's; a unit's number is not in a tenant's record and is never exact."""
    phones = {phone.digits for phone in (tenant.phone, tenant.mobile) if phone is not None}
    pairs = (
        (search.first_name, tenant.name.first),
        (search.last_name, tenant.name.last),
        (search.company, tenant.name.company),
        (search.email, tenant.email),
    )
    words = all(not given.strip() or given.strip().casefold() == held.strip().casefold() for given, held in pairs)
    phone = not search.phone.strip() or Phone(raw=search.phone).digits in phones
    return words and phone and not search.unit_number.strip()
