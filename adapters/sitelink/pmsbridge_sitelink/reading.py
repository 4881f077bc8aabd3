"""Live reads of one tenant, unit or facility."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from pmsbridge.errors import NotFoundError, RejectedError
from pmsbridge.model.account import TenantAccount
from pmsbridge.model.documents import Note, Reservation
from pmsbridge.model.invoices import Invoice
from pmsbridge.model.ledger import LedgerEntry
from pmsbridge.model.payments import Autopay, Payment, PaymentMethod
from pmsbridge.model.people import Tenant
from pmsbridge.model.places import Facility, Unit, UnitState
from pmsbridge.model.record import Source
from pmsbridge.ports.adapter import PrepayQuote
from pmsbridge_sitelink.connection import Connection, vendor_id
from pmsbridge_sitelink.mapping.billing import autopay_of, method_of
from pmsbridge_sitelink.mapping.cells import Row, day, required
from pmsbridge_sitelink.mapping.money import entries_of, invoices_of, payments_of
from pmsbridge_sitelink.mapping.papers import note_of, reservation_of
from pmsbridge_sitelink.mapping.people import tenant_of
from pmsbridge_sitelink.mapping.places import facility_of, policy_of, unit_of
from pmsbridge_sitelink.mapping.rentals import account_of, by_rental, prepaid_through, prepay_lines, rental_of
from pmsbridge_sitelink.wire import Table

__all__ = ["Reading"]

_MOST_MONTHS = 12


def midnight(day_: date) -> datetime:
    """A business date the way the back office wants it: with a time and without a zone."""
    return datetime.combine(day_, time.min)


class Reading:
    """The live half of the reading port. Calls are what is expensive: each method says how many it makes."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._facilities: dict[str, tuple[datetime, Facility]] = {}

    @property
    def connection(self) -> Connection:
        """The way to the back office."""
        return self._connection

    def _today(self, facility: str) -> date:
        zone = self._connection.facility(facility).zone
        return self._connection.clock.now().astimezone(ZoneInfo(zone)).date()

    # facilities and units

    def facilities(self) -> Sequence[Facility]:
        """Every configured facility, as the back office describes it; two calls each, reused for a while."""
        return [self.facility(row.code) for row in self._connection.settings.facilities]

    def facility(self, facility: str) -> Facility:
        """One facility; two calls, reused for a while."""
        now = self._connection.clock.now()
        cached = self._facilities.get(facility)
        if cached is not None and now - cached[0] < self._connection.settings.facility_cache:
            return cached[1]
        found = self._read_facility(facility)
        self._facilities[facility] = (now, found)
        return found

    def _read_facility(self, facility: str) -> Facility:
        settings = self._connection.facility(facility)
        rows = self._connection.read("SiteInformation", facility, {}).get(Table.ROWS, ())
        if not rows:
            raise NotFoundError("facility", "the back office has no record of it", code="facility_not_found")
        policy = policy_of(self._payment_settings(facility), settings.policy)
        return facility_of(rows[0], self._connection.scope(facility), name=settings.name, policy=policy)

    def _payment_settings(self, facility: str) -> Row | None:
        """When online payment stops. An account that may not read it has the settings' rules only."""
        try:
            rows = self._connection.read("PaymentSettings", facility, {}).get(Table.ROWS, ())
        except RejectedError:
            return None
        return rows[0] if rows else None

    def unit(self, facility: str, unit_id: str) -> Unit:
        """One unit, with the notice a move-out of it needs; one call.

        Raises:
            NotFoundError: There is no such unit.
        """
        rows = self._connection.read("UnitsInformationByUnitID", facility, {"UnitID": vendor_id("unit", unit_id)})
        if not rows.get(Table.ROWS):
            raise NotFoundError("unit", "there is no such unit", code="unit_not_found")
        return unit_of(rows[Table.ROWS][0], self._connection.scope(facility))

    def units(self, facility: str, *, available_only: bool = False) -> Iterator[Unit]:
        """Units of a facility by one call. Reserved ones are not available, although they are listed."""
        scope = self._connection.scope(facility)
        operation = "UnitsInformationAvailableUnitsOnly_v2" if available_only else "UnitsInformation_v3"
        params: dict[str, object] = {"lngLastTimePolled": "0"}
        if not available_only:
            params["bReturnExcludedFromWebsiteUnits"] = True
        for _, row in self._connection.stream(operation, facility, params, Table.ROWS):
            found = unit_of(row, scope) if row.get("UnitID") else None
            if found is not None and (not available_only or found.state is UnitState.VACANT):
                yield found

    # one tenant

    def _ledgers(self, facility: str, tenant_id: str) -> Sequence[Row]:
        vendor_id("tenant", tenant_id)
        return self._connection.read("LedgersByTenantID_v3", facility, {"sTenantID": tenant_id}).get(Table.LEDGERS, ())

    def _balances(self, facility: str, tenant_id: str) -> Sequence[Row]:
        params = {"iTenantID": vendor_id("tenant", tenant_id)}
        return self._connection.read("CustomerAccountsBalanceDetails_v2", facility, params).get(Table.ROWS_1, ())

    def _billing(self, facility: str, tenant_id: str) -> Sequence[Row]:
        params = {"iTenantID": vendor_id("tenant", tenant_id)}
        return self._connection.read("TenantBillingInfoByTenantID_v3", facility, params).get(Table.ROWS, ())

    def account(self, facility: str, tenant_id: str) -> TenantAccount:
        """Tenant, rentals, balances and autopay in three calls; the tenant's own fields come with the rentals.

        A tenant without a rental costs two calls: the rentals, and the tenant's record.

        Raises:
            NotFoundError: There is no such tenant at the facility.
        """
        place = self.facility(facility)
        ledgers = self._ledgers(facility, tenant_id)
        scope, today = self._connection.scope(facility), self._today(facility)
        if not ledgers:
            tenant = self.tenant(facility, tenant_id)
            return TenantAccount(facility=place, tenant=tenant, rentals=(), as_of=scope.read_at, source=Source.LIVE)
        balances = by_rental(self._balances(facility, tenant_id))
        autopay = {row.rental_id: row for row in self.autopay(facility, tenant_id)}
        rentals = [rental_of(row, scope) for row in ledgers]
        return TenantAccount(
            facility=place,
            tenant=tenant_of(ledgers[0], scope),
            rentals=tuple(
                account_of(row, balances.get(row.id, []), autopay.get(row.id), scope, today) for row in rentals
            ),
            as_of=scope.read_at,
            source=Source.LIVE,
        )

    def tenant(self, facility: str, tenant_id: str) -> Tenant:
        """One tenant's record; one call. Password, social security number, licence and gate code never arrive.

        Whether there is a gate code is therefore not known, and reads as False.

        Raises:
            NotFoundError: There is no such tenant at the facility.
        """
        params = {"iTenantID": vendor_id("tenant", tenant_id)}
        rows = self._connection.read("TenantInfoByTenantID", facility, params).get(Table.ROWS, ())
        if not rows:
            raise NotFoundError("tenant", "there is no such tenant", code="tenant_not_found")
        return tenant_of(rows[0], self._connection.scope(facility))

    def autopay(self, facility: str, tenant_id: str) -> Sequence[Autopay]:
        """Autopay of every rental of a tenant; one call."""
        rows = self._billing(facility, tenant_id)
        scope, today = self._connection.scope(facility), self._today(facility)
        return [autopay_of(row, scope, tenant_id=tenant_id, today=today) for row in rows]

    @property
    def tells_payment_methods(self) -> bool:
        """Cards, masked; of a stored bank account nothing."""
        return True

    def payment_methods(self, facility: str, tenant_id: str) -> Sequence[PaymentMethod]:
        """The cards that autopay charges, one a rental at most; one call. None of them can be charged on demand."""
        scope, today = self._connection.scope(facility), self._today(facility)
        found = [
            method_of(row, scope, tenant_id=tenant_id, rental_id=required(row, "LedgerID"), today=today)
            for row in self._billing(facility, tenant_id)
        ]
        return [method.changed(pays_on_demand=False, is_default=True) for method in found if method is not None]

    def paid_through(self, facility: str, rental_id: str) -> date | None:
        """Up to which day a rental's rent is paid, inclusive; one call. None when the back office does not say."""
        params = {"iLedgerID": vendor_id("rental", rental_id)}
        rows = self._connection.read("PaidThroughDateByLedgerID", facility, params).get(Table.ROWS, ())
        return day(rows[0], "dPaidThru") if rows else None

    # money

    def _payment_rows(self, facility: str, rental_id: str) -> Sequence[Row]:
        vendor_id("rental", rental_id)
        return self._connection.read("PaymentsByLedgerID", facility, {"sLedgerID": rental_id}).get(Table.PAYMENTS, ())

    def _charge_rows(self, facility: str, rental_id: str) -> Sequence[Row]:
        vendor_id("rental", rental_id)
        params = {"ledgerId": int(rental_id)}
        return self._connection.read("ChargesAllByLedgerID", facility, params).get(Table.ROWS, ())

    def payments(self, facility: str, tenant_id: str, rental_id: str) -> Sequence[Payment]:
        """Payments of one rental, newest first; one call. A new payment shows only after some seconds."""
        rows = self._payment_rows(facility, rental_id)
        return payments_of(rows, self._connection.scope(facility), tenant_id=tenant_id, rental_id=rental_id)

    def ledger(self, facility: str, tenant_id: str, rental_id: str) -> Sequence[LedgerEntry]:  # noqa: ARG002 - the port's shape
        """Movements of one rental, oldest first; two calls."""
        charges = self._charge_rows(facility, rental_id)
        payments = self._payment_rows(facility, rental_id)
        return entries_of(charges, payments, self._connection.scope(facility), rental_id=rental_id)

    def invoices(self, facility: str, tenant_id: str, *, since: date, until: date) -> Sequence[Invoice]:
        """Invoices issued between two business dates, inclusive; one call. Amounts are before tax.

        Some reports leave out the last day, so one more day is asked for and cut off here.
        """
        vendor_id("tenant", tenant_id)
        params = {
            "dDateStart": midnight(since),
            "dDateEnd": midnight(until + timedelta(days=1)),
            "sTenantIDsCommaDelimited": tenant_id,
        }
        rows = self._connection.read("TenantInvoicesByTenantID", facility, params).get(Table.ROWS_1, ())
        found = invoices_of(rows, self._connection.scope(facility), tenant_id=tenant_id)
        return [invoice for invoice in found if since <= invoice.issued_on <= until]

    def prepay_quote(self, facility: str, tenant_id: str, months: int) -> PrepayQuote:
        """What paying 1 to 12 months ahead costs, over all categories of charges; two calls, nothing is written.

        Raises:
            RejectedError: The number of months is none of these; nothing was asked.
        """
        if not 1 <= months <= _MOST_MONTHS:
            problem = f"{months} months cannot be prepaid: 1 to {_MOST_MONTHS} can"
            raise RejectedError(problem, code="prepay_months")
        now = self._balances(facility, tenant_id)
        params = {"iTenantID": vendor_id("tenant", tenant_id), "iNumberOfMonthsPrepay": months}
        answer = self._connection.read("CustomerAccountsBalanceDetailsWithPrepayment", facility, params)
        ahead = answer.get(Table.ROWS_1, ())
        lines = prepay_lines(now, ahead, self._connection.scope(facility))
        return PrepayQuote(months=months, lines=lines, through=prepaid_through(ahead))

    # papers

    def notes(self, facility: str, tenant_id: str, rental_id: str) -> Sequence[Note]:
        """Notes on one rental; one call."""
        params = {"iLedgerID": vendor_id("rental", rental_id)}
        rows = self._connection.read("TenantNotesRetrieve", facility, params).get(Table.ROWS, ())
        scope = self._connection.scope(facility)
        found = (note_of(row, scope, tenant_id=tenant_id, rental_id=rental_id) for row in rows)
        return [note for note in found if note is not None]

    def reservations(self, facility: str, tenant_id: str) -> Sequence[Reservation]:
        """A tenant's reservations; one call, which answers with those of the whole facility."""
        rows = self._waiting_rows(facility)
        scope = self._connection.scope(facility)
        return [reservation_of(row, scope) for row in rows if row.get("TenantID", "").strip() == tenant_id]

    def _waiting_rows(self, facility: str) -> Sequence[Row]:
        params: dict[str, object] = {"iGlobalWaitingNum": 0, "WaitingID": 0}
        return self._connection.read("ReservationList_v3", facility, params).get(Table.ROWS, ())
