"""The tenant asks for other things: autopay, a move-out and back, a new phone number."""

from __future__ import annotations

from datetime import timedelta

from pmsbridge.cli.demo.paying import card, outcome_line
from pmsbridge.cli.demo.stage import Stage
from pmsbridge.cli.demo.telling import Teller
from pmsbridge.cli.demo.verdict import Record
from pmsbridge.ports.outcome import Outcome

__all__ = ["a_new_phone", "autopay", "moving_out"]

TENANT = "several_units"
_OTHER_TEST_CARD = "5555555555554444"
_NEW_PHONE = "617-555-0199"


def autopay(stage: Stage, teller: Teller, record: Record) -> None:
    """Autopay on with a new card, and off again; the card stays on file."""
    session, tenant_id = stage.session(TENANT), stage.people[TENANT]
    unit = session.dashboard().rows[1]
    teller.scene(f"Autopay for unit {unit.rental.unit_number}: on with a new card, then off")
    on = session.set_autopay(unit.id, on=True, method=card(_OTHER_TEST_CARD), key="demo-click-0005")
    on = stage.until_known(session, on.action_id)
    stored_on = dict(stage.books.billing(tenant_id, unit.id))
    off = session.set_autopay(unit.id, on=False, key="demo-click-0006")
    off = stage.until_known(session, off.action_id)
    stored_off = dict(stage.books.billing(tenant_id, unit.id))
    teller.say(outcome_line("On", on), f"   the back office stores {stored_on['card']}, autopay {stored_on['autopay']}")
    teller.say(
        outcome_line("Off", off), f"   the back office stores {stored_off['card']}, autopay {stored_off['autopay']}"
    )
    teller.note(on=on.outcome, off=off.outcome, card_on=stored_on["card"], card_off=stored_off["card"])
    last4 = _OTHER_TEST_CARD[-4:]
    teller.check("both are settled", holds={on.outcome, off.outcome} == {Outcome.SETTLED})
    teller.check(
        "autopay was on with the new card", holds=bool(stored_on["autopay"]) and str(stored_on["card"]).endswith(last4)
    )
    teller.check(
        "switching it off kept the very same card",
        holds=not stored_off["autopay"] and stored_off["card_digest"] == stored_on["card_digest"],
    )
    record.done(on, off)


def moving_out(stage: Stage, teller: Teller, record: Record) -> None:
    """A move-out is scheduled and cancelled; the unit stays let throughout."""
    session, tenant_id = stage.session(TENANT), stage.people[TENANT]
    unit = session.dashboard().rows[2]
    leaving = stage.today + timedelta(days=30)
    teller.scene(f"Unit {unit.rental.unit_number}: a move-out on {leaving}, and second thoughts")
    asked = session.request_move_out(unit.id, leaving, key="demo-click-0007")
    asked = stage.until_known(session, asked.action_id)
    scheduled, let = stage.books.leaving_on(tenant_id, unit.id), stage.books.is_let(tenant_id, unit.id)
    cancelled = session.cancel_move_out(unit.id, key="demo-click-0008")
    cancelled = stage.until_known(session, cancelled.action_id)
    teller.say(outcome_line("Asked", asked), f"   the books say leaving on {scheduled}")
    teller.say(outcome_line("Taken back", cancelled))
    teller.note(asked=asked.outcome, cancelled=cancelled.outcome, scheduled=scheduled)
    teller.check("the books held the date", holds=scheduled == leaving.isoformat())
    teller.check("the unit stayed let", holds=let and stage.books.is_let(tenant_id, unit.id))
    teller.check("the date is gone again", holds=stage.books.leaving_on(tenant_id, unit.id) is None)
    record.done(asked, cancelled)


def a_new_phone(stage: Stage, teller: Teller, record: Record) -> None:
    """One edit, three notices: mail, bulletin post, note."""
    session, tenant_id = stage.session(TENANT), stage.people[TENANT]
    teller.scene("A new phone number: one edit, and three notices to the staff")
    posts, notes, letters = len(stage.books.bulletin()), len(stage.books.notes(tenant_id)), len(stage.sink.letters)
    view = session.edit_contact({"phone": _NEW_PHONE}, key="demo-click-0009")
    view = stage.until_known(session, view.action_id)
    rows = [(step.name, step.kind, step.outcome, step.evidence or step.message) for step in view.steps]
    teller.show("", ["step", "effect", "outcome", "evidence"], rows)
    new = {
        "posts": len(stage.books.bulletin()) - posts,
        "notes": len(stage.books.notes(tenant_id)) - notes,
        "mails": len(stage.sink.letters) - letters,
    }
    teller.note(outcome=view.outcome, notices=new)
    teller.check("the record holds the new number", holds=stage.books.holds_text(tenant_id, _NEW_PHONE))
    teller.check(
        "one post, one mail, and the note is on the account", holds=new["posts"] == new["mails"] == 1 <= new["notes"]
    )
    record.done(view)
