"""What carries an effect: a back office's adapter, or a mail server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, Protocol

from pmsbridge.actions.effects import EffectBody, SendMail
from pmsbridge.engine.settings import MAIL_MAY_REPEAT, EngineSettings
from pmsbridge.errors import ConfigurationError, UnsupportedError
from pmsbridge.ports.adapter import Adapter
from pmsbridge.ports.capability import Capability, Dedup, Support
from pmsbridge.ports.clock import Clock
from pmsbridge.ports.mailer import Mail, Mailer
from pmsbridge.ports.outcome import Absent, Attempt, CannotTell, Probed, Receipt

__all__ = ["MAIL_LANE", "AdapterCarrier", "Carrier", "Carriers", "MailCarrier"]

MAIL_LANE: Final = "mail"
_MAIL_REPEATS: Final = 5


class Carrier(Protocol):
    """One way to deliver."""

    @property
    def settle_window(self) -> timedelta:
        """How long an unknown outcome sleeps before it is looked for."""

    @property
    def max_resends(self) -> int:
        """Sends after an absence."""

    @property
    def repeats_are_harmless(self) -> bool:
        """The other side recognises our key."""

    @property
    def knows_ours(self) -> bool:
        """What a look finds carries our key or reference: it is not another one that looks the same."""

    @property
    def reads_before(self) -> bool:
        """``baseline`` may have to ask somebody."""

    def baseline(self, effect: EffectBody) -> Mapping[str, str]:
        """What a later look compares with. Raises as a read does, and UnsupportedError for what cannot be said."""

    def execute(self, effect: EffectBody, attempt: Attempt) -> Receipt:
        """Deliver once."""

    def probe(self, effect: EffectBody, attempt: Attempt) -> Probed:
        """Look whether it is there."""


@dataclass(frozen=True, slots=True)
class AdapterCarrier:
    """Delivers through an adapter; asks its capability row first."""

    adapter: Adapter
    kind: str
    settings: EngineSettings

    @property
    def _row(self) -> Capability | None:
        return self.adapter.capabilities.get(self.kind)

    @property
    def settle_window(self) -> timedelta:
        """The adapter's, unless settings replace it."""
        return self.settings.window(self.adapter.account_name, self.adapter.settle_window)

    @property
    def max_resends(self) -> int:
        """As set."""
        return self.settings.max_resends

    @property
    def repeats_are_harmless(self) -> bool:
        """Where the vendor takes our key."""
        return self._row is not None and self._row.dedup is Dedup.VENDOR_KEY

    @property
    def knows_ours(self) -> bool:
        """Where our key or reference can be read back."""
        return self._row is not None and self._row.dedup in {Dedup.VENDOR_KEY, Dedup.REFERENCE}

    @property
    def reads_before(self) -> bool:
        """As its capability row says."""
        return self._row is None or self._row.reads_before

    def baseline(self, effect: EffectBody) -> Mapping[str, str]:
        """Refuse what the back office cannot do, then read what a look compares with."""
        row = self._row
        if row is None or row.support in {Support.NOT_YET, Support.VENDOR_CANNOT}:
            message = f"this back office has no way to {self.kind.replace('_', ' ')}"
            raise UnsupportedError(message, code=f"no_{self.kind}")
        return self.adapter.baseline(effect)

    def execute(self, effect: EffectBody, attempt: Attempt) -> Receipt:
        """Deliver once."""
        return self.adapter.execute(effect, attempt)

    def probe(self, effect: EffectBody, attempt: Attempt) -> Probed:
        """Look; absence is conclusive only where the capability row promises it."""
        row = self._row
        if row is None or not row.can_probe:
            return CannotTell("this back office has no read that would show it")
        answer = self.adapter.probe(effect, attempt)
        if isinstance(answer, Absent) and not row.absence_conclusive:
            return replace(answer, conclusive=False)
        return answer


@dataclass(frozen=True, slots=True)
class MailCarrier:
    """Delivers mail. Nothing can be looked up at a mail server, but a repeat keeps its Message-ID."""

    mailer: Mailer
    settings: EngineSettings
    clock: Clock
    make_link: Callable[[str], str] | None = None
    settle_window: timedelta = timedelta(0)
    max_resends: int = _MAIL_REPEATS
    repeats_are_harmless: bool = MAIL_MAY_REPEAT
    knows_ours: bool = False
    reads_before: bool = False

    def baseline(self, effect: EffectBody) -> Mapping[str, str]:  # noqa: ARG002 - the port's signature
        """Nothing."""
        return {}

    def execute(self, effect: EffectBody, attempt: Attempt) -> Receipt:
        """Hand the mail to the server once."""
        if not isinstance(effect, SendMail):
            message = "only mail goes by mail"
            raise UnsupportedError(message, code="not_mail")
        message_id = f"{attempt.key}@{self.settings.message_id_domain}"
        answer = self.mailer.send(Mail(effect.to, effect.subject, self._text(effect), message_id))
        return Receipt(
            evidence=f"handed over to the mail server: {answer}", vendor_ids={"message": message_id},
            at=self.clock.now(),
        )  # fmt: skip

    def _text(self, effect: SendMail) -> str:
        """What is handed over: a link gets its address only now, and what is stored keeps the mark."""
        if not effect.link:
            return effect.text
        if self.make_link is None:
            message = "this process knows no way to make the link of a mail"
            raise ConfigurationError(message, code="no_link_address")
        return effect.text.replace("{link}", self.make_link(effect.link))

    def probe(self, effect: EffectBody, attempt: Attempt) -> Probed:  # noqa: ARG002 - the port's signature
        """A mail server cannot be asked."""
        return CannotTell("a mail server does not say what it delivered")


@dataclass(frozen=True, slots=True)
class Carriers:
    """Finds the carrier and the lane of an effect."""

    adapters: Mapping[str, Adapter]
    mailer: Mailer | None
    settings: EngineSettings
    clock: Clock
    make_link: Callable[[str], str] | None = None

    def lane(self, effect: EffectBody) -> str:
        """What the effect is serialised with.

        Raises:
            ConfigurationError: Its account is not configured.
        """
        return MAIL_LANE if isinstance(effect, SendMail) else self._adapter(effect.account).lane(effect)

    def carrier(self, effect: EffectBody) -> Carrier:
        """What delivers it.

        Raises:
            ConfigurationError: Its account is not configured.
            UnsupportedError: It is a mail and no mail server is set.
        """
        if isinstance(effect, SendMail):
            return self._mail()
        kind = str(getattr(effect, "kind", ""))
        return AdapterCarrier(self._adapter(effect.account), kind, self.settings)

    def can(self, account: str, kind: str) -> bool:
        """Whether the account's back office does effects of a kind."""
        adapter = self.adapters.get(account)
        row = adapter.capabilities.get(kind) if adapter else None
        return row is not None and row.support in {Support.NATIVE, Support.EMULATED}

    def window(self, account: str) -> timedelta:
        """The settle window of an account's back office.

        Raises:
            ConfigurationError: It is not configured.
        """
        return self.settings.window(account, self._adapter(account).settle_window)

    def longest_call(self) -> timedelta:
        """The longest one delivery may take, over all carriers: what a lease must outlive."""
        return max([self.settings.mail_timeout, *(adapter.send_timeout for adapter in self.adapters.values())])

    def _mail(self) -> MailCarrier:
        if self.mailer is None:
            message = "no mail server is set"
            raise UnsupportedError(message, code="mail_not_configured")
        return MailCarrier(self.mailer, self.settings, self.clock, self.make_link)

    def _adapter(self, account: str) -> Adapter:
        if account not in self.adapters:
            message = f"account {account!r} is not configured"
            raise ConfigurationError(message, code="no_account")
        return self.adapters[account]
