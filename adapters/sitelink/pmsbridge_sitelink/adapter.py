"""The adapter of one account: both ports, put together from its parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from pmsbridge.actions.effects import EffectBody
from pmsbridge.errors import ConfigurationError
from pmsbridge.ports.adapter import Secrets
from pmsbridge.ports.calls import CallGate
from pmsbridge.ports.clock import Clock, SystemClock
from pmsbridge.ports.outcome import Attempt, Probed, Receipt
from pmsbridge.transport.guard import reading_guarded, writing_guarded
from pmsbridge_sitelink.access import Access
from pmsbridge_sitelink.connection import Connection
from pmsbridge_sitelink.doctor import examine
from pmsbridge_sitelink.settings import read_settings

__all__ = ["SiteLinkAdapter", "create"]


class SiteLinkAdapter(Access):
    """One account of the back office.

    The parts, each a floor on the one before: live reads, nightly reads, search, payments, autopay, requests and
    papers, contact data, access codes.
    """

    @property
    def system(self) -> str:
        """The product's short name."""
        return "sitelink"

    @property
    def account_name(self) -> str:
        """The configured account."""
        return self._connection.account

    @property
    def facility_codes(self) -> Sequence[str]:
        """The configured facilities, without asking the back office."""
        return [row.code for row in self._connection.settings.facilities]

    @property
    def pays_together(self) -> frozenset[str]:
        """Only a card can pay several rentals at once."""
        return frozenset({"card"})

    @property
    def settle_window(self) -> timedelta:
        """How long an unknown outcome waits before it is looked for."""
        return self._connection.settings.settle_window

    @property
    def send_timeout(self) -> timedelta:
        """Longest time one effect may take, the look after it included."""
        times = self._connection.settings.timeouts
        return times.write + times.live

    def execute(self, effect: EffectBody, attempt: Attempt) -> Receipt:
        """Carry an effect out, once. Only the five classes leave, whatever goes wrong inside."""
        with writing_guarded():
            self._known(effect.facility)
            return super().execute(effect, attempt)

    def probe(self, effect: EffectBody, attempt: Attempt) -> Probed:
        """Look whether an effect is there. Only reads."""
        with reading_guarded():
            return super().probe(effect, attempt)

    def baseline(self, effect: EffectBody) -> Mapping[str, str]:
        """Read, before a send, what a later probe compares with."""
        with reading_guarded():
            self._known(effect.facility)
            return super().baseline(effect)

    def _known(self, facility: str) -> None:
        if self._connection.settings.facility(facility) is None:
            message = f"facility {facility!r} is not configured for account {self.account_name!r}; nothing was tried"
            raise ConfigurationError(message, code="facility_not_found")

    def diagnose(self) -> Sequence[Mapping[str, str]]:
        """Checks of log-on, locations, clock and contract, for ``doctor``."""
        return [dict(check) for check in examine(self._connection)]

    def close(self) -> None:
        """Let go of connections. Idempotent."""
        self._connection.close()


def create(
    account: str,
    options: Mapping[str, Any],
    *,
    secrets: Secrets,
    clock: Clock | None = None,
    gate: CallGate | None = None,
) -> SiteLinkAdapter:
    """Make the adapter of one account; no network yet.

    Raises:
        ConfigurationError: A setting is missing, unknown or wrong, or a secret is not where its reference points.
    """
    settings = read_settings(account, options)
    for reference in (settings.license_key, settings.password):
        secrets.get(reference)
    return SiteLinkAdapter(Connection(account, settings, secrets=secrets, clock=clock or SystemClock(), gate=gate))
