"""What one seed stands for: who wants what, through which back office, and how much goes wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from pmsbridge.testing.simulation.baton import Dice

__all__ = [
    "ASKED",
    "LAG_MS",
    "LATE_MS",
    "MONTHS",
    "SMALL",
    "STEP_MS",
    "WINDOW_MS",
    "Character",
    "Schedule",
    "Wish",
    "draw",
]

LATE_MS: Final = 60_000
"""The longest time after its answer was lost at which a simulated back office still carries a request out."""
LAG_MS: Final = 30_000
"""The longest time until a read shows what was done."""
STEP_MS: Final = 25_000
"""How far the wall clock may be stepped forward while an outcome is unknown."""
WINDOW_MS: Final = 120_000
"""The settle window the simulated back offices declare: more than the three together."""


class Character(StrEnum):
    """What kind of back office it is."""

    REFERENCE = "reference"
    """No keys. Our reference can be read back, and absence is proof."""
    AMOUNT = "amount"
    """Payments cannot carry our reference: they are found by what was there before, and by the amount."""
    BLIND = "blind"
    """Nothing can be read back."""
    KEYED = "keyed"
    """Takes our key and does the same request once."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One thing a person wants.

    Attributes:
        verb: A verb of ``people.VERBS``.
        tenant: Who.
        rental: For verbs about one rental.
        means: "stored", "card" or "external", for money.
        amount: A named amount; empty for all that is due.
        start: When the person first clicks, in milliseconds.
        again: How the person clicks twice: "" (not), "same" (key), "new" (key), each from another tab at once.
        polls: How often the person looks how it stands before the patience ends.
        retries: How often the person tries again after an error or a failure.
        method: The stored method of "stored".
    """

    number: int
    verb: str
    tenant: str
    rental: str
    means: str
    amount: str
    start: int
    again: str
    polls: int
    retries: int
    method: str = "M1"

    @property
    def is_repeatable(self) -> bool:
        """Asked for anew, with a new key, it is another wish: it may be paid more than once."""
        return self.amount == SMALL or self.verb == "prepay"


@dataclass(frozen=True, slots=True)
class Schedule:
    """Everything drawn in advance. What happens at each step is drawn on the way, from the same dice.

    Attributes:
        fault: How often a call goes wrong.
        crash: How often a process dies at a step.
        freeze: How often a process stops at a step and goes on much later.
        stale: How often a read comes from a copy that lags behind.
        slow: How often an answer takes many seconds.
        database: How often the journal cannot be written.
        poke_loss: How often a wake-up call to the workers is lost.
        workers: Worker processes; 0 lets whoever clicks do all the work.
        by_sweep: Workers find work by looking around instead of by being told when the next is due.
        steps: Wall clock steps.
        desk: Payments that staff take themselves.
        operator: Operators who judge on the way, carefully or not.
        judge_at_end: A careful operator resolves at the end what is left to a person.
        crash_at: Die at these steps, counted over all processes.
        fault_at: The n-th write to the back office goes wrong this way.
        read_fault_at: The n-th read of the back office fails.
        mail_fault_at: The n-th mail goes wrong this way.
        wait_ms: How long a click waits for an outcome that is not known at once.
        until: From here on nothing goes wrong any more, in milliseconds.
    """

    seed: int
    character: Character
    wishes: tuple[Wish, ...]
    workers: int = 1
    by_sweep: bool = False
    fault: float = 0.0
    crash: float = 0.0
    freeze: float = 0.0
    stale: float = 0.0
    slow: float = 0.05
    database: float = 0.0
    poke_loss: float = 0.0
    steps: int = 0
    desk: int = 0
    operator: int = 0
    judge_at_end: bool = True
    crash_at: tuple[int, ...] = ()
    fault_at: tuple[tuple[int, str], ...] = ()
    read_fault_at: tuple[int, ...] = ()
    mail_fault_at: tuple[tuple[int, str], ...] = ()
    wait_ms: int = 0
    until: int = 900_000


_VERBS: Final[Sequence[tuple[str, int]]] = (
    ("pay", 34), ("pay_all", 12), ("set_autopay", 12), ("edit_contact", 12), ("move_out", 6), ("cancel_move_out", 2),
    ("add_note", 4), ("ask_staff", 4), ("consent", 4), ("password", 2),
)  # fmt: skip
_MEANS: Final[Sequence[tuple[str, int]]] = (("stored", 5), ("external", 2), ("card", 3))
_CHARACTERS: Final[Sequence[tuple[Character, int]]] = (
    (Character.REFERENCE, 35), (Character.AMOUNT, 30), (Character.BLIND, 12), (Character.KEYED, 23),
)  # fmt: skip
_MONEY: Final = frozenset({"pay", "pay_all"})
SMALL: Final = "40.00"
"""A part of what is due that fits into it more than once."""
MONTHS: Final = 2
"""How many months ahead are paid."""
ASKED: Final = "80.00"
"""What the office asks for by a payment request."""
_RARE: Final[Sequence[tuple[str, int]]] = (
    ("prepay", 4), ("note_in_own", 3), ("autopay_card", 2), ("reserve", 1), ("pay_request", 3),
)  # fmt: skip
_RARE_SEEDS: Final = 5


def draw(seed: int) -> tuple[Schedule, Dice]:
    """The schedule of a seed, and the dice to play it with."""
    dice = Dice(seed)
    wishes = tuple(_wish(dice, number) for number in range(dice.weighted(((1, 5), (2, 4), (3, 1)))))
    fault = dice.weighted(((0.0, 1), (0.15, 3), (0.35, 5), (0.6, 2)))
    crash = dice.weighted(((0.0, 5), (0.004, 3), (0.015, 2)))
    if seed % _RARE_SEEDS == _RARE_SEEDS - 1:
        wishes = _with_a_rare_one(Dice(seed), wishes)
    schedule = Schedule(
        seed=seed,
        character=dice.weighted(_CHARACTERS),
        wishes=wishes,
        workers=dice.weighted(((0, 3), (1, 5), (2, 4))),
        by_sweep=dice.chance(0.3),
        fault=fault,
        crash=crash,
        freeze=dice.weighted(((0.0, 6), (0.01, 1))),
        stale=dice.weighted(((0.0, 1), (0.3, 1))),
        database=dice.weighted(((0.0, 8), (0.01, 1))),
        poke_loss=dice.weighted(((0.0, 1), (0.3, 1), (1.0, 1))),
        steps=dice.weighted(((0, 6), (1, 1), (2, 1))),
        desk=dice.weighted(((0, 7), (1, 1))),
        operator=dice.weighted(((0, 3), (1, 2))),
        judge_at_end=dice.chance(0.5),
        wait_ms=dice.weighted(((0, 3), (4_000, 1))),
    )
    return schedule, dice


def _with_a_rare_one(dice: Dice, wishes: tuple[Wish, ...]) -> tuple[Wish, ...]:
    """Something that few ask for, instead of the last wish; drawn from dice of its own."""
    *others, last = wishes
    verb = dice.weighted(_RARE)
    rare = replace(last, verb=verb, amount="", means="", again=dice.weighted((("", 3), ("same", 1))))
    if verb == "pay_request":
        return (*others, *_asked_for(dice, rare))
    if verb != "prepay":
        return (*others, rare)
    # Who owes nothing may pay ahead, so the second tenant pays first. Charges are posted for everything that one rents.
    means = dice.weighted(_MEANS)
    due = replace(rare, verb="pay", tenant="T2", rental="R2", means="stored", again="", start=dice.below(400))
    ahead = replace(
        due, number=last.number + 1, verb=verb, means=means, again=rare.again, start=dice.between(3_000, 90_000)
    )
    return (*others, due, ahead)


def _asked_for(dice: Dice, rare: Wish) -> tuple[Wish, ...]:
    """Staff ask for a payment; the tenant pays it, and staff withdraw it at about the same time."""
    paid = replace(
        rare, number=rare.number + 1, tenant="T1", rental="R1", means=dice.weighted(_MEANS),
        again=dice.weighted((("", 3), ("same", 1), ("new", 2))), start=dice.between(2_000, 30_000), retries=3,
    )  # fmt: skip
    asks = replace(paid, number=rare.number, verb="ask_request", means="", again="", start=dice.below(400))
    late = paid.start + dice.pick((0, 40, 400, 5_000, 120_000))
    withdraws = replace(asks, number=paid.number + 1, verb="withdraw_request", start=late)
    return asks, paid, withdraws


def _wish(dice: Dice, number: int) -> Wish:
    verb = dice.weighted(_VERBS)
    tenant = dice.weighted((("T1", 4), ("T2", 1)))
    rental = "R2" if tenant == "T2" else dice.weighted((("R1", 3), ("R4", 1)))
    amount = dice.weighted((("", 6), ("80.00", 2), (SMALL, 2))) if verb == "pay" else ""
    # A new key for an amount that may be paid twice is a new wish; for all that is due it is the same one.
    again = dice.weighted((("", 5), ("same", 2), ("new", 3 if verb in _MONEY and amount != SMALL else 0)))
    return Wish(
        number, verb, tenant, rental, dice.weighted(_MEANS) if verb in _MONEY else "", amount,
        start=dice.below(dice.pick((400, 5_000, 200_000))), again=again, polls=dice.pick((0, 1, 4)),
        retries=dice.pick((0, 1, 3)),
    )  # fmt: skip
