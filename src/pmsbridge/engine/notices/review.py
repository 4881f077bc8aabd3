"""What staff are told when no machine can know: a note, a bulletin post and mails, each exactly once."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from pmsbridge.actions.effects import AddNote, Effect, EffectBody, PostBulletin, SendMail, TakePayment
from pmsbridge.actions.plan import PlannedEffect, effect_key, reference_of
from pmsbridge.actions.scribe import ReviewNeeded, Scribe, Written, addresses_in, mail_names
from pmsbridge.engine.notices.desk import built_in_desk
from pmsbridge.store.stored import StoredEffect

__all__ = ["ReviewTask", "words_for"]


def words_for(effect: EffectBody) -> str:
    """An effect in a few words, without anything secret: "payment of 120.00 USD for unit 015"."""
    if isinstance(effect, TakePayment):
        return f"payment of {effect.total} for unit {', '.join(_units_of(effect))}"
    return str(getattr(effect, "kind", "request")).replace("_", " ")


def _units_of(effect: EffectBody) -> tuple[str, ...]:
    parts = effect.parts if isinstance(effect, TakePayment) else ()
    return tuple(part.unit_number or part.rental_id for part in parts)


def _rental_of(effect: EffectBody) -> str | None:
    if isinstance(effect, TakePayment):
        return effect.parts[0].rental_id
    rental: str | None = getattr(effect, "rental_id", None)
    return rental


@dataclass(frozen=True, slots=True)
class ReviewTask:
    """A task for staff: look at the back office and say what is there.

    Attributes:
        why: What the engine saw.
        mail_to: The facility's addresses; empty when it has none.
        rental_id: Whose account a note goes on when the effect names no rental; None when there is none.
        scribe: Finds the words; None for our own in English, with instants in UTC.
        known: Names of the steps that the action has.
    """

    stored: StoredEffect
    why: str
    mail_to: str = ""
    rental_id: str | None = None
    scribe: Scribe | None = None
    known: Collection[str] = ()

    def steps(self) -> tuple[PlannedEffect, ...]:
        """The notices, under names of their own for each time that somebody has to look: every time is told, once."""
        written = self._scribe.write(self._notice)
        addresses = addresses_in(self.mail_to)
        board = self._scribe.for_board(written, has_mail=bool(addresses))
        mails = [self._mail(what, to, written) for what, to in mail_names("mail", addresses)]
        note = self._note(board)
        return (self._bulletin(board), *([note] if note is not None else []), *mails)

    @property
    def _scribe(self) -> Scribe:
        return self.scribe or built_in_desk().scribe(self.stored.account, self.stored.facility, None)

    @property
    def _notice(self) -> ReviewNeeded:
        stored, effect = self.stored, self.stored.effect
        return ReviewNeeded(
            tenant_id=stored.tenant_id, tenant_name="", kind=stored.kind, unit_numbers=_units_of(effect),
            amount=effect.total if isinstance(effect, TakePayment) else None, sent_at=stored.first_sent_at,
            why=self.why.rstrip("."), action_id=stored.action_id, step=stored.name,
        )  # fmt: skip

    def _mail(self, what: str, to: str, written: Written) -> PlannedEffect:
        name, reference = self._named(what)
        mail = self._scribe.for_mail(written, reference)
        return self._step(
            name,
            SendMail(
                account=self.stored.account, facility=self.stored.facility, to=to, subject=mail.subject,
                text=mail.text, language=self._scribe.language, reference=reference,
            ),
        )  # fmt: skip

    def _bulletin(self, board: Written) -> PlannedEffect:
        name, reference = self._named("bulletin")
        return self._step(
            name,
            PostBulletin(
                account=self.stored.account, facility=self.stored.facility, subject=board.subject, body=board.text,
                reference=reference,
            ),
        )  # fmt: skip

    def _note(self, board: Written) -> PlannedEffect | None:
        rental = _rental_of(self.stored.effect) or self.rental_id
        if rental is None or not self.stored.tenant_id:
            return None
        name, reference = self._named("note")
        return self._step(
            name,
            AddNote(
                account=self.stored.account, facility=self.stored.facility, tenant_id=self.stored.tenant_id,
                rental_id=rental, text=board.text, reference=reference,
            ),
        )  # fmt: skip

    def _named(self, what: str) -> tuple[str, str]:
        name = f"{self._prefix}{what}"
        return name, reference_of(self.stored.action_id, name)

    @property
    def _prefix(self) -> str:
        """As "review.payment."; "review2.payment." when it was retried and is unknown once more."""
        prefixes = (f"review{number}.{self.stored.name}." for number in ("", *range(2, len(self.known) + 3)))
        return next(each for each in prefixes if not any(name.startswith(each) for name in self.known))

    def _step(self, name: str, effect: Effect) -> PlannedEffect:
        key = effect_key(self.stored.action_id, name, effect.target)
        return PlannedEffect(name=name, key=key, effect=effect, is_principal=False)
