"""Booking payments, once: compare-and-swap on the lines that are paid, and a reference to find them by again.

A payment here is made in four steps of the back office: created, submitted, processed, succeeded; one that somebody
approves in between goes on as well. Creating one for a line also writes the line, so a create that carries the line's
stamp happens only if nobody, nor an earlier attempt of ours, was there first. All lines of one payment are created by
one call, all or none.

A send that finds its reference goes on from where the last one stopped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Final

from pmsbridge.actions.effects import EffectBody, PaymentPart, TakePayment
from pmsbridge.errors import (
    ConfigurationError,
    NotFoundError,
    OutcomeUnknownError,
    PmsBridgeError,
    RejectedError,
    UnavailableError,
    UnsupportedError,
)
from pmsbridge.model.payments import ExternalPayment
from pmsbridge.ports.capability import Dedup, EffectHandlers, handles, probes
from pmsbridge.ports.outcome import Absent, Attempt, CannotTell, Found, Probed, Receipt
from pmsbridge.transport.http import Deadline
from pmsbridge_tryton.desk import vendor_id
from pmsbridge_tryton.faults import StaleError
from pmsbridge_tryton.mapping.money import Books, Due
from pmsbridge_tryton.mapping.scope import account_id, day_of, number, text
from pmsbridge_tryton.searching import Searching
from pmsbridge_tryton.vocabulary import INVOICE, MOVE_LINE, PAYMENT
from pmsbridge_tryton.wire import Row

__all__ = ["Paying", "reference_text"]

_FOUND_FIELDS: Final = ("number", "reference", "amount", "date", "state", "line", "party")
_DONE, _FAILED = "succeeded", "failed"
_STEPS: Final = (
    (frozenset({"draft"}), "submit"), (frozenset({"submitted", "approved"}), "process"),
    (frozenset({"processing"}), "succeed"),
)  # fmt: skip
"""Which step is next in which states. No state after "processing" can be taken back by deleting the payment."""
_TAKEN_BACK: Final = frozenset({"submitted", "approved"})


def reference_text(effect: TakePayment) -> str:
    """What a payment is found by again: ours, and the gateway's behind it. The same effect always gives the same."""
    theirs = effect.means.reference if isinstance(effect.means, ExternalPayment) else ""
    return f"{effect.reference} {theirs}".strip()


class Paying(Searching, EffectHandlers):
    """Payments that a gateway took, booked against invoices or on account."""

    payment_means: frozenset[str] = frozenset({"external"})

    @handles(
        TakePayment,
        dedup=Dedup.REFERENCE,
        absence_conclusive=True,
        source="real server: a create that carries the due line's stamp happened once of 8 at a time, in every round",
    )
    def _take_payment(self, effect: TakePayment, attempt: Attempt) -> Receipt:
        """Book it, or go on with what an earlier attempt began. Twelve calls for an invoice; five of them write."""
        self._check_means(effect)
        end = self._write_deadline(attempt)
        rows = self._booked(effect, deadline=end)
        if not rows:
            dues = self._shared_out(effect, end)
            # Stamps, then the look: an earlier attempt that commits after the look makes the stamps stale.
            lines = [due.line for due, _ in dues]
            stamps = self._desk.client.stamps(MOVE_LINE, lines, deadline=end) if lines else {}
            if lines and self._shared_out(effect, end) != dues:
                # Paid between the amounts and the stamps: a stamp guards only what is read after it.
                message = "what is to be paid changed at this moment; nothing was booked"
                raise UnavailableError(message, code="changed_meanwhile")
            rows = self._booked(effect, deadline=end) or self._create(effect, dues, stamps, end)
        return self._finish(effect, rows, end, attempt)

    def _check_means(self, effect: TakePayment) -> None:
        """What cannot be said faithfully is refused before anything is asked."""
        if not isinstance(effect.means, ExternalPayment):
            message = "this back office takes no cards or bank accounts here: pay through a gateway and have it booked"
            raise UnsupportedError(message, code="means_not_taken")
        if not all(part.amount.is_payable for part in effect.parts):
            message = "an amount is positive and has no fractions of the minor unit; nothing was sent"
            raise RejectedError(message, code="amount_not_payable")

    def _shared_out(self, effect: TakePayment, end: Deadline) -> list[tuple[Due, Decimal]]:
        """What each line that is due gets of the payment. More than is due is taken on account only.

        The server would take any amount for a line, and say nothing.
        """
        scope = self._desk.scope(effect.facility)
        if any(part.amount.currency != scope.currency for part in effect.parts):
            message = f"payments here are in {scope.currency}; nothing was sent"
            raise RejectedError(message, code="wrong_currency")
        aims = all(part.invoice_id is not None for part in effect.parts)
        books = None if aims else self._all_books(effect.facility, effect.tenant_id)
        found: list[tuple[Due, Decimal]] = []
        for part in effect.parts:
            dues = self._dues_of_invoice(effect, part, end) if books is None else self._dues(books, part)
            shared = _shared(part, dues)
            is_on_account = part.rental_id == account_id(effect.tenant_id) and part.invoice_id is None
            if sum((amount for _, amount in shared), Decimal(0)) != part.amount.amount and not is_on_account:
                message = f"{part.amount} is more than is due there now; nothing was sent"
                raise RejectedError(message, code="amount_exceeds_due")
            found += shared
        return found

    def _dues_of_invoice(self, effect: TakePayment, part: PaymentPart, end: Deadline) -> list[Due]:
        """The lines of one invoice that wait to be paid, the earliest due first; two calls."""
        invoice, party = vendor_id("invoice", part.invoice_id or ""), vendor_id("tenant", effect.tenant_id)
        domain = [["id", "=", invoice], ["party", "=", party], ["type", "=", "out"], self._own]
        rows = self._desk.read(INVOICE, domain, ["state", "lines_to_pay"], deadline=end)
        if not rows or text(rows[0], "state") not in {"posted", "paid"}:
            raise NotFoundError("invoice", "there is no such invoice", code="invoice_not_found")
        lines = [["id", "in", rows[0].get("lines_to_pay") or []], ["reconciliation", "=", None]]
        found = self._desk.read(MOVE_LINE, lines, ["payment_amount", "maturity_date", "debit", "credit"], deadline=end)
        open_ = [
            row for row in found if number(row, "debit") > number(row, "credit") and number(row, "payment_amount") > 0
        ]
        dues = [Due(row["id"], invoice, number(row, "payment_amount"), day_of(row, "maturity_date")) for row in open_]
        return sorted(dues, key=lambda due: (due.due_on or date.min, due.line))

    @staticmethod
    def _dues(books: Books, part: PaymentPart) -> list[Due]:
        invoice = None if part.invoice_id is None else vendor_id("invoice", part.invoice_id)
        if invoice is not None and invoice not in books.invoices:
            raise NotFoundError("invoice", "there is no such invoice", code="invoice_not_found")
        return books.dues(part.rental_id, invoice)

    def _booked(self, effect: TakePayment, *, deadline: Deadline | None = None) -> list[Row]:
        """The payments of this effect, whatever state they are in."""
        party = vendor_id("tenant", effect.tenant_id)
        domain = [["party", "=", party], ["reference", "=", reference_text(effect)]]
        return self._desk.read(PAYMENT, domain, _FOUND_FIELDS, order=[("id", "ASC")], deadline=deadline)

    def _create(
        self, effect: TakePayment, dues: Sequence[tuple[Due, Decimal]], stamps: Mapping[str, str], end: Deadline
    ) -> list[Row]:
        common = {
            "journal": self._desk.named(
                "account.payment.journal", self._desk.settings.payment_journal, "payment_journal"
            ),
            "company": self._desk.company()["id"],
            "kind": "receivable",
            "party": vendor_id("tenant", effect.tenant_id),
            "date": self._desk.today(),
            "reference": reference_text(effect),
        }
        rest = effect.total.amount - sum((amount for _, amount in dues), Decimal(0))
        records = [{**common, "line": due.line, "amount": amount} for due, amount in dues]
        records += [{**common, "amount": rest}] if rest > 0 else []
        try:
            ids = self._desk.client.create(PAYMENT, records, stamps=stamps, deadline=end)
        except StaleError:
            message = "what is to be paid changed at this moment; nothing was booked"
            raise UnavailableError(message, code="changed_meanwhile") from None
        return [{"id": each, "state": "draft", **record} for each, record in zip(ids, records, strict=True)]

    def _finish(self, effect: TakePayment, rows: Sequence[Row], end: Deadline, attempt: Attempt) -> Receipt:
        """Bring every payment of the effect to its end, whatever step it is at."""
        found = [dict(row) for row in rows]
        if any(row["state"] == _FAILED for row in found):
            message = "the payment was booked and taken back; the office knows why"
            raise OutcomeUnknownError(message, code="taken_back")
        try:
            for states, step in _STEPS:
                if waiting := [row["id"] for row in found if row["state"] in states]:
                    self._step(step, waiting, end)
                    found = self._booked(effect, deadline=end)
        except (RejectedError, UnavailableError, ConfigurationError) as refusal:
            raise self._taken_back(effect, refusal, attempt) from None
        if not found or any(row["state"] != _DONE for row in found):
            message = "the payment is booked, and did not come to its end"
            raise OutcomeUnknownError(message, code="not_finished")
        return self._receipt(effect, found, is_look=False)

    def _step(self, step: str, ids: Sequence[int], end: Deadline) -> None:
        client = self._desk.client
        if step != "process":
            client.press(PAYMENT, step, ids, deadline=end)
            return
        with client.wizard("account.payment.process", model=PAYMENT, ids=ids, deadline=end) as wizard:
            wizard.step()

    def _taken_back(self, effect: TakePayment, refusal: PmsBridgeError, attempt: Attempt) -> PmsBridgeError:
        """The error to raise when a step was refused: drafts are deleted, so that nothing stays behind.

        An abandoned draft makes an invoice look paid.
        """
        end = self._desk.deadline(self._desk.settings.timeouts.live, not_after=attempt.not_after)
        try:
            rows = self._booked(effect, deadline=end)
            if any(row["state"] not in {"draft", *_TAKEN_BACK} for row in rows):
                message = f"the payment is half booked: {refusal.message}"
                return OutcomeUnknownError(message, code="half_booked")
            if submitted := [row["id"] for row in rows if row["state"] in _TAKEN_BACK]:
                self._desk.client.press(PAYMENT, "draft", submitted, deadline=end)
            self._desk.client.delete(PAYMENT, [row["id"] for row in rows], deadline=end)
        except PmsBridgeError as problem:
            message = f"a draft of the payment stayed behind: {problem.message}"
            return OutcomeUnknownError(message, code="draft_left")
        return refusal

    @probes(TakePayment)
    def _find_payment(self, effect: TakePayment, _attempt: Attempt) -> Probed:
        """By reference: at its end it is found; half way it has begun, and the next send goes on from there."""
        rows = self._booked(effect)
        if not rows:
            return Absent(f"no payment has the reference {effect.reference}")
        if all(row["state"] == _DONE for row in rows):
            total = sum((number(row, "amount") for row in rows), Decimal(0))
            if total != effect.total.amount:
                return CannotTell(f"payments of {effect.reference} come to {total}, not to {effect.total}")
            return Found(self._receipt(effect, rows, is_look=True))
        if any(row["state"] == _FAILED for row in rows):
            return CannotTell(f"a payment of {effect.reference} was booked and taken back")
        states = ", ".join(f"{row['id']} is {row['state']}" for row in rows)
        return Absent(f"payment {states}; the next send goes on from there", begun=True)

    def _receipt(self, effect: TakePayment, rows: Sequence[Row], *, is_look: bool) -> Receipt:
        listed = ", ".join(text(row, "number") or str(row["id"]) for row in rows)
        return Receipt(
            evidence=f"read back: payment {listed} of {effect.total} succeeded, reference {effect.reference}",
            vendor_ids=_ids(effect, rows),
            at=self._desk.clock.now(),
            read_back=is_look,
        )

    def _write_deadline(self, attempt: Attempt) -> Deadline:
        """One end for a whole effect; no byte leaves after the lease."""
        return self._desk.deadline(self._desk.settings.timeouts.write, not_after=attempt.not_after)

    def lane(self, effect: EffectBody) -> str:
        """One party's writes one after the other: what has no stamp of its own is looked for before it is sent."""
        party = getattr(effect, "tenant_id", None)
        return f"{self._desk.client.lane}:{party}" if party else self._desk.client.lane


def _shared(part: PaymentPart, dues: Sequence[Due]) -> list[tuple[Due, Decimal]]:
    """A part over the lines that are due, the earliest first; what is left over is on no line."""
    left, found = part.amount.amount, []
    for due in dues:
        amount = min(left, due.left)
        if amount > 0:
            found.append((due, amount))
            left -= amount
    return found


def _ids(effect: TakePayment, rows: Sequence[Row]) -> dict[str, str]:
    if len(rows) == 1:
        return {"payment": str(rows[0]["id"])}
    own = effect.parts[0].rental_id if len(effect.parts) == 1 else ""
    return {f"payment.{own or place}": str(row["id"]) for place, row in enumerate(rows)}
