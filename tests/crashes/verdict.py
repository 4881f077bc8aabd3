"""The judge: what the back office's own books hold, against what the journal and the workers said. Nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from pmsbridge.engine.outcomes import ActionView, StepView
from tests.crashes.smithy import ACCOUNTS, Scene, Wish

__all__ = ["Books", "violations"]

_CALLS = {
    "change_contact": ("TenantUpdate_v3", "iTenantID", "tenant"),
    "set_autopay": ("TenantBillingInfoUpdate", "iLedgerID", "rental"),
    "schedule_move_out": ("ScheduleMoveOut", "iLedgerID", "rental"),
}
_VERBS = {"edit": "change_contact", "autopay": "set_autopay", "move_out": "schedule_move_out"}
_FINAL = {"settled", "declined", "not_sent", "needs_review"}


class Books:
    """What is in the back office and in the mail server."""

    def __init__(self, scene: Scene) -> None:
        codes = [code for codes in ACCOUNTS.values() for code in codes]
        self.sites: dict[str, Any] = {code: scene.control.state(code)["sites"][code] for code in codes}
        self.calls = scene.control.calls()
        lines = scene.mails.read_text().split() if scene.mails.exists() else []
        self.mails = Counter(line.partition("@")[0] for line in lines)

    def payments(self, wish: Wish) -> int:
        """How often a wished amount was taken from the wished rental."""
        ledger = self.sites[wish["facility"]]["ledgers"][wish["rental"]]
        return sum(Decimal(paid["amount"]) == Decimal(wish["value"]) for paid in ledger["payments"])

    def carried_out(self, wish: Wish, kind: str) -> int:
        """How often calls of an effect changed the books."""
        operation, parameter, field = _CALLS[kind]
        return sum(
            call["effects"]
            for call in self.calls
            if call["operation"] == operation and call["location"] == wish["facility"]
            and call["parameters"].get(parameter) == wish[field]
        )  # fmt: skip

    def wished(self, wish: Wish) -> int:
        """How often the wish itself was carried out."""
        return self.payments(wish) if wish["verb"].startswith("pay") else self.carried_out(wish, _VERBS[wish["verb"]])

    def done(self, wish: Wish, step: StepView) -> int:
        """How often one effect is there."""
        site = self.sites[wish["facility"]]
        if step.kind == "take_payment":
            return self.payments(wish)
        if step.kind == "post_bulletin":
            return sum(step.reference in post["subject"] + post["body"] for post in site["bulletin"])
        if step.kind == "add_note":
            notes = (note for ledger in site["ledgers"].values() for note in ledger["notes"])
            return sum(step.reference in note["text"] for note in notes)
        if step.kind == "send_mail":
            return min(1, self.mails[step.key])  # the same Message-ID is one mail to its reader
        return self.carried_out(wish, step.kind)

    def stands(self, wish: Wish) -> bool:
        """Whether the state that was wished for is the state there is."""
        site = self.sites[wish["facility"]]
        if wish["verb"] == "edit":
            return bool(site["tenants"][wish["tenant"]]["fields"]["sEmail"] == wish["value"])
        ledger = site["ledgers"][wish["rental"]]
        if wish["verb"] == "move_out":
            return bool(str(ledger["scheduled_out"]).startswith(wish["value"]))
        if wish["verb"] == "autopay":
            return bool(ledger["billing"]["autopay"]) is (wish["value"] == "on")
        return self.payments(wish) == 1


def violations(scene: Scene) -> list[str]:
    """Everything that was lost, doubled, left open or said wrongly; empty for a clean scene."""
    books, views = Books(scene), scene.views()
    found = [text for key, wish in scene.wishes.items() for text in _of_wish(books, wish, views.get(key), scene)]
    found += [f"an action nobody wished: {key}" for key in set(views) - set(scene.wishes)]
    with scene.journal() as runtime:
        found += [f"{v.key}: its trail is not whole" for v in views.values() if not runtime.verify_trail(v.action_id)]
    return found


def _of_wish(books: Books, wish: Wish, view: ActionView | None, scene: Scene) -> Iterator[str]:
    name = f"{wish['key']} ({wish['verb']})"
    told = [answer for answer in scene.told if answer["key"] == wish["key"]]
    if view is None:
        if times := books.wished(wish):
            yield f"{name}: done {times} times, and the journal does not know it"
        if accepted := [answer for answer in told if "outcome" in answer]:
            yield f"{name}: lost, after the answer {accepted}"
        return
    for step in view.steps:
        yield from _of_step(name, books.done(wish, step), step)
    if view.outcome.value == "settled" and not view.emulated and not books.stands(wish):
        yield f"{name}: settled, and the books do not show it"
    if not view.outcome.is_final:
        yield f"{name}: still {view.outcome.value}"
    yield from _changed_minds(name, view, told)


def _of_step(name: str, times: int, step: StepView) -> Iterator[str]:
    said = step.outcome.value
    right = {"settled": times == 1, "declined": times == 0, "not_sent": times == 0, "needs_review": times <= 1}
    if not right.get(said, False):
        yield f"{name}: {step.name} is {said} ({step.message}), and was done {times} times"


def _changed_minds(name: str, view: ActionView, told: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for answer in told:
        said = answer.get("outcome")
        if said in _FINAL - {"needs_review"} and said != view.outcome.value:
            yield f"{name}: a user was told {said}, and it is {view.outcome.value}"
        if answer.get("action_id", view.action_id) != view.action_id:
            yield f"{name}: two actions for one click"
