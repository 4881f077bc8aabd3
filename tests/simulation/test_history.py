"""The judge itself: for each kind of violation a history that has it, and the nearest one that has not."""

from __future__ import annotations

import ast
import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from pmsbridge.testing import history as judge
from pmsbridge.testing.history import (
    KINDS,
    Answer,
    Booked,
    Click,
    History,
    Mailed,
    Request,
    RequestAnswer,
    Statement,
    Step,
    check,
)

CLICK = Click(1, 0, "rent", "key-1", "take_payment", "R1", "120.00")
PAID = Booked(1, 50, "take_payment", "R1", "120.00", "k1")
STEP = Step("k1", "payment", "take_payment", "settled", principal=True)
NOTICES = ("send_mail", "post_bulletin", "add_note")
SENT = Request("k1", "take_payment", "lane", 10, 60, "done")


def told(outcome: str, *, order: int = 2, at: int = 100, wish: str = "rent", **fields: object) -> Answer:
    step = replace(STEP, outcome=outcome, **fields)  # type: ignore[arg-type]
    return Answer(order, at, wish, "key-1", "a1", outcome, (step,))


def honest() -> History:
    """A payment that was asked for, done, and told as done."""
    return History(
        seed=7, owed={"R1": Decimal("120.00")}, clicks=[CLICK], booked=[PAID], requests=[SENT],
        answers=[told("settled"), told("settled", order=9, wish="")],
    )  # fmt: skip


def edit() -> History:
    """A contact edit with its three notices."""
    steps = (
        Step("e", "edit", "change_contact", "settled", principal=True),
        Step("m", "mail", "send_mail", "settled", principal=False),
        Step("b", "bulletin", "post_bulletin", "settled", principal=False),
        Step("n", "note", "add_note", "settled", principal=False),
    )
    answer = Answer(9, 500, "", "key-e", "a2", "settled", steps)
    return History(
        clicks=[Click(1, 0, "edit", "key-e", "change_contact", "T1", "email=x", NOTICES)],
        answers=[replace(answer, wish="edit", order=8), answer],
        booked=[
            Booked(1, 10, "change_contact", "T1", "email=x", "e"), Booked(2, 30, "post_bulletin", "F1", "", "b"),
            Booked(3, 40, "add_note", "R1", "", "n"),
        ],
        requests=[
            Request("e", "change_contact", "l", 5, 12, "done"), Request("b", "post_bulletin", "l", 20, 31, "done"),
        ],
        mails=[Mailed(20, "m", "m@x")],
    )  # fmt: skip


def reviewed(times: int, told_to_staff: int, *, last: str = "settled") -> History:
    """A payment that somebody had to look at so often, and of which staff were told so often."""
    review = replace(STEP, outcome="needs_review")
    tasks = tuple(
        Step(
            f"{kind}{number}",
            f"review{number}.{kind}",
            kind,
            last if kind == "send_mail" else "settled",
            principal=False,
        )
        for number in range(told_to_staff)
        for kind in NOTICES
    )
    answers, statements = [], []
    for number in range(times):
        answers.append(Answer(10 * number + 2, 100 + number, "rent", "key-1", "a1", "needs_review", (review, *tasks)))
        statements.append(Statement(10 * number + 5, 100 + number, "a1", "", "retry", accepted=True))
    answers.append(Answer(10 * times, 300, "", "key-1", "a1", "needs_review", (review, *tasks)))
    return History(
        owed={"R1": Decimal("120.00")}, clicks=[CLICK], answers=answers, statements=statements[:-1],
        requests=[replace(SENT, answer="none")], staff_told_by=NOTICES,
        booked=[Booked(9, 50, step.kind, "F1", "", step.key) for step in tasks if step.kind != "send_mail"],
        mails=[Mailed(50, step.key, step.key) for step in tasks if step.kind == "send_mail"],
    )  # fmt: skip


def withdrawn(keys: set[str]) -> History:
    """A payment, and clicks that the portal took back."""
    history = honest()
    history.withdrawn = keys
    return history


def two_edits(first_done: int, then_done: int) -> History:
    """Two edits of one tenant, the second accepted after the first."""
    answers = [
        Answer(
            2, 5, "w1", "key-1", "a1", "settled", (Step("k1", "edit", "change_contact", "settled", principal=True),)
        ),
        Answer(
            4, 9, "w2", "key-2", "a2", "settled", (Step("k2", "edit", "change_contact", "settled", principal=True),)
        ),
    ]
    late = [replace(answer, order=answer.order + 10, at=999, wish="") for answer in answers]
    pending = [replace(a, outcome="pending", steps=(replace(a.steps[0], outcome="pending"),)) for a in answers]
    return History(
        clicks=[
            Click(1, 0, "w1", "key-1", "change_contact", "T1", "email=a"),
            Click(3, 6, "w2", "key-2", "change_contact", "T1", "email=b"),
        ],
        answers=[*pending, *late],
        booked=[
            Booked(1, first_done, "change_contact", "T1", "email=a", "k1"),
            Booked(2, then_done, "change_contact", "T1", "email=b", "k2"),
        ],
    )  # fmt: skip


def two_payments(first: str, then: str) -> History:
    """A rest of 40 is asked for after a payment of 80, and once more under a new key; each answered as said.

    ``first`` and ``then`` are the actions that the two clicks of "rest" are answered with: "a80", which another wish
    made, or "a40", which it made itself.
    """
    keys = {"a80": "key-80", "a40": "key-40"}
    clicks = [
        Click(1, 0, "part", "key-80", "take_payment", "R1", "80.00"),
        Click(3, 10, "rest", "key-40" if first == "a40" else "key-4x", "take_payment", "R1"),
        Click(5, 20, "rest", "key-40" if first != "a40" else "key-4x", "take_payment", "R1"),
    ]

    def answer(order: int, wish: str, action: str, outcome: str = "settled") -> Answer:
        step = replace(STEP, key=f"k-{action}", outcome=outcome)
        return Answer(order, 100, wish, keys[action], action, outcome, (step,))

    answers = [answer(2, "part", "a80", "pending"), answer(4, "rest", first, "pending"),
               answer(6, "rest", then, "pending"), answer(8, "", "a80"), answer(9, "", "a40")]  # fmt: skip
    booked = [replace(PAID, what="80.00", key="k-a80"), replace(PAID, number=2, what="40.00", key="k-a40")]
    return History(owed={"R1": Decimal("120.00")}, clicks=clicks, answers=answers, booked=booked)


def answered(*withdrawals: bool, booked: bool = True) -> History:
    """A request that is answered by these actions: the first is the payment, which was booked or not."""
    history = honest()
    answers = [RequestAnswer("r1", f"a{number}", withdraws) for number, withdraws in enumerate(withdrawals, 1)]
    history.request_answers = answers
    return history if booked else _with(history, booked=[], answers=[
        told("not_sent"), told("not_sent", order=9, wish=""),
    ])  # fmt: skip


def paid_twice() -> History:
    """A request of 80 that two payments answer, both booked."""
    history = two_payments("a80", "a40")
    history.request_answers = [RequestAnswer("r1", "a80", withdraws=False), RequestAnswer("r1", "a40", withdraws=False)]
    return history


def misjudged_withdrawal(history: History) -> History:
    """A request that is withdrawn, too, and of whose mail an operator said what was not so."""
    withdrawal, mail = "aw", replace(STEP, key="k-mail", outcome="needs_review")
    history.answers.append(Answer(10, 900, "", "key-w", withdrawal, "needs_review", (mail,)))
    history.statements.append(Statement(11, 910, withdrawal, mail.name, "settled", accepted=True))
    history.answers.append(Answer(12, 920, "", "key-w", withdrawal, "settled", (replace(mail, outcome="settled"),)))
    history.request_answers.append(RequestAnswer("r1", withdrawal, withdraws=True))
    return history


def asked_anew(at: int, amount: str = "") -> History:
    """80 of 120 are booked at 50, the rest at 70, by a click at an instant that named an amount or all that is due."""
    history = two_payments("a80", "a40")
    history.clicks[2] = replace(history.clicks[2], at=at, amount=amount)
    history.booked[1] = replace(history.booked[1], at=70)
    return history


def _resolved(history: History, says: str, outcome: str) -> History:
    """An operator spoke between the first answer and the last."""
    history.answers[0] = told("needs_review")
    history.statements.append(Statement(5, 200, "a1", "payment", says, accepted=True))
    history.answers[1] = told(outcome, order=9, at=900, wish="")
    return history


def attached_to(amount: str) -> History:
    """80.00 are paid by an action that was asked for with this amount, and once more with 120.00."""
    first = Click(0, 0, "all", "key-0", "take_payment", "R1", amount)
    known = replace(told("settled"), order=1, wish="all", key="key-0")
    history = _with(honest(), booked=[replace(PAID, what="80.00")], clicks=[first, replace(CLICK, order=2)])
    history.answers[:] = [known, told("settled", order=3), told("settled", order=9, wish="")]
    return history


CASES: list[tuple[str, Callable[[], History]]] = [
    ("double", lambda: _with(honest(), booked=[PAID, replace(PAID, number=2, at=70)])),
    ("double", lambda: _with(honest(), owed={"R1": Decimal("100.00")})),
    ("double", lambda: two_payments("a80", "a40")),
    ("double", lambda: asked_anew(50)),
    ("double", lambda: asked_anew(60, "40.00")),
    ("double", lambda: _with(asked_anew(60), owed={"R1": Decimal("100.00")})),
    ("lost", lambda: _with(honest(), answers=[
        told("pending"), Answer(9, 900, "", "other", "a9", "settled", (replace(STEP, key="k9"),))])),
    ("phantom", lambda: _with(honest(), booked=[PAID, Booked(2, 60, "add_note", "R1", "", "nobody")])),
    ("phantom", lambda: _with(honest(), booked=[replace(PAID, what="12.00")])),
    ("told_failed_but_done", lambda: _with(honest(), answers=[told("settled", missing=("R1",))])),
    ("told_failed_but_done", lambda: _with(honest(), answers=[told("not_sent"), told("not_sent", order=9, wish="")])),
    ("told_done_but_not", lambda: _with(honest(), booked=[])),
    ("told_done_but_not", lambda: _with(honest(), booked=[replace(PAID, at=101)])),
    ("changed_mind", lambda: _with(honest(), answers=[told("declined"), told("settled", order=9, wish="")])),
    ("changed_mind", lambda: _with(honest(), answers=[told("needs_review"), told("settled", order=9, wish="")])),
    ("stuck", lambda: _with(honest(), answers=[told("pending"), told("pending", order=9, wish="")])),
    ("notice_doubled", lambda: _with(edit(), mails=[Mailed(20, "m", "m@x"), Mailed(30, "m", "m2@x")])),
    ("notice_doubled", lambda: _add(edit(), Booked(9, 60, "add_note", "R1", "", "n"))),
    ("notice_lost", lambda: _with(edit(), mails=[])),
    ("notice_lost", lambda: _with(edit(), answers=[replace(a, steps=a.steps[:2]) for a in edit().answers])),
    ("edit_repeated_by_notice", lambda: _add(edit(), Booked(9, 60, "change_contact", "T1", "email=x", "e"))),
    ("sealed_resent", lambda: _with(honest(), requests=[
        replace(SENT, sealed=True), replace(SENT, sealed=True, began=70, ended=80)])),
    ("vacate_called", lambda: _add(honest(), Booked(9, 60, "vacate", "R1", "", "k1"))),
    ("order", lambda: two_edits(90, 80)),
    ("overlap", lambda: _with(honest(), requests=[SENT, replace(SENT, key="k2", began=59, ended=70)])),
    ("pending_without_reason", lambda: _with(honest(), answers=[
        told("pending", reasoned=False), told("settled", order=9, wish="")])),
    ("statement_ignored", lambda: _resolved(honest(), "settled", "needs_review")),
    ("review_untold", lambda: reviewed(1, 0)),
    ("review_untold", lambda: reviewed(2, 1)),
    ("review_untold", lambda: reviewed(1, 1, last="pending")),
    ("request_answered_twice", lambda: answered(False, True)),
    ("request_answered_twice", paid_twice),
    ("request_answered_twice", lambda: misjudged_withdrawal(paid_twice())),
    ("request_answered_twice", lambda: misjudged_withdrawal(answered(False))),
    ("phantom", lambda: withdrawn({"key-1"})),
    ("phantom", lambda: attached_to("60.00")),
    ("foreign_error", lambda: _with(honest(), answers=[
        *honest().answers, Answer(3, 1, "rent", error="KeyError()", foreign=True)])),
    ("declined_without_a_no", lambda: _with(honest(), booked=[], answers=[
        told("declined"), told("declined", order=9, wish="")])),
]  # fmt: skip

FINE: list[tuple[str, Callable[[], History]]] = [
    ("an honest payment", honest),
    ("an amount attached to a payment of all that is due", lambda: attached_to("")),
    ("a rest that was asked for, then answered with the open part", lambda: two_payments("a40", "a80")),
    ("all that is due, asked for anew once what was paid before is booked", lambda: asked_anew(60)),
    ("an edit with its notices", edit),
    ("edits in order", lambda: two_edits(80, 90)),
    ("staff told of what they are to look at", lambda: reviewed(1, 1)),
    ("staff told again of what is unknown again", lambda: reviewed(2, 2)),
    ("another click that the portal took back", lambda: withdrawn({"key-2"})),
    ("a request that is paid", lambda: answered(False)),
    ("a request that is paid by one of two", lambda: answered(False, False)),
    ("a request that is withdrawn after a payment that was not sent", lambda: answered(False, True, booked=False)),
    ("a request that is withdrawn once an operator took its payment for not sent", lambda: _resolved(
        answered(False, True), "not_sent", "not_sent")),
    ("a mail twice under one Message-ID", lambda: _with(edit(), mails=[Mailed(20, "m", "m@x")] * 2)),
    ("an operator who is right", lambda: _resolved(honest(), "settled", "settled")),
    ("an operator who is wrong", lambda: _resolved(honest(), "not_sent", "not_sent")),
    ("a refusal", lambda: _with(honest(), booked=[], requests=[replace(SENT, answer="rejected")], answers=[
        told("declined"), told("declined", order=9, wish="")])),
    ("calls one after the other", lambda: _with(honest(), requests=[
        SENT, replace(SENT, key="k2", began=60, ended=70)])),
    ("an error of ours", lambda: _with(honest(), answers=[
        Answer(0, 1, "rent", error="UnavailableError"), *honest().answers])),
    ("nobody ever clicked", History),
]  # fmt: skip


def _with(history: History, **changes: object) -> History:
    for name, value in changes.items():
        setattr(history, name, value)
    return history


def _add(history: History, row: Booked) -> History:
    history.booked.append(row)
    return history


@pytest.mark.parametrize(("kind", "history"), CASES, ids=[f"{n}-{kind}" for n, (kind, _) in enumerate(CASES)])
def test_a_contradiction_is_named(kind: str, history: Callable[[], History]) -> None:
    found = check(history())

    assert kind in {violation.kind for violation in found}
    assert all(violation.evidence for violation in found)


@pytest.mark.parametrize(("_what", "history"), FINE, ids=[what for what, _ in FINE])
def test_what_is_honest_is_no_violation(_what: str, history: Callable[[], History]) -> None:
    assert check(history()) == ()


def test_every_kind_has_a_history_that_shows_it() -> None:
    assert {kind for kind, _ in CASES} == set(KINDS)


def test_a_violation_names_its_seed_its_action_and_what_was_seen() -> None:
    (found,) = check(_with(honest(), booked=[], answers=[told("settled")]))

    assert "seed 7" in str(found)
    assert found.action == "a1"
    assert "told at 100" in found.evidence


def test_the_judge_imports_nothing_of_what_it_judges() -> None:
    room = Path(judge.__file__).parent
    trees = [ast.parse(module.read_text(encoding="utf-8")) for module in room.glob("*.py")]
    imported = {
        name.name if isinstance(node, ast.Import) else node.module or ""
        for tree in trees for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom) for name in node.names
    }  # fmt: skip

    assert len(trees) > 1
    assert not [name for name in imported if name.startswith("pmsbridge") and not name.startswith(judge.__name__)]


def test_a_long_history_is_judged_in_a_moment() -> None:
    history = History(owed={f"R{n}": Decimal("120.00") for n in range(25_000)})
    for n in range(25_000):
        key, action, wish = f"k{n}", f"a{n}", f"w{n}"
        answer = Answer(3 * n + 1, n, wish, f"key{n}", action, "settled", (replace(STEP, key=key),))
        history.clicks.append(Click(3 * n, n, wish, f"key{n}", "take_payment", f"R{n}", "120.00"))
        history.answers += [answer, replace(answer, order=10**6 + n, wish="")]
        history.booked.append(replace(PAID, key=key, subject=f"R{n}", at=n))
        history.requests.append(replace(SENT, key=key, began=n, ended=n + 1))

    began = time.process_time()
    assert check(history) == ()
    assert time.process_time() - began < 10
