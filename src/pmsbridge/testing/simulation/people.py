"""People: tenants who click, click again, reload and wait, and what they are told. Each answer is written down."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from pmsbridge.engine.outcomes import ActionView, StepView
from pmsbridge.errors import IneligibleError, InputError, PmsBridgeError
from pmsbridge.model.money import Money
from pmsbridge.model.payments import ExternalPayment, StoredMethod
from pmsbridge.model.sealed import Card, WebPassword
from pmsbridge.portal.session import TenantSession
from pmsbridge.ports.outcome import Outcome
from pmsbridge.testing.history import Answer, Click, Step
from pmsbridge.testing.memory import SimulatedCrash
from pmsbridge.testing.simulation.own import note_in_own
from pmsbridge.testing.simulation.plan import ASKED, MONTHS, Wish
from pmsbridge.testing.simulation.requests import BY_STAFF, REQUESTS

if TYPE_CHECKING:
    from pmsbridge.testing.simulation.run import OurProcess, Run

__all__ = ["VERBS", "Person", "tell"]

_PAN: Final = "4111111111111111"
_NO: Final = (IneligibleError, InputError)

Verb = Callable[[TenantSession, Wish, str], ActionView]


def _card() -> Card:
    return Card(number=_PAN, expires_on=date(2030, 12, 31), holder="Test Payer", cvv="123")


def _means(wish: Wish) -> Card | StoredMethod | ExternalPayment:
    if wish.means == "card":
        return _card()
    if wish.means == "external":
        return ExternalPayment(gateway="stripe", reference=f"pi_{wish.number:05}")
    return StoredMethod(method_id=wish.method)


def _pay(session: TenantSession, wish: Wish, key: str) -> ActionView:
    amount = Money.of(wish.amount, "USD") if wish.amount else None
    return session.pay_rental(wish.rental, _means(wish), key=key, amount=amount)


def _pay_all(session: TenantSession, wish: Wish, key: str) -> ActionView:
    return session.pay_all(_means(wish), key=key)


def _set_autopay(session: TenantSession, wish: Wish, key: str) -> ActionView:
    return session.set_autopay(wish.rental, on=wish.number % 2 == 0, key=key)


def _edit_contact(session: TenantSession, wish: Wish, key: str) -> ActionView:
    return session.edit_contact({"email": f"new{wish.number}@example.test"}, key=key)


def _move_out(session: TenantSession, wish: Wish, key: str) -> ActionView:
    return session.request_move_out(wish.rental, date(2026, 12, 20 + wish.number), key=key)


def _cancel(session: TenantSession, wish: Wish, key: str) -> ActionView:
    return session.cancel_move_out(wish.rental, key=key)


def _add_note(session: TenantSession, wish: Wish, key: str) -> ActionView:
    return session.add_note(wish.rental, f"note {wish.number}", key=key)


def _ask_staff(session: TenantSession, wish: Wish, key: str) -> ActionView:
    return session.ask_staff("Question", f"question {wish.number}", key=key)


def _consent(session: TenantSession, wish: Wish, key: str) -> ActionView:
    return session.set_sms_consent(wish.number % 2 == 0, key=key)


def _autopay_card(session: TenantSession, wish: Wish, key: str) -> ActionView:
    return session.set_autopay(wish.rental, on=True, method=_card(), key=key)


def _autopay_stored(session: TenantSession, wish: Wish, key: str) -> ActionView:
    on = wish.number % 2 == 0
    method = StoredMethod(method_id=wish.method) if on else None
    return session.set_autopay(wish.rental, on=on, method=method, key=key)


def _reserve(session: TenantSession, wish: Wish, key: str) -> ActionView:
    return session.reserve("U9", date(2026, 12, 20 + wish.number), key=key)


def _prepay(session: TenantSession, wish: Wish, key: str) -> ActionView:
    return session.prepay(MONTHS, _means(wish), key=key)


def _password(session: TenantSession, wish: Wish, key: str) -> ActionView:
    return session.change_password(f"login{wish.number}", WebPassword("not-a-real-one"), key=key)


VERBS: Final[Mapping[str, tuple[Verb, str]]] = {
    "pay": (_pay, "take_payment"),
    "pay_all": (_pay_all, "take_payment"),
    "set_autopay": (_set_autopay, "set_autopay"),
    "edit_contact": (_edit_contact, "change_contact"),
    "move_out": (_move_out, "schedule_move_out"),
    "cancel_move_out": (_cancel, "cancel_move_out"),
    "add_note": (_add_note, "add_note"),
    "ask_staff": (_ask_staff, "add_note"),
    "consent": (_consent, "set_consent"),
    "password": (_password, "set_web_password"),
    "autopay_card": (_autopay_card, "set_autopay"),
    "autopay_stored": (_autopay_stored, "set_autopay"),
    "reserve": (_reserve, "reserve_unit"),
    "prepay": (_prepay, "take_payment"),
}
"""By verb: how it is asked for, and the kind of its principal effect."""


def _verb(wish: Wish) -> tuple[Verb | None, str]:
    """How a wish is asked for, and the kind of its principal effect; None for what is stored by the portal itself."""
    asked = REQUESTS.get(wish.verb)
    if asked is None:
        return VERBS.get(wish.verb, (None, "add_note"))
    ask, kind = asked
    return lambda session, wish, key: ask(session, wish, key, _means), kind


def _wanted(wish: Wish) -> tuple[str, str]:
    """What a wish is about, and the value it asks for."""
    on_off = "on" if wish.number % 2 == 0 else "off"
    by_verb = {
        "pay": (wish.rental, wish.amount),
        "pay_request": (wish.rental, ASKED),
        "set_autopay": (wish.rental, on_off),
        "autopay_card": (wish.rental, "on"),
        "autopay_stored": (wish.rental, on_off),
        "edit_contact": (wish.tenant, f"email=new{wish.number}@example.test"),
        "move_out": (wish.rental, date(2026, 12, 20 + wish.number).isoformat()),
        "cancel_move_out": (wish.rental, "stays"),
        "consent": (wish.tenant, "yes" if on_off == "on" else "no"),
    }
    return by_verb.get(wish.verb, (wish.rental, ""))


class Person:
    """Somebody with a wish, in front of one or two browser tabs."""

    def __init__(self, run: Run, wish: Wish) -> None:
        self._run = run
        self._world = run.world
        self._wish = wish
        self._name = f"wish-{wish.number}"
        self._keys = 0
        self._tries_left = wish.retries

    def _new_key(self) -> str:
        self._keys += 1
        return f"click-{self._wish.number:02}-{self._keys:03}"

    def act(self) -> None:
        """Click; perhaps from a second tab as well."""
        key = self._new_key()
        if self._wish.again:
            second = key if self._wish.again == "same" else self._new_key()
            delay = self._world.dice.pick((0, 30, 400, 4_000))
            self._run.somebody(f"{self._name}b", lambda: self._tab(second), after=delay)
        self._tab(key, is_first=True)

    def _tab(self, key: str, *, is_first: bool = False) -> None:
        while True:
            answer = self._click(key)
            if isinstance(answer, ActionView):
                answer = self._watch(answer)
                if not self._wants_another_try(answer, is_first=is_first):
                    return
                key = self._new_key()
            elif isinstance(answer, _NO) or self._tries_left <= 0:
                return
            else:
                # No answer, or "please try again": a portal keeps the key of the click for that.
                self._world.count("retry with the same key")
            self._tries_left -= 1
            self._world.baton.pause(self._world.dice.between(1_000, 30_000))

    def _wants_another_try(self, view: ActionView, *, is_first: bool) -> bool:
        # A part may be paid twice, so a second tab that asks anew would be a second wish.
        if self._tries_left <= 0 or (self._wish.is_repeatable and not is_first):
            return False
        if view.outcome is Outcome.NOT_SENT:
            self._world.count("retry after not_sent")
            return True
        is_open_payment = (
            self._wish.means
            and not self._wish.is_repeatable
            and view.outcome in {Outcome.PENDING, Outcome.NEEDS_REVIEW}
        )
        if is_open_payment and self._world.dice.chance(0.5):
            self._world.count("new key while unresolved")
            return True
        return False

    def _watch(self, view: ActionView) -> ActionView:
        """Reload until it is known, or the patience ends."""
        pause = 5_000
        for _ in range(self._wish.polls):
            if view.outcome is not Outcome.PENDING:
                break
            self._world.baton.pause(pause)
            pause = min(pause * 4, 200_000)
            answer = self._request("poll", partial(self._look, view.action_id))
            if isinstance(answer, ActionView):
                view = answer
                tell(self._run, view, self._name)
        return view

    def _click(self, key: str) -> ActionView | Exception | None:
        verb, kind = _verb(self._wish)
        subject, amount = _wanted(self._wish)
        notices = self._run.notices if self._wish.verb in {"edit_contact", "move_out", "cancel_move_out"} else ()
        world = self._world
        world.history.clicks.append(
            Click(world.order(), world.timeline.now, self._name, key, kind, subject, amount, notices)
        )
        world.log("click", wish=self._name, verb=self._wish.verb, key=key)
        if verb is None:
            answer = self._request(self._wish.verb, lambda process: note_in_own(world, process, self._wish, key))
        else:
            answer = self._request(self._wish.verb, lambda process: verb(self._session(process), self._wish, key))
        if isinstance(answer, ActionView):
            tell(self._run, answer, self._name)
        return answer

    def _look(self, action_id: str, process: OurProcess) -> ActionView:
        return self._session(process).action(action_id)

    def _session(self, process: OurProcess) -> TenantSession:
        wait = timedelta(milliseconds=self._world.schedule.wait_ms)
        return process.session(self._wish.tenant, wait, "staff:ann" if self._wish.verb in BY_STAFF else "tenant")

    def _request(self, what: str, ask: Callable[[OurProcess], ActionView]) -> ActionView | Exception | None:
        """One request to the portal: an answer, an error, or None when the connection broke."""
        world = self._world
        try:
            with self._run.inside_web() as process:
                return ask(process)
        except SimulatedCrash:
            world.log("connection lost", what=what)
            return None
        except Exception as error:  # noqa: BLE001 - what a person is told is what is judged
            world.count(f"told {type(error).__name__}")
            if not isinstance(error, PmsBridgeError):
                world.stumbled(self._name, error)
                return error
            name = f"{type(error).__name__}/{error.code}"
            world.log("error", what=what, error=name)
            world.history.answers.append(Answer(world.order(), world.timeline.now, self._name, error=name))
            return error


def tell(run: Run, view: ActionView, wish: str) -> None:
    """Write down what a person was told."""
    world = run.world
    steps = tuple(_step(step) for step in view.steps)
    world.count(f"told {view.outcome.value}{' attached' if view.attached else ''}")
    world.log("told", action=view.action_id, outcome=view.outcome.value, attached=view.attached,
              steps=",".join(f"{step.name}:{step.outcome}" for step in steps))  # fmt: skip
    world.history.answers.append(
        Answer(world.order(), world.timeline.now, wish, view.key, view.action_id, view.outcome.value, steps)
    )


def _step(step: StepView) -> Step:
    return Step(
        step.key, step.name, step.kind, step.outcome.value, step.is_principal, step.skipped,
        reasoned=bool(step.message) or step.next_at is not None, missing=step.missing,
    )  # fmt: skip
