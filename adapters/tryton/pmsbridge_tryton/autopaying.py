"""Autopay: whether the back office debits a party by itself. It covers the whole account."""

from __future__ import annotations

from pmsbridge.actions.effects import SetAutopay
from pmsbridge.errors import ConfigurationError, NotFoundError, RejectedError, UnsupportedError
from pmsbridge.ports.capability import Dedup, handles, probes
from pmsbridge.ports.outcome import Absent, Attempt, Found, Probed, Receipt
from pmsbridge_tryton.contacting import Contacting
from pmsbridge_tryton.desk import vendor_id
from pmsbridge_tryton.mapping.scope import account_id, living, one
from pmsbridge_tryton.reading import debit_id, draws
from pmsbridge_tryton.vocabulary import DEBIT
from pmsbridge_tryton.wire import Row

__all__ = ["Autopaying"]


class Autopaying(Contacting):
    """Direct debit of a party's account, on and off."""

    autopay_means: frozenset[str] = frozenset()  # a party has one agreement to debit, which the office makes
    asks_autopay_by_unit: bool = False

    @handles(
        SetAutopay,
        dedup=Dedup.STATE,
        absence_conclusive=True,
        source="real server: a party with a reception of direct debit is debited by the next run",
        without=("days_after_due",),
    )
    def _set_autopay(self, effect: SetAutopay, attempt: Attempt) -> Receipt:
        """Set the state that is asked for; five calls at most."""
        self._check_autopay(effect)
        end, rows = self._write_deadline(attempt), living(self._debits(effect.tenant_id))
        if self._is_set(effect, rows):
            return self._autopay_receipt(effect, is_look=True)
        if not effect.on:
            self._desk.client.delete(DEBIT, [row["id"] for row in rows], deadline=end)
            return self._autopay_receipt(effect, is_look=False)
        by = self._drawn_by(effect)
        if rows:
            # What is there draws by a mandate that is over, or by an older one: the newest takes its place, and no
            # other entry of the office's is touched.
            known = next((row for row in rows if draws(row)), rows[0])
            self._desk.client.update(DEBIT, [known["id"]], by, deadline=end)
        else:
            record = {"party": vendor_id("tenant", effect.tenant_id), "type": "line", **by}
            self._desk.client.create(DEBIT, [record], deadline=end)
        return self._autopay_receipt(effect, is_look=False)

    def _is_set(self, effect: SetAutopay, rows: list[Row]) -> bool:
        """Something draws, by the newest mandate if by any; nothing is there at all, where nothing should."""
        if not effect.on:
            return not rows
        mandates = [one(row, "sepa_mandate").get("id") for row in rows if draws(row)]
        is_by_mandate = bool(mandates) and None not in mandates
        return bool(mandates) and (not is_by_mandate or self._mandate(effect.tenant_id) in mandates)

    def _drawn_by(self, effect: SetAutopay) -> dict[str, object]:
        """The journal of debits, and the mandate that it draws by, if it needs one.

        Raises:
            RejectedError: There is no mandate that the office has validated.
        """
        journal = self._debit_journal
        by: dict[str, object] = {"journal": self._desk.named("account.payment.journal", journal, "debit_journal")}
        if not self._desk.needs_mandate(journal):
            return by
        mandate = self._mandate(effect.tenant_id)
        if mandate is None:
            message = "there is no signed mandate on record; nothing was sent"
            raise RejectedError(message, code="no_mandate")
        return {**by, "sepa_mandate": mandate}

    def _check_autopay(self, effect: SetAutopay) -> None:
        if effect.rental_id != account_id(effect.tenant_id):
            raise NotFoundError("rental", "autopay here covers the whole account", code="autopay_on_account")
        is_other = effect.method_id not in {None, debit_id(effect.tenant_id)}
        if effect.method is not None or is_other or effect.days_after_due is not None:
            message = "this back office takes no new card or bank account here, and no other day; the office does"
            raise UnsupportedError(message, code="method_not_taken")

    @property
    def _debit_journal(self) -> str:
        name = self._desk.settings.debit_journal
        if name is None:
            message = f"accounts.{self._desk.account}: set debit_journal to let customers switch autopay"
            raise ConfigurationError(message, code="no_debit_journal")
        return name

    @probes(SetAutopay)
    def _find_autopay(self, effect: SetAutopay, _attempt: Attempt) -> Probed:
        if self._is_set(effect, self._debits(effect.tenant_id)):
            return Found(self._autopay_receipt(effect, is_look=True))
        return Absent(f"autopay is {'off' if effect.on else 'on'}")

    def _autopay_receipt(self, effect: SetAutopay, *, is_look: bool) -> Receipt:
        word = "on" if effect.on else "off"
        return Receipt(
            evidence=f"{'read back: ' if is_look else ''}autopay is {word}", at=self._desk.clock.now(),
            read_back=is_look,
        )  # fmt: skip
