"""The real engine in a world that goes wrong on purpose: simulated time, back offices, people, crashes and clocks.

One seed is one schedule is one run: the same seed gives the same events, to the byte. What happened is judged by
:mod:`pmsbridge.testing.history`, which sees only the back office's books and what people were told. From the command
line: ``python -m pmsbridge.testing.simulation --help``.
"""

from __future__ import annotations

from pmsbridge.testing.simulation.plan import Character, Schedule, Wish, draw
from pmsbridge.testing.simulation.run import Run, Simulator

__all__ = ["Character", "Run", "Schedule", "Simulator", "Wish", "draw"]
