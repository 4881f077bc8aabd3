"""The adapter: two handlers with their promises, their looks, and the reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from pmsbridge.actions.effects import AddNote, EffectBody, PostBulletin
from pmsbridge.errors import ConfigurationError, NotFoundError
from pmsbridge.model.account import RentalAccount, TenantAccount
from pmsbridge.model.documents import Note
from pmsbridge.model.ledger import Balances
from pmsbridge.model.money import Money
from pmsbridge.model.people import PersonName, Phone, Tenant, TenantMatch
from pmsbridge.model.places import Facility
from pmsbridge.model.record import Record, Source, VendorRef
from pmsbridge.model.rental import Rental, RentalState
from pmsbridge.ports.adapter import Batch, Entity, Query, TenantSearch
from pmsbridge.ports.capability import Dedup, EffectHandlers, baselines, handles, probes
from pmsbridge.ports.outcome import Absent, Attempt, Found, Probed, Receipt
from pmsbridge_rentbook.blanks import Blanks
from pmsbridge_rentbook.book import Book

__all__ = ["RentBookAdapter"]

_OPTIONS = frozenset({"path", "facility", "zone", "currency"})


class RentBookAdapter(Blanks, EffectHandlers):
    """One rent book: one account with one facility.

    Attributes:
        settle_window: A file is either written or not; nothing arrives late.
    """

    system = "rentbook"
    settle_window = timedelta(0)
    send_timeout = timedelta(seconds=10)
    pays_together: frozenset[str] = frozenset()

    def __init__(self, account: str, book: Book, *, facility: str, zone: str, currency: str) -> None:
        """Use ``from_options``."""
        self.account_name = account
        self.facility_codes = (facility,)
        self._book, self._zone, self._currency = book, zone, currency

    @classmethod
    def from_options(cls, account: str, options: Mapping[str, Any]) -> Self:
        """Check the options and build.

        Raises:
            ConfigurationError: One is missing or unknown.
        """
        wrong = sorted(set(options) ^ _OPTIONS)
        if wrong:
            known = ", ".join(sorted(_OPTIONS))
            message = f"accounts.{account}.options: {', '.join(wrong)}: missing or unknown. Known: {known}."
            raise ConfigurationError(message)
        book = Book(Path(options["path"]))
        return cls(account, book, facility=options["facility"], zone=options["zone"], currency=options["currency"])

    def lane(self, _effect: EffectBody) -> str:
        """One writer at a time."""
        return f"rentbook:{self.account_name}"

    def close(self) -> None:
        """Nothing is held open."""

    def diagnose(self) -> Sequence[Mapping[str, str]]:
        """Whether the book can be read."""
        book = self._book.read()
        return [{"name": "rent book", "status": "ok", "detail": f"{len(book['tenants'])} tenants", "remedy": ""}]

    # -- writing: each promise stands where it is kept ------------------------------------------------------------

    @handles(AddNote, dedup=Dedup.REFERENCE, absence_conclusive=True, source="our own file format")
    def _add_note(self, effect: AddNote, _attempt: Attempt) -> Receipt:
        return self._write("notes", {"rental": effect.rental_id, "text": effect.text, "reference": effect.reference})

    @handles(PostBulletin, dedup=Dedup.REFERENCE, absence_conclusive=True, source="our own file format")
    def _post(self, effect: PostBulletin, _attempt: Attempt) -> Receipt:
        return self._write("messages", {"subject": effect.subject, "text": effect.body, "reference": effect.reference})

    @probes(AddNote)
    def _look_for_note(self, effect: AddNote, _attempt: Attempt) -> Probed:
        return self._look("notes", effect.reference)

    @probes(PostBulletin)
    def _look_for_post(self, effect: PostBulletin, _attempt: Attempt) -> Probed:
        return self._look("messages", effect.reference)

    @baselines(AddNote)
    def _before_note(self, _effect: AddNote) -> Mapping[str, str]:
        return {}

    def _write(self, table: str, row: dict[str, str]) -> Receipt:
        with self._book.changed() as book:
            book[table].append(row)
            number = str(len(book[table]))
        return Receipt(evidence=f"line {number} of {table} written", vendor_ids={table: number}, at=datetime.now(UTC))

    def _look(self, table: str, reference: str) -> Probed:
        for number, row in enumerate(self._book.read()[table], start=1):
            if row["reference"] == reference:
                evidence = f"read back: line {number} of {table}"
                return Found(Receipt(evidence=evidence, at=datetime.now(UTC), read_back=True))
        return Absent(f"no line of {table} has the reference {reference}")

    # -- reading --------------------------------------------------------------------------------------------------

    def facilities(self) -> Sequence[Facility]:
        """The one place."""
        return [self.facility(self.facility_codes[0])]

    def facility(self, facility: str) -> Facility:
        """The one place."""
        book = self._book.read()
        return Facility(
            ref=self._ref("facility", facility),
            name=book["name"],
            email=book["email"],
            zone=self._zone,
            currency=self._currency,
        )

    def fetch(self, query: Query, *, since: str | None = None) -> Iterator[Batch]:
        """Everything there is, in one batch; a rent book has no cursor."""
        del since
        book = self._book.read()
        rows: Mapping[Entity, Sequence[Record]] = {
            Entity.FACILITIES: [self.facility(query.facility)],
            Entity.TENANTS: [self._tenant(row) for row in book["tenants"]],
            Entity.RENTALS: [self._rental(row) for row in book["rentals"]],
        }
        yield Batch(rows.get(query.entity, []), is_complete=True)

    def account(self, facility: str, tenant_id: str) -> TenantAccount:
        """A tenant with rentals and balances."""
        book = self._book.read()
        rentals = [
            RentalAccount(
                rental=self._rental(row),
                balances=Balances.of_ledger(Money.of(row["owes"], self._currency)),
                billed=True,
            )
            for row in book["rentals"]
            if row["tenant"] == tenant_id
        ]
        return TenantAccount(
            facility=self.facility(facility),
            tenant=self.tenant(facility, tenant_id),
            rentals=tuple(rentals),
            as_of=datetime.now(UTC),
            source=Source.LIVE,
        )

    def tenant(self, facility: str, tenant_id: str) -> Tenant:
        """One tenant."""
        del facility
        for row in self._book.read()["tenants"]:
            if row["id"] == tenant_id:
                return self._tenant(row)
        raise NotFoundError("tenant_id", "there is no such tenant in the rent book")

    def notes(self, facility: str, tenant_id: str, rental_id: str) -> Sequence[Note]:
        """Notes on one rental."""
        del facility
        return [
            Note(ref=self._ref("note", str(number)), tenant_id=tenant_id, rental_id=rental_id, text=row["text"])
            for number, row in enumerate(self._book.read()["notes"], start=1)
            if row["rental"] == rental_id
        ]

    def find_tenants(self, facility: str, search: TenantSearch) -> Sequence[TenantMatch]:
        """By family name, exactly."""
        return [
            TenantMatch(
                tenant_id=row["id"], account=self.account_name, facility=facility, name=self._name(row), is_exact=True
            )
            for row in self._book.read()["tenants"]
            if row["last"].casefold() == search.last_name.casefold()
        ]

    # -- mapping --------------------------------------------------------------------------------------------------

    def _ref(self, entity: str, id_: str) -> VendorRef:
        return VendorRef(
            system=self.system, account=self.account_name, facility=self.facility_codes[0], entity=entity, id=id_
        )

    def _name(self, row: Mapping[str, Any]) -> PersonName:
        return PersonName(first=row["first"], last=row["last"])

    def _tenant(self, row: Mapping[str, Any]) -> Tenant:
        phone = Phone(raw=row["phone"]) if row["phone"] else None
        return Tenant(ref=self._ref("tenant", row["id"]), name=self._name(row), email=row["email"], phone=phone)

    def _rental(self, row: Mapping[str, Any]) -> Rental:
        return Rental(
            ref=self._ref("rental", row["id"]),
            tenant_id=row["tenant"],
            unit_number=row["unit"],
            state=RentalState.ACTIVE,
            rent=Money.of(row["rent"], self._currency),
            paid_through=date.fromisoformat(row["paid_through"]),
        )
