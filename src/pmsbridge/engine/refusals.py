"""Log-ons that a back office refused: remembered over nights, processes and restarts, because repeating them locks.

The memory is an open finding of the account. It is over when the account's settings change, when a reading a person
asked for succeeds, or when a person closes the finding.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from pmsbridge.errors import ConfigurationError
from pmsbridge.logging import get_logger
from pmsbridge.model.finding import Finding, Severity
from pmsbridge.ports.clock import Clock
from pmsbridge.store.findings import Findings, OpenFinding

__all__ = ["LOG_ON_REFUSED", "Refusals", "concerns_account", "concerns_facility"]

_log = get_logger(__name__)

LOG_ON_REFUSED: Final = "log_on_refused"
"""The code of the finding."""

_NOWHERE: Final = "-"
_ABOUT_A_FACILITY: Final = "facility_"
_NOTHING_WAS_ASKED: Final = frozenset({
    "account_not_found", "bad_certificates", "bad_request", "bad_wsdl", "contract_mismatch", "invalid_settings",
    "missing_extra", "no_account", "not_a_reference", "secret_missing", "settings",
})  # fmt: skip
_PROVEN_FOR: Final = timedelta(hours=1)
_PATIENCE: Final = timedelta(minutes=1)


def concerns_facility(error: ConfigurationError) -> bool:
    """Whether it is about one facility alone: its code then begins with "facility_"."""
    return error.code.startswith(_ABOUT_A_FACILITY)


def concerns_account(error: Exception) -> bool:
    """Whether a back office has refused the whole account, until a person acts.

    Not so when it is about one facility: the others are served. And not so when nothing was asked: a library that this
    process lacks, a secret that is not there.
    """
    if not isinstance(error, ConfigurationError) or concerns_facility(error):
        return False
    return error.code not in _NOTHING_WAS_ASKED


class Refusals:
    """Which accounts must not be asked by the clock."""

    def __init__(self, findings: Findings, clock: Clock) -> None:
        """Nothing is asked yet.

        Args:
            findings: Where it is remembered.
            clock: Time.
        """
        self._findings = findings
        self._clock = clock
        self._settings_of: Callable[[str], str] = lambda _account: ""
        # By process: what was locked in a parent is nobody's in a child.
        self._turns: dict[tuple[int, str], threading.Lock] = {}
        self._proven: dict[str, float] = {}

    def know_settings(self, settings_of: Callable[[str], str]) -> None:
        """From now on, what was refused with other settings does not count.

        Args:
            settings_of: From an account to what changes whenever a person changes its settings, without secrets.
        """
        self._settings_of = settings_of

    def why_not(self, account: str) -> str:
        """Why this account must not be asked by the clock; empty when it may."""
        subject = self._subject(account)
        return next((each.finding.text for each in self._open(account) if each.finding.subject == subject), "")

    def remember(self, account: str, error: Exception) -> None:
        """A back office has said no; does nothing for other errors."""
        if not isinstance(error, ConfigurationError) or not concerns_account(error):
            return
        self._proven.pop(account, None)
        text = (
            f"{account}: {error.message.rstrip('.')}. No night asks it again until its settings change: refused "
            "log-ons lock accounts. When it is put right: pmsbridge sync --full"
        )
        self._findings.add(
            Finding(
                code=LOG_ON_REFUSED, severity=Severity.URGENT, account=account, facility=_NOWHERE,
                subject=self._subject(account), text=text, found_at=self._clock.now(),
            )
        )  # fmt: skip
        _log.error("log_on_refused", account=account, code=error.code)

    def lift(self, account: str) -> None:
        """The account was read: nothing is refused any more."""
        self._proven[account] = self._clock.monotonic()
        for each in self._open(account):
            self._findings.close(each.number, self._clock.now(), by="pmsbridge", note="the account was read")
            _log.info("log_on_accepted", account=account)

    @contextmanager
    def taking_turns(self, account: str) -> Iterator[None]:
        """Until an account has answered, one thread of this process asks it at a time: a refusal is met once.

        A back office that does not answer at all holds the others up for a minute each, no longer.
        """
        turn = self._turns.setdefault((os.getpid(), account), threading.Lock())
        has_turn = not self._is_proven(account) and turn.acquire(timeout=_PATIENCE.total_seconds())
        try:
            yield
        finally:
            if has_turn:
                turn.release()

    def _is_proven(self, account: str) -> bool:
        at = self._proven.get(account)
        return at is not None and self._clock.monotonic() - at < _PROVEN_FOR.total_seconds()

    def _open(self, account: str) -> list[OpenFinding]:
        here = self._findings.open(account=account, facility=_NOWHERE)
        return [each for each in here if each.finding.code == LOG_ON_REFUSED]

    def _subject(self, account: str) -> str:
        return "/".join(filter(None, (account, self._settings_of(account))))
