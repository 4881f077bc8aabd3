"""What the table of retry designs plays: what a seed stands for, the designs, and one person in front of each.

The first designs are written as people write them, on the same adapter and with the same look at the balance before
each payment; what they store outlives their process. The others are the real engine on a real journal file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, ClassVar, Final

import tenacity

from pmsbridge.actions.effects import PaymentPart, TakePayment
from pmsbridge.actions.plan import Submission
from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.outcomes import ActionView
from pmsbridge.errors import IneligibleError, PmsBridgeError
from pmsbridge.model.account import TenantAccount
from pmsbridge.model.money import Money
from pmsbridge.model.payments import StoredMethod
from pmsbridge.ports.outcome import Attempt, Outcome
from pmsbridge.testing.history import Answer, Click, History, Step, check
from pmsbridge.testing.memory import SimulatedCrash
from pmsbridge.testing.simulation import Character, Run, Schedule
from pmsbridge.testing.simulation.baton import Dice
from pmsbridge.testing.simulation.books import ACCOUNT, FACILITY, FAULTS
from pmsbridge.testing.simulation.journal_file import JournalFile
from pmsbridge.testing.simulation.people import tell
from pmsbridge.testing.simulation.run import OurProcess, Verdict

TENANT: Final = "T1"
RENTAL: Final = "R1"
WISH: Final = "wish-0"
NOTHING_DUE: Final = "nothing_due"
_CARD_ON_FILE: Final = StoredMethod(method_id="M1")
_VISITS: Final = 12
_PAUSES_MS: Final = (2_000, 10_000, 30_000, 120_000, 300_000)
_NEW_KEY: Final = 0.3
_OFFICES: Final = ((Character.REFERENCE, 35), (Character.AMOUNT, 30), (Character.BLIND, 12))
_PLANNED_CALLS: Final = 60
GOES_WELL: Final = "part done"
"""A payment for one rental cannot be done in part: a call planned so goes well."""


@dataclass(frozen=True, slots=True)
class Level:
    """How much goes wrong: how often a call, and how often a process dies at a step."""

    fault: float
    crash: float

    @property
    def name(self) -> str:
        """As the table shows it."""
        return f"{self.fault:.0%} / {self.crash:.0%}"


LEVELS: Final = (Level(0.05, 0.01), Level(0.30, 0.05))


# -- what a seed stands for -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Visit:
    """A person comes back: after how many milliseconds, and whether the click then has a new key."""

    pause: int
    new_key: bool


def visits_of(seed: int) -> tuple[Visit, ...]:
    """When the person of a seed comes back."""
    dice = Dice(3 * seed)
    return tuple(Visit(dice.pick(_PAUSES_MS) + dice.below(2_000), dice.chance(_NEW_KEY)) for _ in range(_VISITS))


def schedule_of(seed: int, level: Level) -> Schedule:
    """What goes wrong in a seed, drawn before any design plays it."""
    dice = Dice(3 * seed + 1)
    character = dice.weighted(_OFFICES)
    names = tuple(name for name in FAULTS if name != GOES_WELL)
    faults = tuple(
        (call, dice.pick(names) if dice.chance(level.fault) else GOES_WELL) for call in range(1, _PLANNED_CALLS + 1)
    )
    return Schedule(
        seed, character, (), fault=level.fault, stale=level.fault, crash=level.crash, fault_at=faults,
        judge_at_end=False,
    )  # fmt: skip


# -- designs as people write them --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Told:
    """What a portal says of a payment, which may be one it was asked for before."""

    key: str
    outcome: Outcome


class Till:
    """What the code of one request has: a try to charge, a table that outlives the process, a clock."""

    def __init__(self, stage: Homemade, process: OurProcess, click: str, key: str) -> None:
        self.click = click
        self.key = key
        self.table = stage.table
        self._world = stage.world
        self._process = process

    def due(self) -> Money:
        """What the back office says is due now."""
        return due(self._process.adapter.account(FACILITY, TENANT))

    def charge(self, amount: Money) -> None:
        """Ask the back office once. Any exception is possible, whatever it did."""
        part = PaymentPart(rental_id=RENTAL, unit_id=None, amount=amount)
        effect = TakePayment(
            account=ACCOUNT, facility=FACILITY, tenant_id=TENANT, parts=(part,), means=_CARD_ON_FILE,
            reference=f"REF-{self.key.upper()}",
        )  # fmt: skip
        self._process.adapter.execute(effect, Attempt(self.key))

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self._process.clock.sleep(seconds)

    def save(self, outcome: Outcome) -> Told:
        """Commit what became of it; the process may die before or after."""
        self._world.step("before a commit")
        told = self.table[self.click] = Told(self.key, outcome)
        self._world.step("after a commit")
        return told


def due(account: TenantAccount) -> Money:
    """What may be paid for the rental."""
    row = account.rental(RENTAL)
    assert row is not None
    return row.balances.payable_now


# -- stages -----------------------------------------------------------------------------------------------------------


class Stage(Run):
    """One person in front of one portal; without more, the portal is ours.

    Attributes:
        is_loyal: The person clicks with the same key every time. Else every third visit or so has a new one.
        tries_afresh: Answers after which the page itself makes a new key: with ours, a definite no.
    """

    is_loyal: ClassVar[bool] = False
    tries_afresh: ClassVar[frozenset[str]] = frozenset({Outcome.NOT_SENT.value, Outcome.DECLINED.value})

    def __init__(self, file: JournalFile, schedule: Schedule, dice: Dice) -> None:
        super().__init__(file, schedule, dice)
        self.somebody("payer", self._pay, after=dice.below(400))

    def _pay(self) -> None:
        clicks = 1
        for visit in visits_of(self.world.schedule.seed):
            word = self._click(f"click-{clicks:03}")
            if word in {Outcome.SETTLED.value, NOTHING_DUE}:
                return
            self.world.baton.pause(visit.pause)
            clicks += (visit.new_key and not self.is_loyal) or word in self.tries_afresh

    def _click(self, key: str) -> str:
        """One request: the word the person is told; empty for an error page or a broken connection."""
        world = self.world
        world.history.clicks.append(Click(world.order(), world.timeline.now, WISH, key, "take_payment", RENTAL))
        try:
            with self.inside_web() as process:
                return self.ask(process, key)
        except SimulatedCrash:
            return ""
        except IneligibleError as error:
            return error.code
        except Exception as error:  # noqa: BLE001 - an error page
            name, is_ours = type(error).__name__, isinstance(error, PmsBridgeError)
            world.history.answers.append(
                Answer(world.order(), world.timeline.now, WISH, error=name, foreign=not is_ours)
            )
            return ""

    def ask(self, process: OurProcess, key: str) -> str:
        """Ask the portal, and write down what it answers."""
        view = process.session(TENANT, timedelta(0)).pay_rental(RENTAL, _CARD_ON_FILE, key=key)
        tell(self, view, WISH)
        return view.outcome.value


class Homemade(Stage):
    """A portal with a design of people's own. It knows no definite no, so its page keeps the key."""

    tries_afresh = frozenset()

    def __init__(self, file: JournalFile, schedule: Schedule, dice: Dice) -> None:
        super().__init__(file, schedule, dice)
        self.table: dict[str, Told] = {}
        self._requests = 0
        self._last: dict[str, Outcome] = {}

    def ask(self, process: OurProcess, key: str) -> str:
        """One request to the design, with a reference of its own: no design here makes one up for a click."""
        self._requests += 1
        told = self.serve(Till(self, process, key, f"{key}-{self._requests}"))
        if told is None:
            return NOTHING_DUE
        self._say(told, WISH)
        self._last[told.key] = told.outcome
        return told.outcome.value

    def _say(self, told: Told, wish: str) -> None:
        world = self.world
        step = Step(told.key, "payment", "take_payment", told.outcome.value, principal=True)
        click = told.key.rpartition("-")[0]
        world.history.answers.append(
            Answer(world.order(), world.timeline.now, wish, click, told.key, told.outcome.value, (step,))
        )

    def serve(self, till: Till) -> Told | None:
        """What one request does; None tells the person that nothing is due."""
        raise NotImplementedError

    def play(self) -> Verdict:
        """Play to the end. Then the person looks once more, before the verdict."""
        verdict = super().play()
        self._look(verdict.history)
        return replace(verdict, violations=check(verdict.history))

    def _look(self, history: History) -> None:
        """The portal says what it stores, else what it said, else what the books show."""
        stored = {told.key: told.outcome for told in self.table.values()}
        booked = {row.key for row in history.booked}
        for key in sorted({request.key for request in history.requests} | set(self._last) | set(stored)):
            shown = Outcome.SETTLED if key in booked else Outcome.NOT_SENT
            self._say(Told(key, stored.get(key, self._last.get(key, shown))), "")


class PlainRetry(Homemade):
    """Three tries, whatever went wrong."""

    is_loyal = True

    def serve(self, till: Till) -> Told | None:
        """Charge, up to three times."""
        amount = till.due()
        if not amount.is_positive:
            return None
        retry = tenacity.retry(
            stop=tenacity.stop_after_attempt(3), wait=tenacity.wait_fixed(1), sleep=till.sleep, reraise=True
        )
        try:
            retry(till.charge)(amount)
        except Exception:  # noqa: BLE001 - the design
            return Told(till.key, Outcome.NOT_SENT)
        return Told(till.key, Outcome.SETTLED)


class KeyStoreAfter(PlainRetry):
    """The same; a click that was paid is remembered."""

    def serve(self, till: Till) -> Told | None:
        """Answer from the table, or charge and remember."""
        if till.click in till.table:
            return till.table[till.click]
        told = super().serve(till)
        return till.save(told.outcome) if told is not None and told.outcome is Outcome.SETTLED else told


class ClaimFirst(Homemade):
    """A click is claimed, tried once, and its answer is kept and repeated, a failure too."""

    is_loyal = True

    def serve(self, till: Till) -> Told | None:
        """Answer from the table, or claim, charge once and remember."""
        if till.click in till.table:
            return till.table[till.click]
        amount = till.due()
        if not amount.is_positive:
            return None
        till.save(Outcome.PENDING)
        try:
            till.charge(amount)
        except Exception:  # noqa: BLE001 - the design
            return till.save(Outcome.NOT_SENT)
        return till.save(Outcome.SETTLED)


class ClaimFirstNewKeys(ClaimFirst):
    """The same, and people use new keys."""

    is_loyal = False


class NoWindow(Stage):
    """Ours, looking at once."""

    settings = replace(Run.settings, settle_window=timedelta(0))


class ShortWindow(Stage):
    """Ours, looking before a late commit has come."""

    settings = replace(Run.settings, settle_window=timedelta(seconds=20))


class Unguarded(Runtime):
    """Ours, for which a payment being confirmed is no reason to refuse or to join another one."""

    def submit(self, submission: Submission, **more: Any) -> ActionView:
        """Store the action; its payments hold nothing."""
        plan = submission.plan
        free = plan.changed(steps=tuple(step.changed(guards=()) for step in plan.steps))
        return super().submit(submission.changed(plan=free, payments_seen=None), **more)

    def overlaid(self, account: TenantAccount) -> TenantAccount:
        """The account as the back office shows it, without what is under way."""
        return account


class WithoutGuard(Stage):
    """Ours without the business guard."""

    def new_process(self, name: str) -> OurProcess:
        """A process whose engine has no guard."""
        process = super().new_process(name)
        process.runtime.__class__ = Unguarded  # the stage builds its engines itself; only two of their answers differ
        return process


DESIGNS: Final[Mapping[str, type[Stage]]] = {
    "retry 3x on any exception": PlainRetry,
    "... and a key store written after": KeyStoreAfter,
    "claim first, one try, failure kept": ClaimFirst,
    "... and people use new keys": ClaimFirstNewKeys,
    "ours, settle window 0 s": NoWindow,
    "ours, window 20 s of 90 s": ShortWindow,
    "ours without the business guard": WithoutGuard,
    "ours": Stage,
}
PLAIN, OURS = "retry 3x on any exception", "ours"
