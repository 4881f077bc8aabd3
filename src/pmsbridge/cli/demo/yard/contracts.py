"""What is on rent, and calling it off: a request that the yard acts on, while the rent runs on."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from pmsbridge.cli.demo.paying import outcome_line
from pmsbridge.cli.demo.telling import Teller
from pmsbridge.cli.demo.yard.stage import YardStage
from pmsbridge.errors import IneligibleError
from pmsbridge.model.requests import CallOffState
from pmsbridge.ports.outcome import Outcome

if TYPE_CHECKING:
    from pmsbridge.model.rental import ItemOut

__all__ = ["calling_off", "the_yard_acts", "what_there_is"]

_ARTICLE = "FENCE-8"
_OTHER_ARTICLE = "GEN-20"
_CALLED_OFF = 2
_CALL_NUMBER = "4711"


def what_there_is(stage: YardStage, teller: Teller) -> None:
    """Contracts, quotes, reservations, and the items out over all of them."""
    teller.scene("Contracts, reservations, quotes, and the items out")
    session = stage.session
    rentals = [row.rental for row in session.account().rentals if row.rental.kind == "contract"]
    rows = [(r.number, r.state, r.vendor_state, _count(sum(i.on_rent for i in r.items))) for r in rentals]
    teller.show("Contracts", ["number", "state", "the office's word", ">items out"], rows)
    out = session.items_out()
    columns = ["contract", "article", "what", ">ordered", ">out", ">back", ">on rent", "due back"]
    teller.show(
        "Items out", columns,
        [
            (c.number, i.code, i.description, *map(_count, (i.ordered, i.out, i.returned, i.on_rent)), i.due_back_on)
            for c, i in out
        ],
    )  # fmt: skip
    quotes, reservations = session.quotes(), session.reservations()
    shown = {item.code: int(item.on_rent) for contract, item in out if contract.id == stage.contract_id}
    teller.note(contracts=[r.number for r in rentals], items_out=shown)
    teller.check("what is out is what the books have out", holds=shown == stage.control.items_out(stage.contract_id))
    teller.check("a reservation and a quote are there", holds=len(reservations) == 1 and len(quotes) >= 1)


def _count(quantity: Decimal | int) -> str:
    """Without the zeros that mean nothing."""
    return format(Decimal(quantity).normalize(), "f")


def _item(stage: YardStage, code: str) -> ItemOut:
    return next(item for contract, item in stage.session.items_out() if item.code == code)


def calling_off(stage: YardStage, teller: Teller) -> None:
    """Too much is refused before anything is sent; the rest becomes a day in the plan, a note and a post."""
    teller.scene(f"Calling {_CALLED_OFF} x {_OTHER_ARTICLE} off rent")
    session, item, before = stage.session, _item(stage, _OTHER_ARTICLE), stage.control.notes(stage.contract_id)
    day, letters = stage.today + timedelta(days=3), len(stage.sink.letters)
    refused = []
    for quantity, when in ((_CALLED_OFF + 1, day), (1, stage.today - timedelta(days=1))):
        try:
            session.request_call_off(stage.contract_id, item.id, quantity, when, key=f"yard-refused-{quantity:04}")
        except IneligibleError as refusal:
            refused.append(refusal.code)
            teller.say(f"{quantity} from {when}: refused, {refusal.code}. {refusal.message}")
    untouched = stage.control.notes(stage.contract_id) == before
    view = session.request_call_off(
        stage.contract_id, item.id, _CALLED_OFF, day, key="yard-click-0001", place="Gate 3", comment="Ring the bell."
    )
    view = stage.until_known(view.action_id)
    teller.say(outcome_line(f"{_CALLED_OFF} from {day}, at gate 3", view))
    (call,) = session.call_offs()
    notes = [note for note in stage.control.notes(stage.contract_id) if call.reference in note]
    teller.show("In the books", ["note on the contract"], [[note] for note in notes])
    posts, mails = stage.control.posts(stage.contract_id), stage.sink.letters[letters:]
    out = stage.control.items_out(stage.contract_id)
    teller.note(outcome=view.outcome, refused=refused, reference=call.reference, state=call.call_off_state)
    teller.check(
        "more than is out, and yesterday, are refused before anything is sent",
        holds=refused == ["quantity_exceeds_out", "backdated_needs_staff"] and untouched,
    )
    teller.check("it is settled", holds=view.outcome is Outcome.SETTLED)
    teller.check("the contract has the note, once", holds=len([n for n in notes if "call-off" in n]) == 1)
    teller.check(
        "the yard means to collect on that day", holds=day.isoformat() in stage.control.collections(stage.contract_id)
    )
    teller.check(
        "who follows the contract was told, and staff got a mail",
        holds=any("Gate 3" in p for p in posts) and len(mails) == 1,
    )
    teller.check("the rent runs on: as much is out as before", holds=out[_OTHER_ARTICLE] == _CALLED_OFF)


def the_yard_acts(stage: YardStage, teller: Teller) -> None:
    """The yard acknowledges, and collects; the portal reads the state back."""
    teller.scene("The yard acknowledges the call-off, and collects")
    session = stage.session
    (asked,) = session.call_offs()
    stage.control.acknowledge(stage.contract_id, asked.reference, _CALL_NUMBER)
    (known,) = session.call_offs()
    stage.control.take_back(stage.contract_id, {_OTHER_ARTICLE: _CALLED_OFF})
    (over,) = session.call_offs()
    rows = [
        (when, c.call_off_state, c.call_number) for when, c in (("asked", asked), ("answered", known), ("back", over))
    ]
    teller.show("", ["when", "the portal says", "the yard's number"], rows)
    left = {item.code for _, item in session.items_out()}
    teller.note(states=[asked.call_off_state, known.call_off_state, over.call_off_state])
    teller.check("it was requested", holds=asked.call_off_state is CallOffState.REQUESTED)
    teller.check(
        "it is acknowledged, under the yard's number",
        holds=known.call_off_state is CallOffState.ACKNOWLEDGED and known.call_number == _CALL_NUMBER,
    )
    teller.check(
        "it ended with the goods", holds=over.call_off_state in {CallOffState.OFF_RENT, CallOffState.PICKED_UP}
    )
    teller.check(
        "they are not out any more, the others are",
        holds=left == {_ARTICLE} == set(stage.control.items_out(stage.contract_id)),
    )
