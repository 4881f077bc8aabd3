"""The adapter of one account: all ports, put together from its parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from pmsbridge.actions.effects import EffectBody
from pmsbridge.ports.adapter import Secrets
from pmsbridge.ports.calls import CallGate
from pmsbridge.ports.clock import Clock, SystemClock
from pmsbridge.ports.outcome import Attempt, Probed, Receipt
from pmsbridge.transport.guard import reading_guarded, writing_guarded
from pmsbridge_tryton.connection import connect
from pmsbridge_tryton.desk import Desk
from pmsbridge_tryton.doctor import examine
from pmsbridge_tryton.papers import Papers
from pmsbridge_tryton.settings import read_settings

__all__ = ["TrytonAdapter", "create"]


class TrytonAdapter(Papers):
    """One account of the back office.

    The parts, each a floor on the one before: live reads, nightly reads, search, payments, words to staff, requests,
    contact data, autopay, papers.
    """

    @property
    def system(self) -> str:
        """The product's short name."""
        return "tryton"

    @property
    def account_name(self) -> str:
        """The configured account."""
        return self._desk.account

    @property
    def settles_lines(self) -> bool:
        """No: an invoice is due by days, not by what it is for, and a payment of it settles the earliest day first."""
        return False

    @property
    def facility_codes(self) -> Sequence[str]:
        """The one facility, without asking the back office."""
        return [self._desk.settings.facility.code]

    @property
    def pays_together(self) -> frozenset[str]:
        """A payment that a gateway took may cover several rentals: it is booked in one call, all or nothing."""
        return frozenset({"external"})

    @property
    def settle_window(self) -> timedelta:
        """How long an unknown outcome waits before it is looked for."""
        return self._desk.settings.settle_window

    @property
    def send_timeout(self) -> timedelta:
        """Longest time one effect may take, taking a refused one back included."""
        times = self._desk.settings.timeouts
        return times.write + times.live

    def execute(self, effect: EffectBody, attempt: Attempt) -> Receipt:
        """Carry an effect out, once. Only the five classes leave, whatever goes wrong inside."""
        with writing_guarded():
            self._desk.facility(effect.facility)
            return super().execute(effect, attempt)

    def probe(self, effect: EffectBody, attempt: Attempt) -> Probed:
        """Look whether an effect is there. Only reads."""
        with reading_guarded():
            return super().probe(effect, attempt)

    def baseline(self, effect: EffectBody) -> Mapping[str, str]:
        """Read, before a send, what a later probe compares with."""
        with reading_guarded():
            self._desk.facility(effect.facility)
            return super().baseline(effect)

    def diagnose(self) -> Sequence[Mapping[str, str]]:
        """Checks of address, log-on, names and rights, for ``doctor``."""
        return [dict(check) for check in examine(self._desk)]

    def close(self) -> None:
        """Log off and let go of connections. Idempotent."""
        self._desk.client.close()


def create(
    account: str,
    options: Mapping[str, Any],
    *,
    secrets: Secrets,
    clock: Clock | None = None,
    gate: CallGate | None = None,
) -> TrytonAdapter:
    """Make the adapter of one account; no network yet.

    Raises:
        ConfigurationError: A setting is missing, unknown or wrong, or a secret is not where its reference points.
    """
    settings, time = read_settings(account, options), clock or SystemClock()
    secrets.get(settings.password)
    client = connect(account, settings, secrets=secrets, clock=time, gate=gate)
    return TrytonAdapter(Desk(account, settings, client, time))
