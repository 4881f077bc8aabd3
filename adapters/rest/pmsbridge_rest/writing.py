"""The writing half: effects checked, carried out, looked for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from pmsbridge.actions.effects import ChangeContact, EffectBody, SetConsent, TakePayment
from pmsbridge.errors import NotFoundError, RejectedError, UnsupportedError
from pmsbridge.model.money import minor_digits
from pmsbridge.model.people import ConsentChannel, ConsentPurpose
from pmsbridge.ports.capability import Capability, Support
from pmsbridge.ports.outcome import Absent, Attempt, CannotTell, Found, Probed, Receipt
from pmsbridge.transport.http import Deadline
from pmsbridge_rest.accepting import (
    autopay_means,
    keeps_consent,
    names_in_autopay,
    payment_means,
    settles_invoices,
    settles_lines,
    takes,
)
from pmsbridge_rest.building import fitting_steps
from pmsbridge_rest.connection import Connection
from pmsbridge_rest.edits import Editing
from pmsbridge_rest.filling import Filler
from pmsbridge_rest.looking import look, outputs_of
from pmsbridge_rest.mapping.actions import ByState, NaturalKey, Step
from pmsbridge_rest.nightly import Nightly
from pmsbridge_rest.promises import capabilities_of, look_of
from pmsbridge_rest.recognising import known_before, new_matches, row_keys, rows_before
from pmsbridge_rest.steps import Done, Run

__all__ = ["Writing"]


class Writing(Nightly):
    """Effects, by the actions of the mapping."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._capabilities = capabilities_of(connection.mapping)
        self._payment_means = payment_means(connection.mapping)
        self._settles_invoices = settles_invoices(connection.mapping)
        self._settles_lines = settles_lines(connection.mapping)

    @property
    def capabilities(self) -> Mapping[str, Capability]:
        """What the mapping promises, by effect kind."""
        return self._capabilities

    def lane(self, effect: EffectBody) -> str:
        """What is served one after the other: the account, a facility, or a tenant."""
        kind = self._connection.mapping.connection.lane
        parts = [self._connection.lane]
        if kind != "account":
            parts.append(effect.facility)
        if kind == "tenant":
            parts.append(str(getattr(effect, "tenant_id", "")))
        return ":".join(part for part in parts if part)

    def _execute(self, effect: EffectBody, attempt: Attempt) -> Receipt:
        self._refuse_sealed(effect, attempt)
        steps = self._steps(effect)
        if isinstance(effect, TakePayment):
            self._check_payment(effect)
        connection = self._connection
        span = connection.mapping.connection.timeouts.write
        run = Run(
            connection,
            connection.mapping.actions[_kind(effect)],
            effect,
            attempt,
            connection.effect_filler(effect, attempt),
            connection.deadline(span, not_after=attempt.not_after),
        )
        return self._receipt(run.carry_out(steps))

    def _steps(self, effect: EffectBody) -> list[Step]:
        """The steps for an effect.

        Raises:
            UnsupportedError: It is not mapped, or not for effects like this.
        """
        kind = _kind(effect)
        row = self._capabilities.get(kind)
        if row is None or row.support is not Support.NATIVE:
            message = f"this back office has no way to {kind.replace('_', ' ')}"
            raise UnsupportedError(message, code=f"no_{kind}")
        if not takes(self._connection.mapping, effect):
            message = f"this back office takes no {kind.replace('_', ' ')} like this one"
            raise UnsupportedError(message, code=f"{kind}_like_this")
        return fitting_steps(self._connection.mapping.actions[kind], effect)

    def takes(self, effect: EffectBody) -> bool:
        """Whether the mapping has steps for an effect like this one."""
        return takes(self._connection.mapping, effect)

    def keeps_consent(self, channel: ConsentChannel, purpose: ConsentPurpose) -> bool:
        """Whether the mapping has a place for an answer about this channel and purpose."""
        return keeps_consent(self._connection.mapping, channel, purpose)

    @property
    def payment_means(self) -> frozenset[str]:
        """What a gateway took, and what is stored, as far as the mapping accepts them; nothing that was typed."""
        return self._payment_means

    @property
    def settles_invoices(self) -> bool:
        """Whether the mapping can aim a payment at one invoice."""
        return self._settles_invoices

    @property
    def settles_lines(self) -> bool:
        """Whether the mapping can aim a payment at one line of an invoice."""
        return self._settles_lines

    @property
    def autopay_means(self) -> frozenset[str]:
        """What is stored, where the mapping says how it is named; nothing that was typed."""
        return autopay_means(self._connection.mapping)

    @property
    def asks_autopay_by_unit(self) -> bool:
        """Whether the mapping looks by the unit how autopay stands."""
        return names_in_autopay(self._connection.mapping, "unit_id")

    def _refuse_sealed(self, effect: EffectBody, attempt: Attempt) -> None:
        """A card is wiped whatever else is wrong.

        Raises:
            UnsupportedError: Something sealed is needed or given; nothing was asked.
        """
        if effect.needs_a_sealed_value or attempt.sealed is not None:
            if attempt.sealed is not None:
                attempt.sealed.wipe()
            message = "no mapping has a place for a card, a bank account or a password; nothing was sent"
            raise UnsupportedError(message, code="sealed_value")

    def _check_payment(self, effect: TakePayment) -> None:
        """What cannot be said faithfully is refused before anything is asked."""
        currency = self._connection.facility(effect.facility).currency
        for part in effect.parts:
            if part.amount.currency != currency:
                problem = f"payments here are in {currency}; nothing was sent"
                raise RejectedError(problem, code="wrong_currency")
            if not part.amount.is_payable:
                digits = minor_digits(currency)
                problem = f"an amount is positive and has at most {digits} digits after the point; nothing was sent"
                raise RejectedError(problem, code="amount_not_payable")
        together = self._connection.mapping.policy.pays_together
        if len(effect.parts) > 1 and effect.means.by not in together:
            message = "one payment over several rentals does not work by these means; plan one payment per rental"
            raise UnsupportedError(message, code="one_rental_per_payment")

    def _receipt(self, done: list[Done]) -> Receipt:
        outputs: dict[str, str] = {}
        for one in done:
            outputs |= one.outputs
        return Receipt(
            evidence="; ".join(one.words for one in done),
            vendor_ids=outputs,
            code=next((one.code for one in reversed(done) if one.code), ""),
            at=self._connection.clock.now(),
            read_back=all(one.read_back for one in done),
        )

    # before a send

    def _baseline(self, effect: EffectBody) -> dict[str, str]:
        """Fields of an edit, and rows that look like what will be written."""
        filler = self._connection.effect_filler(effect, Attempt(key="0" * 40, sent_at=self._connection.clock.now()))
        end = self._live_end()
        kept: dict[str, str] = {}
        for step in self._steps(effect):
            if step.update is not None and isinstance(effect, ChangeContact | SetConsent):
                editing = self._editing(step, effect, filler)
                kept |= editing.baseline(editing.read(end))
            elif isinstance(step.idempotency, NaturalKey):
                kept |= self._rows_before(effect, step, step.idempotency, filler, end)
        return kept

    def _rows_before(
        self, effect: EffectBody, step: Step, key: NaturalKey, filler: Filler, end: Deadline
    ) -> dict[str, str]:
        """The rows that are there already. Not known is not none: then nothing is kept."""
        seen = look(self._connection, effect.facility, key.look_up, filler, f"{_kind(effect)}.before", end)
        return {} if seen.unclear else rows_before(effect, step, row_keys(key, seen.matches))

    # after a send

    def _probe(self, effect: EffectBody, attempt: Attempt) -> Probed:
        """All steps there: found. One that is not: absent, and it alone is sent again. Else nobody can tell.

        Where another step is there, the effect has begun.
        """
        filler = self._connection.effect_filler(effect, attempt)
        end = self._live_end()
        answers = [(step, self._probe_step(step, effect, attempt, filler, end)) for step in self._steps(effect)]
        unclear = [answer for _, answer in answers if isinstance(answer, CannotTell)]
        missing = [answer for _, answer in answers if isinstance(answer, Absent)]
        if unclear:
            return unclear[0]
        if missing:
            words = "; ".join(answer.saw for answer in missing)
            begun = len(missing) < len(answers)
            return Absent(words, conclusive=all(answer.conclusive for answer in missing), begun=begun)
        found = [answer.receipt for _, answer in answers if isinstance(answer, Found)]
        ids = {name: value for receipt in found for name, value in receipt.vendor_ids.items()}
        evidence = "; ".join(receipt.evidence for receipt in found)
        return Found(Receipt(evidence=evidence, vendor_ids=ids, at=self._connection.clock.now(), read_back=True))

    def _probe_step(self, step: Step, effect: EffectBody, attempt: Attempt, filler: Filler, end: Deadline) -> Probed:
        if step.update is not None and isinstance(effect, ChangeContact | SetConsent):
            return self._probe_edit(self._editing(step, effect, filler), attempt, end)
        what = look_of(step.idempotency)
        if what is None:
            return CannotTell(f"{step.name}: this back office has no read that would show it")
        seen = look(self._connection, effect.facility, what, filler, f"{_kind(effect)}.look", end)
        fresh = new_matches(step, seen, attempt.baseline)
        is_natural = isinstance(step.idempotency, NaturalKey)
        if fresh and is_natural and known_before(step, attempt.baseline) is None:
            return CannotTell(f"{step.name}: what fits may have been there before")
        if fresh:
            is_twice = len(fresh) > 1 and not isinstance(step.idempotency, ByState)
            return self._found(step, outputs_of(what.outputs, fresh[0]), is_twice=is_twice)
        if seen.unclear:
            return CannotTell(f"{step.name}: {seen.unclear}")
        return Absent(f"{step.name}: none of {seen.seen} rows is it")

    def _found(self, step: Step, outputs: dict[str, str], *, is_twice: bool) -> Found:
        ids = ", ".join(f"{name} {value}" for name, value in outputs.items())
        doubled = "; POSSIBLY TWICE" if is_twice else ""
        evidence = f"read back: {step.name}" + (f" ({ids})" if ids else "") + doubled
        return Found(Receipt(evidence=evidence, vendor_ids=outputs, at=self._connection.clock.now(), read_back=True))

    def _probe_edit(self, editing: Editing, attempt: Attempt, end: Deadline) -> Probed:
        """All fields as asked: found. All as before: absent. A mixture, or something third: nobody can tell."""
        try:
            now = editing.read(end)
        except NotFoundError:
            return CannotTell("there is no such record any more")
        others = attempt.baseline.get("others")
        if editing.is_so(now):
            if others is not None and (not others or others != editing.digest(now)):
                return CannotTell("the fields are as asked, but another field of the record changed, too")
            evidence = f"read back: {editing.step.name}"
            return Found(Receipt(evidence=evidence, at=self._connection.clock.now(), read_back=True))
        if attempt.baseline and editing.is_as_before(now, attempt.baseline):
            return Absent("the fields are as they were before")
        return CannotTell("the fields hold neither what was asked for nor what was there before")

    def _editing(self, step: Step, effect: ChangeContact | SetConsent, filler: Filler) -> Editing:
        return Editing(self._connection, step, effect, filler)

    def _live_end(self) -> Deadline:
        return self._connection.deadline(self._connection.mapping.connection.timeouts.live)

    @property
    def settle_window(self) -> timedelta:
        """How long an unknown outcome waits before it is looked for: at least as long as any look may lag."""
        mapping = self._connection.mapping
        looks = [look_of(step.idempotency) for action in mapping.actions.values() for step in action.steps]
        lags = [one.lag for one in looks if one is not None]
        return max([self._connection.settings.settle_window or mapping.connection.settle_window, *lags])


def _kind(effect: EffectBody) -> str:
    return str(getattr(effect, "kind", ""))
