"""The adapter of one account: both ports, by the mapping."""

from __future__ import annotations

from collections.abc import Mapping as Table
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from pmsbridge.actions.effects import EffectBody
from pmsbridge.errors import ConfigurationError
from pmsbridge.ports.adapter import Secrets
from pmsbridge.ports.calls import CallGate
from pmsbridge.ports.clock import Clock, SystemClock
from pmsbridge.ports.hearing import Message
from pmsbridge.ports.outcome import Attempt, Probed, Receipt
from pmsbridge.transport.guard import reading_guarded, writing_guarded
from pmsbridge_rest.connection import Connection
from pmsbridge_rest.doctor import examine
from pmsbridge_rest.hearing.telling import heard
from pmsbridge_rest.mapping.reading import load_mapping
from pmsbridge_rest.settings import read_settings, unfit_settings
from pmsbridge_rest.shipped import file_of
from pmsbridge_rest.writing import Writing

__all__ = ["RestAdapter", "create"]


class RestAdapter(Writing):
    """One account of a back office that a mapping describes.

    The parts, each a floor on the one before: live reads, nightly reads, effects.
    """

    @property
    def system(self) -> str:
        """The mapping's name of the vendor."""
        return self._connection.system

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
        """As the mapping says."""
        return frozenset(self._connection.mapping.policy.pays_together)

    @property
    def send_timeout(self) -> timedelta:
        """Longest time one effect may take, the looks after it included."""
        mapping = self._connection.mapping
        looks = [step.verify.within for action in mapping.actions.values() for step in action.steps if step.verify]
        return mapping.connection.timeouts.write + max([mapping.connection.timeouts.live, *looks])

    def execute(self, effect: EffectBody, attempt: Attempt) -> Receipt:
        """Carry an effect out, once. Only the five classes leave, whatever goes wrong inside."""
        with writing_guarded():
            self._known(effect.facility)
            return self._execute(effect, attempt)

    def probe(self, effect: EffectBody, attempt: Attempt) -> Probed:
        """Look whether an effect is there. Only reads."""
        with reading_guarded():
            return self._probe(effect, attempt)

    def baseline(self, effect: EffectBody) -> Table[str, str]:
        """Read, before a send, what a later probe compares with."""
        with reading_guarded():
            self._known(effect.facility)
            return self._baseline(effect)

    @property
    def hears(self) -> bool:
        """Whether the mapping says how the vendor's messages are known."""
        return self._connection.mapping.webhooks is not None

    def hear(self, headers: Table[str, str], body: bytes, *, address: str = "") -> Message:
        """What a message of the vendor is about; see ``HearingPort``."""
        return heard(self._connection, headers, body, address=address)

    def diagnose(self) -> Sequence[Table[str, str]]:
        """Checks of mapping, login and clock, for ``doctor``."""
        return [dict(check) for check in examine(self._connection)]

    def close(self) -> None:
        """Let go of connections. Idempotent."""
        self._connection.close()

    def _known(self, facility: str) -> None:
        if self._connection.settings.facility(facility) is None:
            message = f"facility {facility!r} is not configured for account {self.account_name!r}; nothing was tried"
            raise ConfigurationError(message, code="facility_not_found")


def create(
    account: str,
    options: Table[str, Any],
    *,
    secrets: Secrets,
    clock: Clock | None = None,
    gate: CallGate | None = None,
) -> RestAdapter:
    """Make the adapter of one account; no network yet.

    Raises:
        ConfigurationError: A setting is missing, unknown or wrong, the mapping cannot be used, or a secret is not where
            its reference points.
    """
    settings = read_settings(account, options)
    mapping = load_mapping(file_of(settings.mapping))
    problems = unfit_settings(account, settings, mapping)
    if problems:
        raise ConfigurationError("; ".join(problems), code="invalid_settings")
    for reference in (*settings.secrets.values(), *settings.former_secrets.values()):
        secrets.get(reference)
    connection = Connection(account, settings, mapping, secrets=secrets, clock=clock or SystemClock(), gate=gate)
    return RestAdapter(connection)
