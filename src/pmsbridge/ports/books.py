"""What some back offices have beyond the two ports: one account per customer, papers, items that are called off.

Each is a port of its own. An adapter has it, or a portal is told that this back office cannot say it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from typing import Protocol, runtime_checkable

from pmsbridge.actions.effects import EffectBody
from pmsbridge.model.documents import Document, Event, Quote
from pmsbridge.model.invoices import Invoice
from pmsbridge.model.ledger import AgedBalance, LedgerEntry
from pmsbridge.model.payments import PaymentMethod
from pmsbridge.model.people import ConsentChannel, ConsentPurpose
from pmsbridge.model.portal_accounts import PortalAccount
from pmsbridge.model.requests import CallOff, Request
from pmsbridge.model.sealed import GateCode

__all__ = [
    "AccessPort",
    "AutopayByUnitPort",
    "AutopayMeansPort",
    "CalendarlessPort",
    "CallOffPort",
    "ConsentPort",
    "CustomerAccountPort",
    "EventPort",
    "InvoicePort",
    "LinePort",
    "PaperContent",
    "PaperPort",
    "PaperlessPort",
    "PaymentMeansPort",
    "PaymentMethodPort",
    "PrepayPort",
    "ReadinessPort",
    "RequestPort",
    "TakesPort",
    "UnaimedPort",
    "UntoldRequestsPort",
]


@runtime_checkable
class InvoicePort(Protocol):
    """A back office that settles single invoices: a payment whose part names one goes to that one."""

    def invoice(self, facility: str, tenant_id: str, invoice_id: str) -> Invoice:
        """Live: one invoice of a tenant that a customer may see.

        Raises:
            NotFoundError: The tenant has none of that id, or it may not be seen.
        """


@runtime_checkable
class UnaimedPort(Protocol):
    """A back office that may settle no single invoice, and says so. One with an ``InvoicePort`` alone settles them."""

    @property
    def settles_invoices(self) -> bool:
        """Whether ``invoice`` answers, and a payment may name one."""


@runtime_checkable
class CustomerAccountPort(InvoicePort, Protocol):
    """A back office that keeps one account per customer over all rentals.

    It settles single invoices and takes money on account. What belongs to no one rental is a row of the tenant's
    account whose rental has the kind ``account``.
    """

    def tenant_ledger(self, facility: str, tenant_id: str) -> Sequence[LedgerEntry]:
        """Live: movements of all rentals and of the account, oldest first."""

    def aged_balance(self, facility: str, tenant_id: str, *, on: date) -> AgedBalance:
        """Live: what was owed on a business date, by how long it was due."""


@runtime_checkable
class LinePort(Protocol):
    """A back office that may settle single lines of an invoice, and says so. One without this word does not.

    One that does tells of each line its id and what is still owed of it, and takes payments whose parts name a line.
    """

    @property
    def settles_lines(self) -> bool:
        """Whether it does. Where it does not, an invoice is paid as a whole, or in part as the back office sees fit."""


@dataclass(frozen=True, slots=True)
class PaperContent:
    """A document's bytes on their way.

    Attributes:
        name: A file name without a folder.
        media_type: What the bytes are, checked against how they begin; "application/octet-stream" when not known.
        chunks: The bytes, once, while the context is open; at most as many as the adapter's cap.
    """

    name: str
    media_type: str
    chunks: Iterator[bytes]


@runtime_checkable
class PaperPort(Protocol):
    """A back office that keeps or makes papers."""

    def documents(self, facility: str, tenant_id: str) -> Sequence[Document]:
        """Live: papers of a tenant, newest first: invoices, contracts, quotes, and files attached to them."""

    def quotes(self, facility: str, tenant_id: str) -> Sequence[Quote]:
        """Live: offers a tenant may accept or once had, newest first."""

    def content(self, facility: str, tenant_id: str, document_id: str) -> AbstractContextManager[PaperContent]:
        """Live: the bytes of one of the tenant's documents.

        Raises:
            NotFoundError: The tenant has no document of that id.
            RejectedError: It is larger than the adapter hands out.
        """


@runtime_checkable
class PaperlessPort(Protocol):
    """A back office that may keep no papers, and says so. One with a ``PaperPort`` and without this word keeps some."""

    @property
    def keeps_papers(self) -> bool:
        """Whether ``documents`` and ``content`` answer: where they do not, papers are made of what it tells."""


@runtime_checkable
class CallOffPort(Protocol):
    """A back office from which it can be read what became of a call-off."""

    def call_offs(self, facility: str, tenant_id: str) -> Sequence[CallOff]:
        """Live: call-offs of a tenant, newest first, as the back office's own data say."""


@runtime_checkable
class RequestPort(Protocol):
    """A back office from which it can be read what became of what staff were asked for."""

    def requests(self, facility: str, tenant_id: str) -> Sequence[Request]:
        """Live: requests of a tenant, newest first; one that came from here has the ``reference`` it was sent with."""


@runtime_checkable
class ConsentPort(Protocol):
    """A back office that keeps answers about some channels and purposes, and not about others.

    One that writes consents and is no such port keeps them all.
    """

    def keeps_consent(self, channel: ConsentChannel, purpose: ConsentPurpose) -> bool:
        """Whether it has a place for this answer; asks nobody."""


@runtime_checkable
class EventPort(Protocol):
    """A back office with a calendar: appointments, services, events for everybody."""

    def events(self, facility: str, tenant_id: str) -> Sequence[Event]:
        """Live: what concerns a tenant, and what concerns everybody (``tenant_id`` None), past and to come."""


@runtime_checkable
class CalendarlessPort(Protocol):
    """A back office that may keep no calendar, and says so. One with an ``EventPort`` that says nothing keeps one."""

    @property
    def keeps_calendar(self) -> bool:
        """Whether ``events`` answers."""


@runtime_checkable
class UntoldRequestsPort(Protocol):
    """A back office that may not tell of requests, and says so. One with a ``RequestPort`` that says nothing does."""

    @property
    def tells_requests(self) -> bool:
        """Whether ``requests`` answers."""


@runtime_checkable
class AccessPort(Protocol):
    """A back office that keeps the codes which tenants open gates and doors with."""

    def access_code(self, facility: str, tenant_id: str, rental_id: str) -> GateCode | None:
        """Live: the code of a rental, sealed: it is read once; None where there is none.

        Raises:
            NotFoundError: There is no such tenant.
        """


@runtime_checkable
class ReadinessPort(Protocol):
    """A back office that says who may use a portal."""

    def portal_account(self, facility: str, tenant_id: str) -> PortalAccount:
        """Live: whether a tenant may, and if not, what is in the way."""


@runtime_checkable
class PaymentMethodPort(Protocol):
    """A back office that tells which ways to pay it has stored for a tenant.

    A payment by a stored method is then held to what it tells: the method is this tenant's, and is still good.
    """

    @property
    def tells_payment_methods(self) -> bool:
        """Whether ``payment_methods`` answers."""

    def payment_methods(self, facility: str, tenant_id: str) -> Sequence[PaymentMethod]:
        """Live: what is stored for a tenant, masked. A full number is never among it.

        Raises:
            UnsupportedError: It does not tell.
        """


@runtime_checkable
class PaymentMeansPort(Protocol):
    """A back office that takes payments by some means only, and says by which. One without this word takes them all."""

    @property
    def payment_means(self) -> frozenset[str]:
        """Any of "card" and "bank_debit", typed now, "external" and "stored"."""


@runtime_checkable
class AutopayMeansPort(Protocol):
    """A back office that says what autopay can be told to charge.

    One without this word takes what was typed now, unless its handler has no place for a method (``without``).
    """

    @property
    def autopay_means(self) -> frozenset[str]:
        """Any of "card" and "bank_debit", typed now, and "stored"; empty where autopay only goes on and off."""


@runtime_checkable
class AutopayByUnitPort(Protocol):
    """A back office that can be asked how autopay stands by the unit alone. One without this word is not."""

    @property
    def asks_autopay_by_unit(self) -> bool:
        """Whether an effect must name the unit, because only by it can be looked how autopay stands."""


@runtime_checkable
class PrepayPort(Protocol):
    """A back office that may have no price for months ahead, and says so. One without this word has one."""

    @property
    def quotes_prepay(self) -> bool:
        """Whether ``prepay_quote`` answers: where it does not, nobody is offered to pay ahead."""


@runtime_checkable
class TakesPort(Protocol):
    """A back office that carries out some effects of a kind and not others, and knows which without asking."""

    def takes(self, effect: EffectBody) -> bool:
        """Whether it carries out an effect like this one; where it does not, nothing is stored and nothing sent."""
