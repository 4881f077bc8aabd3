"""Autopay: whether the back office debits a party by itself. It covers the whole account."""

from __future__ import annotations

from pmsbridge.actions.effects import SetAutopay
from pmsbridge.errors import ConfigurationError, NotFoundError, RejectedError, UnsupportedError
from pmsbridge.ports.capability import Dedup, handles, probes
from pmsbridge.ports.outcome import Absent, Attempt, Found, Probed, Receipt
from pmsbridge_tryton.contacting import Contacting
from pmsbridge_tryton.desk import vendor_id
from pmsbridge_tryton.mapping.scope import account_id
from pmsbridge_tryton.vocabulary import DEBIT, DEBIT_FIELDS
from pmsbridge_tryton.wire import Row

__all__ = ["Autopaying"]


class Autopaying(Contacting):
    """Direct debit of a party's account, on and off."""

    @handles(
        SetAutopay,
        dedup=Dedup.STATE,
        absence_conclusive=True,
        source="real server: a party with a reception of direct debit is debited by the next run",
    )
    def _set_autopay(self, effect: SetAutopay, attempt: Attempt) -> Receipt:
        """Set the state that is asked for; four calls at most."""
        self._check_autopay(effect)
        end, rows = self._write_deadline(attempt), self._debits(effect.tenant_id)
        if bool(rows) is effect.on:
            return self._autopay_receipt(effect, is_look=True)
        if not effect.on:
            self._desk.client.delete(DEBIT, [row["id"] for row in rows], deadline=end)
        else:
            self._check_mandate(effect)
            journal = self._desk.named("account.payment.journal", self._debit_journal, "debit_journal")
            record = {"party": vendor_id("tenant", effect.tenant_id), "journal": journal, "type": "line"}
            self._desk.client.create(DEBIT, [record], deadline=end)
        return self._autopay_receipt(effect, is_look=False)

    def _check_autopay(self, effect: SetAutopay) -> None:
        if effect.rental_id != account_id(effect.tenant_id):
            raise NotFoundError("rental", "autopay here covers the whole account", code="autopay_on_account")
        if effect.method is not None or effect.days_after_due is not None:
            message = "this back office takes no new card or bank account here, and no other day; the office does"
            raise UnsupportedError(message, code="method_not_taken")

    def _check_mandate(self, effect: SetAutopay) -> None:
        """Without a mandate that the office has validated, the office's next run of debits would fail as a whole."""
        scope, journal = self._desk.scope(effect.facility), self._debit_journal
        if self._desk.needs_mandate(journal) and self._debit_method(effect.tenant_id, scope) is None:
            message = "there is no signed mandate on record; nothing was sent"
            raise RejectedError(message, code="no_mandate")

    @property
    def _debit_journal(self) -> str:
        name = self._desk.settings.debit_journal
        if name is None:
            message = f"accounts.{self._desk.account}: set debit_journal to let customers switch autopay"
            raise ConfigurationError(message, code="no_debit_journal")
        return name

    def _debits(self, tenant_id: str) -> list[Row]:
        return self._desk.read(DEBIT, [["party", "=", vendor_id("tenant", tenant_id)], self._own], DEBIT_FIELDS)

    @probes(SetAutopay)
    def _find_autopay(self, effect: SetAutopay, _attempt: Attempt) -> Probed:
        if bool(self._debits(effect.tenant_id)) is effect.on:
            return Found(self._autopay_receipt(effect, is_look=True))
        return Absent(f"autopay is {'off' if effect.on else 'on'}")

    def _autopay_receipt(self, effect: SetAutopay, *, is_look: bool) -> Receipt:
        word = "on" if effect.on else "off"
        return Receipt(
            evidence=f"{'read back: ' if is_look else ''}autopay is {word}", at=self._desk.clock.now(),
            read_back=is_look,
        )  # fmt: skip
