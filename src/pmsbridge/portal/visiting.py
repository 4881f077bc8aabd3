"""What somebody may ask the office without being signed in: a question, limited in number, with no tenant's data."""

from __future__ import annotations

from pmsbridge.actions.effects import Effect, PostBulletin, SendMail
from pmsbridge.actions.plan import Plan, PlannedEffect, Submission, effect_key, reference_of
from pmsbridge.actions.scribe import Scribe, StaffRequest, mail_names

__all__ = ["question_of"]


def question_of(
    account: str, facility: str, scribe: Scribe, *, name: str, email: str, text: str, key: str, has_board: bool
) -> Submission:  # fmt: skip
    """An action without a tenant: a mail to each address of the staff, and a bulletin post where there is a board.

    Args:
        account: The configured account.
        facility: The facility's code.
        scribe: Finds the words and the addresses.
        name: Who asks, in their own words.
        email: Where to answer.
        text: The question.
        key: The idempotency key of this click.
        has_board: The back office has a bulletin board.
    """
    action_id = Submission.id_for(account, facility, None, key)
    notice = StaffRequest(tenant_id="", tenant_name=name, subject=name, request=f"{text}\n\n{name}\n{email}")
    written = scribe.write(notice)
    steps = list[PlannedEffect]()
    for step, to in mail_names("mail", scribe.staff):
        mail = scribe.for_mail(written, reference_of(action_id, step))
        steps.append(_step(action_id, step, SendMail(
            account=account, facility=facility, to=to, subject=mail.subject, text=mail.text, language=scribe.language,
            reference=reference_of(action_id, step),
        ), is_principal=step == "mail"))  # fmt: skip
    if has_board:
        board = scribe.for_board(written, has_mail=bool(steps))
        steps.append(_step(action_id, "bulletin", PostBulletin(
            account=account, facility=facility, subject=board.subject, body=board.text,
            reference=reference_of(action_id, "bulletin"),
        ), is_principal=not steps))  # fmt: skip
    return Submission(
        action_id=action_id, key=key, kind="contact_us", account=account, facility=facility, tenant_id=None,
        intent="{}", actor="visitor", plan=Plan(steps=tuple(steps)),
    )  # fmt: skip


def _step(action_id: str, name: str, effect: Effect, *, is_principal: bool) -> PlannedEffect:
    return PlannedEffect(
        name=name,
        key=effect_key(action_id, name, effect.target),
        effect=effect,
        is_principal=is_principal,
    )
