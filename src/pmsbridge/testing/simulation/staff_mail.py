"""The simulated mail server: staff's mailbox, and the ways in which handing a mail over goes wrong."""

from __future__ import annotations

from typing import Final

from pmsbridge.errors import ConfigurationError, OutcomeUnknownError, RejectedError, UnavailableError
from pmsbridge.ports.mailer import Mail
from pmsbridge.testing.history import Mailed
from pmsbridge.testing.simulation.world import World

__all__ = ["MAIL_FAULTS", "SimulatedMailer"]

MAIL_FAULTS: Final = ("refused", "rejected", "lost before", "lost after", "foreign", "log-on refused")


class SimulatedMailer:
    """Hands mails to the mailbox, or fails as drawn."""

    def __init__(self, world: World) -> None:
        self._world = world

    def send(self, mail: Mail) -> str:
        """Hand one mail over."""
        world = self._world
        world.step("before a mail")
        world.mails += 1
        fault = dict(world.schedule.mail_fault_at).get(world.mails, "")
        if not fault and world.mishap(world.schedule.fault):
            fault = world.dice.pick(MAIL_FAULTS)
        world.baton.pause(world.dice.between(20, 300))
        if fault in {"", "lost after"}:
            key = mail.message_id.partition("@")[0]
            world.history.mails.append(Mailed(world.timeline.now, key, mail.message_id))
            world.log("mail", key=key[:12])
        if fault:
            world.count(f"fault mail {fault}")
            world.log("mail fault", fault=fault)
            raise _error(fault)
        world.step("after a mail")
        return "250 ok"


def _error(fault: str) -> Exception:
    errors: dict[str, Exception] = {
        "refused": UnavailableError("the mail server is away"),
        "rejected": RejectedError("the mail server says no", code="550"),
        "foreign": ValueError("foreign"),
        "log-on refused": ConfigurationError("the mail server does not know us", code="535"),
    }
    return errors.get(fault, OutcomeUnknownError("no answer after the text"))
