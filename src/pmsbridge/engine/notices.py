"""What staff are told when no machine can know: a note, a bulletin post and a mail, each exactly once."""

from __future__ import annotations

from dataclasses import dataclass

from pmsbridge.actions.effects import AddNote, Effect, EffectBody, PostBulletin, SendMail, TakePayment
from pmsbridge.actions.plan import PlannedEffect, effect_key, reference_of
from pmsbridge.model.documents import NoteKind, Visibility
from pmsbridge.store.stored import StoredEffect

__all__ = ["ReviewTask", "words_for"]


def words_for(effect: EffectBody) -> str:
    """An effect in a few words, without anything secret: "payment of 120.00 USD for unit 015"."""
    if isinstance(effect, TakePayment):
        units = ", ".join(part.unit_number or part.rental_id for part in effect.parts)
        return f"payment of {effect.total} for unit {units}"
    return str(getattr(effect, "kind", "request")).replace("_", " ")


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
        mail_to: The facility's primary address; empty when it has none.
        rental_id: Whose account a note goes on when the effect names no rental; None when there is none.
    """

    stored: StoredEffect
    why: str
    mail_to: str = ""
    rental_id: str | None = None

    def steps(self) -> tuple[PlannedEffect, ...]:
        """The notices. The same effect always gives the same keys, so nothing is told twice."""
        found = [self._bulletin(), self._note(), self._mail()]
        return tuple(step for step in found if step is not None)

    @property
    def _subject(self) -> str:
        return f"Please check: {words_for(self.stored.effect)}"

    def _text(self, reference: str) -> str:
        sent = self.stored.first_sent_at
        when = f" at {sent:%Y-%m-%d %H:%M} UTC" if sent else ""
        return (
            f"A {words_for(self.stored.effect)} for tenant {self.stored.tenant_id or '-'} was sent to this system"
            f"{when}, and it could not be confirmed ({self.why}). It may or may not have been done. Please look at the "
            "account, do not repeat it unseen, and record what you find: "
            f"pmsbridge actions resolve {self.stored.action_id} --step {self.stored.name} "
            f"--outcome settled|declined|not_sent --evidence TEXT --actor NAME. Reference {reference}."
        )

    def _mail(self) -> PlannedEffect | None:
        if not self.mail_to:
            return None
        name, reference = self._named("mail")
        return self._step(
            name,
            SendMail(
                account=self.stored.account, facility=self.stored.facility, to=self.mail_to, subject=self._subject,
                text=self._text(reference), reference=reference,
            ),
        )  # fmt: skip

    def _bulletin(self) -> PlannedEffect:
        name, reference = self._named("bulletin")
        return self._step(
            name,
            PostBulletin(
                account=self.stored.account, facility=self.stored.facility, subject=self._subject,
                body=self._text(reference), reference=reference,
            ),
        )  # fmt: skip

    def _note(self) -> PlannedEffect | None:
        rental = _rental_of(self.stored.effect) or self.rental_id
        if rental is None or not self.stored.tenant_id:
            return None
        name, reference = self._named("note")
        return self._step(
            name,
            AddNote(
                account=self.stored.account, facility=self.stored.facility, tenant_id=self.stored.tenant_id,
                rental_id=rental, note_kind=NoteKind.GENERAL, visibility=Visibility.INTERNAL,
                text=self._text(reference), reference=reference,
            ),
        )  # fmt: skip

    def _named(self, what: str) -> tuple[str, str]:
        name = f"review.{self.stored.name}.{what}"
        return name, reference_of(self.stored.action_id, name)

    def _step(self, name: str, effect: Effect) -> PlannedEffect:
        key = effect_key(self.stored.action_id, name, effect.target)
        return PlannedEffect(name=name, key=key, effect=effect, is_principal=False)
