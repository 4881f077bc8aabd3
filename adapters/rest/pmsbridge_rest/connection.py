"""An account put together: mapping, settings, credentials, limits, and the way to the back office."""

from __future__ import annotations

from collections.abc import Mapping as Table
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from pmsbridge.actions.effects import EffectBody
from pmsbridge.errors import ConfigurationError, NotFoundError, RejectedError
from pmsbridge.ports.adapter import Secrets
from pmsbridge.ports.calls import CallGate
from pmsbridge.ports.clock import Clock
from pmsbridge.ports.outcome import Attempt
from pmsbridge.transport.http import Deadline, HttpClient, HttpLimits
from pmsbridge.transport.limits import LaneLimiter, LaneLimits
from pmsbridge_rest.address import checked_base
from pmsbridge_rest.auth.choosing import Belongings, scheme_of
from pmsbridge_rest.auth.words import Words
from pmsbridge_rest.bodies.graphql import posted
from pmsbridge_rest.building import Built, build, effect_filler
from pmsbridge_rest.filling import CannotSayError, Filler
from pmsbridge_rest.mapping.auth import SessionAuth
from pmsbridge_rest.mapping.document import Mapping
from pmsbridge_rest.mapping.expressions import search
from pmsbridge_rest.mapping.limits import Limits, QueryCost
from pmsbridge_rest.mapping.paths import ABSENT
from pmsbridge_rest.mapping.requests import Call
from pmsbridge_rest.mapping.templates import Place, parse_template
from pmsbridge_rest.rows import RowReader, Scope
from pmsbridge_rest.settings import FacilitySettings, RestSettings
from pmsbridge_rest.wire.asking import NO_BODY, Ask
from pmsbridge_rest.wire.budgets import Budgets, CallBudget
from pmsbridge_rest.wire.channel import Channel, Manners, Pace, Renewal
from pmsbridge_rest.wire.judging import Judge
from pmsbridge_rest.wire.told_to_wait import CounterHeaders, PointsLeft, ToldToWait

__all__ = ["Connection", "asked"]


@dataclass(frozen=True, slots=True)
class _Site:
    """A facility with everything that differs between facilities."""

    settings: FacilitySettings
    zone: ZoneInfo
    options: Table[str, str]
    channel: Channel


class Connection:
    """One account of one back office.

    Args:
        account: The configured account's name.
        settings: Its settings.
        mapping: What the back office is asked and what its answers mean.
        secrets: Where references are looked up, at every call, so that a new one is used at once.
        clock: Time.
        http: Takes the place of our own HTTP client (tests).
        gate: Where all processes that use this account take turns; None for this process alone.
    """

    def __init__(
        self,
        account: str,
        settings: RestSettings,
        mapping: Mapping,
        *,
        secrets: Secrets,
        clock: Clock,
        http: HttpClient | None = None,
        gate: CallGate | None = None,
    ) -> None:
        self.account = account
        self.settings = settings
        self.mapping = mapping
        self.clock = clock
        times, caps = mapping.connection.timeouts, mapping.connection.caps
        limits = HttpLimits(times.connect, times.read, times.live, caps.answer_bytes, caps.answer_bytes)
        self.http = http or HttpClient(limits, verify=settings.verify_tls, clock=clock.now, monotonic=clock.monotonic)
        self.system = mapping.vendor.name
        self.lane = f"rest:{self.system}:{account}"
        self._options = _with_defaults(mapping, settings.options, per_facility=False)
        self._secrets = secrets
        self._words = Words(secrets, settings.secrets, self._options)
        self._pace = self._make_pace(mapping.limits, gate)
        self._channels: dict[str, Channel] = {}
        self._sites = {row.code: self._site(row) for row in settings.facilities}

    def __repr__(self) -> str:
        return f"<Connection {self.account}>"

    def close(self) -> None:
        """Let go of connections. Idempotent."""
        self.http.close()

    # facilities

    def facility(self, code: str) -> FacilitySettings:
        """The settings of a facility.

        Raises:
            NotFoundError: It is not configured for this account.
        """
        return self._at(code).settings

    def channel(self, facility: str) -> Channel:
        """The way to the back office, for a facility."""
        return self._at(facility).channel

    def scope(self, facility: str, *, seen_at: datetime | None) -> Scope:
        """Where rows of a facility come from."""
        site = self._at(facility)
        return Scope(self.system, self.account, facility, site.zone, site.settings.currency, seen_at)

    def today(self, facility: str) -> date:
        """The business date at a facility."""
        return self.clock.now().astimezone(self._at(facility).zone).date()

    def deadline(self, span: timedelta, *, not_after: datetime | None = None) -> Deadline:
        """The end of one piece of work, the waiting for a slot included."""
        return self.http.deadline(span, not_after=not_after)

    def secrets_of(self, name: str) -> tuple[str, ...]:
        """A secret and, while it changes over, the one before it.

        Raises:
            ConfigurationError: The first is not there.
        """
        former = self.settings.former_secrets.get(name)
        own = self._words.secret(name)
        return (own,) if former is None else (own, self._secrets.get(former))

    # filling and reading rows

    def read_filler(self, facility: str, **read: Any) -> Filler:
        """Fills the places of a read."""
        site = self._at(facility)
        scope = self.scope(facility, seen_at=None)
        now = self.clock.now()
        places = {
            "read": read,
            "facility": {"code": facility, "zone": site.zone.key, "currency": site.settings.currency},
            "option": dict(site.options),
            "today": now.astimezone(site.zone).date(),
            "now": now.replace(microsecond=0),
        }
        return Filler(self.mapping, scope.scene, places)

    def effect_filler(self, effect: EffectBody, attempt: Attempt) -> Filler:
        """Fills the places of an action, and of the reads it makes."""
        site = self._at(effect.facility)
        scene = self.scope(effect.facility, seen_at=None).scene
        filler = effect_filler(self.mapping, effect, attempt, scene=scene, now=self.clock.now(), option=site.options)
        tenant = getattr(effect, "tenant_id", "")
        rental = getattr(effect, "rental_id", "")
        return filler.with_places(read={"tenant_id": tenant, "rental_id": rental})

    def rows(self, noun: str, filler: Filler, facility: str, *, for_copy: bool = False) -> RowReader:
        """Makes records of rows; a copy's say nothing of when they were seen."""
        seen_at = None if for_copy else self.clock.now()
        places = {root: filler.places[root] for root in ("read", "facility") if root in filler.places}
        return RowReader(self.mapping, noun, self.scope(facility, seen_at=seen_at), places)

    # making

    def _at(self, code: str) -> _Site:
        if code not in self._sites:
            raise NotFoundError("facility", "is not configured for this account", code="facility_not_found")
        return self._sites[code]

    def _site(self, row: FacilitySettings) -> _Site:
        options = {**self._options, **_with_defaults(self.mapping, row.options, per_facility=True)}
        base = checked_base(self.settings.base_url or self._base(row, options))
        if base not in self._channels:
            self._channels[base] = self._channel(base)
        return _Site(row, ZoneInfo(row.zone), options, self._channels[base])

    def _base(self, row: FacilitySettings, options: Table[str, str]) -> str:
        values = {**{f"option.{name}": text for name, text in options.items()}, "facility.code": row.code}
        pieces = parse_template(self.mapping.connection.base_url)
        return "".join(_filled(one, values) if isinstance(one, Place) else one for one in pieces)

    def _channel(self, base: str) -> Channel:
        mapping = self.mapping
        belongings = Belongings(
            self._words, self.http, base, mapping.encoding, self.clock.now, self.settings.token_file
        )
        auth, limits = mapping.auth, mapping.limits
        ended = auth.ended if isinstance(auth, SessionAuth) else ()
        renewal = Renewal(frozenset({401, *ended, *auth.refused_before}), frozenset(auth.refused_before))
        return Channel(
            http=self.http,
            scheme=scheme_of(auth, belongings),
            base=base,
            judge=Judge(mapping.envelope, mapping.errors, limits.throttled, limits.wait, self._words.scrubbed),
            pace=self._pace,
            clock=self.clock,
            manners=Manners(renewal, mapping.connection.caps, self.settings.read_attempts),
        )

    def _make_pace(self, limits: Limits, gate: CallGate | None) -> Pace:
        """Slots of the account, its budgets, and what it was told about waiting, for all its facilities together."""
        clock = self.clock
        headers = limits.headers
        counter = None if headers is None else CounterHeaders(headers.remaining, headers.reset or "", headers.reset_is)
        settings = self.settings
        slots = LaneLimits(
            concurrency=limits.concurrency,
            monthly_calls=settings.monthly_calls,
            stop_at_monthly_calls=settings.stop_at_monthly_calls,
        )
        budgets = [CallBudget(one.calls, one.per, one.of, one.paths) for one in limits.budgets]
        return Pace(
            self.lane,
            LaneLimiter(slots, gate=gate, clock=clock.now, monotonic=clock.monotonic),
            Budgets(self.lane, budgets, gate=gate, monotonic=clock.monotonic, sleep=clock.sleep),
            ToldToWait(
                limits.wait,
                counter,
                _points(limits.cost),
                clock=clock.now,
                monotonic=clock.monotonic,
                sleep=clock.sleep,
            ),
        )


def _points(cost: QueryCost | None) -> PointsLeft | None:
    if cost is None:
        return None
    names = (cost.available, cost.restored_per_second, cost.wanted)
    available, restored, wanted = (None if name is None else partial(search, name) for name in names)
    return None if available is None else PointsLeft(available, restored, wanted)


def asked(call: Call, filler: Filler, operation: str, *, is_write: bool, built: Built | None = None) -> Ask:
    """What is sent for a call.

    Args:
        call: The call.
        filler: Fills its places.
        operation: For logs and errors.
        is_write: Whether the back office may change.
        built: The call with its places filled, where that was done already.

    Raises:
        RejectedError: A value is missing or cannot be said; nothing was sent.
    """
    if built is None:
        try:
            built = build(call, filler)
        except CannotSayError as problem:
            message = f"{operation}: {problem}; nothing was sent"
            raise RejectedError(message, code="cannot_be_said") from None
    document: Any = NO_BODY if built.document is ABSENT else built.document
    encoding = built.encoding
    if built.graphql:
        document, encoding = posted(built.graphql, {} if document is NO_BODY else document), "graphql"
    return Ask(built.method, built.path, operation, is_write, built.query, built.headers, document, encoding)


def _with_defaults(mapping: Mapping, given: Table[str, str], *, per_facility: bool) -> dict[str, str]:
    options = mapping.connection.options.items()
    own = {name: one for name, one in options if one.per_facility == per_facility}
    defaults = {name: one.default for name, one in own.items() if one.default is not None}
    return {**defaults, **{name: text for name, text in given.items() if name in own}}


def _filled(place: Place, values: Table[str, str]) -> str:
    if place.path not in values:
        message = f"base_url: {{{place.path}}} has no value; set it among the account's options"
        raise ConfigurationError(message, code="bad_place")
    return values[place.path]
