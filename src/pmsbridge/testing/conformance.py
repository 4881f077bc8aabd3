"""What every adapter must keep, checked against what its back office really holds.

An adapter's author writes a :class:`Judge`, which looks behind the adapter's back, and one :class:`Example` per
effect the
adapter promises, and runs the checks::

    class TestMyAdapter(Conformance):
        @pytest.fixture
        def subject(self) -> Subject:
            return Subject(adapter=..., judge=..., examples=..., facility="F1", tenant_id="7")

The checks know nothing of any vendor. Their one question is whether what the adapter said is true: an error that claims
that nothing changed, a look that claims to have found something, a receipt.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, Protocol, runtime_checkable
from unittest import SkipTest

from pmsbridge.actions.effects import EffectBody, SendMail
from pmsbridge.errors import (
    ConfigurationError,
    NotFoundError,
    OutcomeUnknownError,
    PmsBridgeError,
    RejectedError,
    UnavailableError,
    UnsupportedError,
)
from pmsbridge.model.ledger import Balances
from pmsbridge.model.record import Record
from pmsbridge.model.sealed import Sealed
from pmsbridge.ports.adapter import Adapter, Entity, Query
from pmsbridge.ports.books import PaymentMethodPort
from pmsbridge.ports.capability import Dedup, Support
from pmsbridge.ports.files import HandedFile
from pmsbridge.ports.outcome import Absent, Attempt, Found, Receipt
from pmsbridge.ports.streams import PullPort

__all__ = ["Conformance", "Example", "Judge", "StepJudge", "Subject", "Weather"]

_FIVE: Final = (ConfigurationError, UnsupportedError, RejectedError, UnavailableError, OutcomeUnknownError)
_NOTHING_CHANGED: Final = (ConfigurationError, UnsupportedError, RejectedError, UnavailableError)
_READING: Final = (ConfigurationError, UnsupportedError, RejectedError, UnavailableError, NotFoundError)
_KEY: Final = "c0f0" * 10


class Weather(StrEnum):
    """How a call can go wrong on the way. A judge brings about those it can."""

    REFUSED = "refused"
    LOST_BEFORE = "lost_before"
    LOST_AFTER = "lost_after"
    SERVER_ERROR = "server_error"
    FAULT = "fault"
    TRUNCATED = "truncated"
    GARBLED = "garbled"
    REDIRECTED = "redirected"
    BUSY = "busy"


class Judge(Protocol):
    """Looks at the back office without the adapter, and brings about weather."""

    @property
    def weathers(self) -> frozenset[Weather]:
        """What it can bring about."""

    def reset(self) -> None:
        """Start over: the same data, good weather, no calls."""

    def times_done(self, effect: EffectBody) -> int:
        """How often an effect is in the back office since the last reset."""

    def calls(self) -> int:
        """How many calls arrived since the last reset."""

    def writes(self, effect: EffectBody) -> int:
        """How many calls that carry this effect out arrived since the last reset."""

    def set_weather(self, weather: Weather, effect: EffectBody | None) -> None:
        """Let the next write of this effect meet this weather; with None, every read from now on."""


@runtime_checkable
class StepJudge(Judge, Protocol):
    """A judge of a back office where an effect may take several steps: it also sees what stands half way."""

    def standing(self, effect: EffectBody) -> object:
        """Everything that this effect may change, as it is now; two looks are equal when nothing of it changed."""


@dataclass(frozen=True, slots=True)
class Example:
    """One effect that the back office will carry out, not yet done after a reset.

    Attributes:
        effect: What to do.
        sealed: Makes the card, account or password that travels with it; None when none is needed.
        file: What is handed in with it; None for an effect that carries no file.
        by_staff: Staff enter what looks like it themselves: same thing, same amount, same means, and nothing in it that
            only ours has. None where that cannot be.
    """

    effect: EffectBody
    sealed: Callable[[], Sealed] | None = None
    by_staff: Callable[[], object] | None = None
    file: HandedFile | None = None

    def attempt(self, baseline: Mapping[str, str], *, now: datetime | None = None) -> Attempt:
        """A first attempt."""
        sealed = self.sealed() if self.sealed is not None else None
        return Attempt(key=_KEY, sealed=sealed, baseline=baseline, sent_at=now, file=self.file)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is judged, and by whom.

    Attributes:
        adapter: Its settings allow everything it promises.
        judge: Looks behind its back.
        examples: At least one per promised effect.
        facility: A configured facility.
        tenant_id: A tenant there with at least one rental.
        unknown_tenant_id: An id that nobody has.
        now: The back office's present.
        poison: Texts that must never show: test card numbers, passwords, keys.
        weathers: Which to try, where not all that the judge can bring about.
    """

    adapter: Adapter
    judge: Judge
    examples: Sequence[Example]
    facility: str
    tenant_id: str
    unknown_tenant_id: str
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    poison: Sequence[str] = field(default=(), repr=False)
    weathers: frozenset[Weather] | None = None

    @property
    def weather(self) -> list[Weather]:
        """What is tried, in order."""
        known = self.judge.weathers
        return sorted(known if self.weathers is None else known & self.weathers)


def _holds(condition: bool, claim: str) -> None:  # noqa: FBT001 - it reads as a sentence
    if not condition:
        raise AssertionError(claim)


def _looked_at(tried: int, what: str) -> None:
    """A check that had nothing to look at is reported as skipped, not as kept."""
    if not tried:
        raise SkipTest(what)


def _named(example: Example) -> str:
    return str(getattr(example.effect, "kind", ""))


def _send(subject: Subject, example: Example) -> tuple[Receipt | PmsBridgeError, Mapping[str, str], Attempt]:
    """Baseline, one execute, and whatever came of it; anything but the five classes fails the check."""
    baseline = subject.adapter.baseline(example.effect)
    attempt = example.attempt(baseline)
    try:
        return subject.adapter.execute(example.effect, attempt), baseline, attempt
    except _FIVE as error:
        return error, baseline, attempt
    except Exception as error:
        message = f"{_named(example)}: {type(error).__name__} left the adapter; only five classes may"
        raise AssertionError(message) from error


def _look(subject: Subject, example: Example, baseline: Mapping[str, str]) -> object:
    attempt = replace(Attempt(key=_KEY, baseline=baseline), sent_at=subject.now())
    return subject.adapter.probe(example.effect, attempt)


def _standing(subject: Subject, example: Example) -> object:
    """What of an effect stands, as far as the judge can see steps; always the same where it cannot."""
    return subject.judge.standing(example.effect) if isinstance(subject.judge, StepJudge) else None


class Conformance:
    """The checks. Subclass it in a test module and give it a fixture ``subject``."""

    # what is promised

    def test_every_promise_has_an_example_and_a_source(self, subject: Subject) -> None:
        """A promise nobody exercises is no promise."""
        promised = {
            kind
            for kind, row in subject.adapter.capabilities.items()
            if row.support in {Support.NATIVE, Support.EMULATED}
        }
        shown = {_named(example) for example in subject.examples}
        _holds(promised == shown, f"promised but not shown, or shown but not promised: {sorted(promised ^ shown)}")
        for row in subject.adapter.capabilities.values():
            _holds(bool(row.source.strip()), f"{row.effect} names no source")

    def test_what_is_not_promised_is_refused_before_anything_is_asked(self, subject: Subject) -> None:
        """No I/O for an effect the back office cannot say."""
        subject.judge.reset()
        mail = SendMail(
            account=subject.adapter.account_name,
            facility=subject.facility,
            to="nobody@example.com",
            subject="s",
            text="t",
            reference="PB-CONFORMANCE",
        )
        _holds(mail.kind not in subject.adapter.capabilities, "mail is not a back office's business")
        try:
            subject.adapter.execute(mail, Attempt(key=_KEY))
        except UnsupportedError:
            _holds(subject.judge.calls() == 0, "an unsupported effect caused a call")
            return
        raise AssertionError("an unsupported effect was not refused as unsupported")

    # doing it once

    def test_done_once_is_there_once(self, subject: Subject) -> None:
        """One execute, one effect, one receipt."""
        for example in subject.examples:
            subject.judge.reset()
            _holds(subject.judge.times_done(example.effect) == 0, f"{_named(example)}: the example is done already")
            answer, _, _ = _send(subject, example)
            _holds(isinstance(answer, Receipt), f"{_named(example)}: {answer!r}")
            times = subject.judge.times_done(example.effect)
            _holds(times == 1, f"{_named(example)}: done {times} times by one execute")
            has_evidence = isinstance(answer, Receipt) and bool(answer.evidence)
            _holds(has_evidence, f"{_named(example)}: a receipt without evidence")

    def test_a_look_finds_what_was_done_and_not_what_was_never_sent(self, subject: Subject) -> None:
        """A probe tells the two apart wherever a probe is promised; it changes nothing itself."""
        tried = list(self._probeable(subject))
        _looked_at(len(tried), "no example of an effect that can be looked for")
        for example in tried:
            subject.judge.reset()
            baseline = subject.adapter.baseline(example.effect)
            before = _look(subject, example, baseline)
            _holds(isinstance(before, Absent), f"{_named(example)}: not sent, and the look says {before!r}")
            _holds(subject.judge.times_done(example.effect) == 0, f"{_named(example)}: a look did it")
            subject.adapter.execute(example.effect, example.attempt(baseline))
            after = _look(subject, example, baseline)
            _holds(isinstance(after, Found), f"{_named(example)}: done, and the look says {after!r}")
            if isinstance(after, Found):
                _holds(after.receipt.read_back, f"{_named(example)}: what a look found is read back")

    def test_a_key_that_makes_a_repetition_harmless_does(self, subject: Subject) -> None:
        """Where the back office is said to do the same thing once for a key, two sends of one key do it once."""
        tried = [
            example for example in subject.examples
            if subject.adapter.capabilities[_named(example)].dedup is Dedup.VENDOR_KEY
            and not example.effect.needs_a_sealed_value
        ]  # fmt: skip
        _looked_at(len(tried), "no example of an effect whose repetition the vendor's key makes harmless")
        for example in tried:
            row = subject.adapter.capabilities[_named(example)]
            subject.judge.reset()
            _, baseline, _ = _send(subject, example)
            with suppress(*_FIVE):  # what stands already may be refused; only a second one is a lie
                subject.adapter.execute(example.effect, example.attempt(baseline))
            times = subject.judge.times_done(example.effect)
            _holds(times == 1, f"{_named(example)}: promised {row.dedup.value}, and done {times} times by two sends")

    def test_what_staff_enter_meanwhile_is_never_called_ours(self, subject: Subject) -> None:
        """Not sent, and staff enter the same: once or twice, a look may say absent, or that it cannot tell."""
        for example, by_staff in self._entered_by_staff(subject):
            subject.judge.reset()
            baseline = subject.adapter.baseline(example.effect)
            for times in (1, 2):
                by_staff()
                look = _look(subject, example, baseline)
                claim = f"{_named(example)}: staff entered it {times} times, nothing was sent, and it is called ours"
                _holds(not isinstance(look, Found), claim)

    def test_ours_is_never_called_absent_for_what_staff_enter_meanwhile(self, subject: Subject) -> None:
        """Sent, and staff enter the same: a look may say found, or that it cannot tell."""
        for example, by_staff in self._entered_by_staff(subject):
            subject.judge.reset()
            baseline = subject.adapter.baseline(example.effect)
            subject.adapter.execute(example.effect, example.attempt(baseline))
            by_staff()
            look = _look(subject, example, baseline)
            is_denied = isinstance(look, Absent) and look.conclusive
            _holds(not is_denied, f"{_named(example)}: it is there, beside what staff entered, and called absent")

    @staticmethod
    def _probeable(subject: Subject) -> Iterator[Example]:
        rows = subject.adapter.capabilities
        yield from (example for example in subject.examples if rows[_named(example)].can_probe)

    @classmethod
    def _entered_by_staff(cls, subject: Subject) -> list[tuple[Example, Callable[[], object]]]:
        found = [(example, example.by_staff) for example in cls._probeable(subject) if example.by_staff is not None]
        _looked_at(len(found), "no example that can be looked for says how staff enter the same (by_staff)")
        return found

    # bad weather

    def test_bad_weather_never_makes_the_adapter_tell_a_falsehood(self, subject: Subject) -> None:
        """Whatever is said about the back office is so; a write is sent at most once."""
        for example in subject.examples:
            for weather in subject.weather:
                subject.judge.reset()
                baseline = subject.adapter.baseline(example.effect)
                self._weathered(subject, example, weather, baseline)

    def _weathered(self, subject: Subject, example: Example, weather: Weather, baseline: Mapping[str, str]) -> None:
        name = f"{_named(example)} in weather {weather}"
        before = _standing(subject, example)
        subject.judge.set_weather(weather, example.effect)
        answer = self._sent_in(subject, example, baseline, name)
        times = subject.judge.times_done(example.effect)
        writes = subject.judge.writes(example.effect)
        _holds(writes <= 1, f"{name}: sent {writes} times")
        if isinstance(answer, Receipt):
            _holds(times == 1, f"{name}: a receipt for something done {times} times")
        elif isinstance(answer, _NOTHING_CHANGED):
            _holds(times == 0, f"{name}: {type(answer).__name__} for something done {times} times")
            is_as_before = _standing(subject, example) == before
            _holds(is_as_before, f"{name}: {type(answer).__name__}, and something of it stands half way")
        self._look_is_true(subject, example, baseline, name, before)

    @staticmethod
    def _sent_in(
        subject: Subject, example: Example, baseline: Mapping[str, str], name: str
    ) -> Receipt | PmsBridgeError:
        try:
            return subject.adapter.execute(example.effect, example.attempt(baseline))
        except _FIVE as error:
            return error
        except Exception as error:
            message = f"{name}: {type(error).__name__} left the adapter"
            raise AssertionError(message) from error

    @staticmethod
    def _look_is_true(
        subject: Subject, example: Example, baseline: Mapping[str, str], name: str, before: object
    ) -> None:
        seen = _look(subject, example, baseline)
        times = subject.judge.times_done(example.effect)
        if isinstance(seen, Found):
            _holds(times >= 1, f"{name}: found, and it is not there")
        if isinstance(seen, Absent) and seen.begun:
            is_another = not isinstance(subject.judge, StepJudge) or _standing(subject, example) != before
            _holds(is_another, f"{name}: begun, and nothing of it stands")
        elif isinstance(seen, Absent) and seen.conclusive:
            _holds(times == 0, f"{name}: absent for good, and it is there")
            _holds(_standing(subject, example) == before, f"{name}: absent for good, and a part of it is there")

    def test_reads_in_bad_weather_say_so_and_nothing_else(self, subject: Subject) -> None:
        """A read that gets no answer is unavailable, never unknown, never wrong."""
        tried = [weather for weather in subject.weather if weather is not Weather.LOST_AFTER]
        _looked_at(len(tried), "a read changes nothing: an answer that is lost after it is one that is lost before it")
        for weather in tried:
            subject.judge.reset()
            subject.judge.set_weather(weather, None)
            try:
                subject.adapter.tenant(subject.facility, subject.tenant_id)
            except _READING:
                continue
            except Exception as error:
                message = f"{type(error).__name__} left a read in weather {weather}"
                raise AssertionError(message) from error
            raise AssertionError(f"a read in weather {weather} succeeded; the judge made no weather")  # noqa: EM102
        subject.judge.reset()

    # what is sealed

    def test_a_sealed_value_is_needed_and_wiped(self, subject: Subject) -> None:
        """Without it nothing is sent; with it, it is gone afterwards."""
        tried = [example for example in subject.examples if example.effect.needs_a_sealed_value]
        _looked_at(len(tried), "no example of an effect that needs a sealed value")
        for example in tried:
            subject.judge.reset()
            answer, _, _ = _send(subject, replace(example, sealed=None))
            _holds(isinstance(answer, UnavailableError), f"{_named(example)} without its sealed value: {answer!r}")
            _holds(subject.judge.writes(example.effect) == 0, f"{_named(example)} was sent without its sealed value")
            _, _, attempt = _send(subject, example)
            is_gone = attempt.sealed is not None and attempt.sealed.is_wiped
            _holds(is_gone, f"{_named(example)} left its sealed value open")

    def test_no_secret_shows(self, subject: Subject) -> None:
        """Neither in receipts, errors, baselines nor what a look says."""
        for example in subject.examples:
            for weather in (None, *subject.weather):
                subject.judge.reset()
                if weather is not None:
                    subject.judge.set_weather(weather, example.effect)
                answer, baseline, attempt = _send(subject, example)
                seen = _look(subject, example, baseline)
                cause = getattr(answer, "__cause__", None)
                shown = f"{answer!r}{answer!s}{dict(baseline)!r}{attempt!r}{seen!r}{cause!r}"
                leaks = [word for word in subject.poison if word in shown]
                _holds(not leaks, f"{_named(example)} in weather {weather} shows {len(leaks)} secrets")

    # reading

    def test_an_account_adds_up_and_belongs_together(self, subject: Subject) -> None:
        """The total is the sum of the rentals, in one currency; every record names its facility."""
        subject.judge.reset()
        account = subject.adapter.account(subject.facility, subject.tenant_id)
        _holds(bool(account.rentals), "the example tenant has a rental")
        parts = Balances.total((row.balances for row in account.rentals), account.facility.currency)
        _holds(account.total == parts, "the total is not the sum of the rentals")
        for row in account.rentals:
            owed = row.balances.payable_now.amount - row.balances.credit.amount
            _holds(owed == row.balances.due.amount, f"rental {row.id}: payable and credit do not explain what is due")

    def test_a_ledger_adds_up_to_its_balance(self, subject: Subject) -> None:
        """What moved is what is owed. A back office that tells no movements says so, and shows no empty ledger."""
        subject.judge.reset()
        account = subject.adapter.account(subject.facility, subject.tenant_id)
        told = 0
        for row in account.rentals:
            try:
                entries = subject.adapter.ledger(subject.facility, subject.tenant_id, row.id)
            except UnsupportedError:
                continue
            told += 1
            moved = sum(entry.effect.amount for entry in entries)
            _holds(moved == row.balances.ledger.amount, f"rental {row.id}: {moved} moved, {row.balances.ledger} owed")
        _looked_at(told, "the back office tells no movements")

    def test_an_unknown_tenant_is_not_found(self, subject: Subject) -> None:
        """The same answer whether it exists elsewhere or nowhere."""
        subject.judge.reset()
        for read in (subject.adapter.account, subject.adapter.tenant):
            try:
                read(subject.facility, subject.unknown_tenant_id)
            except NotFoundError:
                continue
            raise AssertionError("an unknown tenant was found")

    def test_what_is_stored_to_pay_with_is_one_tenants_and_masked(self, subject: Subject) -> None:
        """Only for adapters that tell: each method once, with no more than its last digits; a stranger has none."""
        subject.judge.reset()
        adapter = subject.adapter
        if not isinstance(adapter, PaymentMethodPort) or not adapter.tells_payment_methods:
            raise SkipTest("the back office does not tell what is stored to pay with")
        methods = adapter.payment_methods(subject.facility, subject.tenant_id)
        _holds(len({method.id for method in methods}) == len(methods), "a stored method comes twice")
        for method in methods:
            _holds(method.tenant_id == subject.tenant_id, f"method {method.id} is of another tenant")
            _holds(method.ref.entity == "payment_method", f"method {method.id} is a record of another kind")
            _holds(len(method.last4) in {0, 4}, f"method {method.id} tells more than its last digits, or less")
        try:
            _holds(not adapter.payment_methods(subject.facility, subject.unknown_tenant_id), "a stranger's methods")
        except NotFoundError:
            return

    def test_a_fetch_brings_records_of_its_kind_and_says_when_it_is_whole(self, subject: Subject) -> None:
        """Only the last batch may be complete; ids are unique; every record belongs to the facility."""
        subject.judge.reset()
        kinds = {
            Entity.FACILITIES: "facility",
            Entity.UNITS: "unit",
            Entity.TENANTS: "tenant",
            Entity.RENTALS: "rental",
        }
        for entity, kind in kinds.items():
            batches = list(subject.adapter.fetch(Query(entity, subject.facility)))
            records: list[Record] = [record for batch in batches for record in batch.records]
            _holds(bool(records), f"{entity}: nothing came")
            _holds(all(record.ref.entity == kind for record in records), f"{entity}: a record of another kind")
            _holds(all(r.ref.facility == subject.facility for r in records), f"{entity}: a record of another facility")
            _holds(len({record.id for record in records}) == len(records), f"{entity}: an id twice")
            _holds(not any(batch.is_complete for batch in batches[:-1]), f"{entity}: complete before the end")

    def test_a_pull_makes_the_records_of_a_fetch_and_the_same_bytes_twice(self, subject: Subject) -> None:
        """Only for adapters that stream rows: another way to the same records; an unchanged row is the same bytes."""
        subject.judge.reset()
        adapter = subject.adapter
        if not isinstance(adapter, PullPort):
            raise SkipTest("the adapter streams no rows")
        for entity in (Entity.FACILITIES, Entity.UNITS, Entity.TENANTS, Entity.RENTALS):
            query = Query(entity, subject.facility)
            batches = list(adapter.pull(query))
            raws = {i: raw for rows in batches for i, raw in zip(rows.ids, rows.raw, strict=True)}
            again = {i: raw for rows in adapter.pull(query) for i, raw in zip(rows.ids, rows.raw, strict=True)}
            made = {i: rows.document(raw) for rows in batches for i, raw in zip(rows.ids, rows.raw, strict=True)}
            fetched = [record for batch in adapter.fetch(query) for record in batch.records]
            _holds(raws == again, f"{entity}: an unchanged row came as other bytes")
            _holds(not any(rows.is_complete for rows in batches[:-1]), f"{entity}: complete before the end")
            _holds({i for i, found in made.items() if found} == {r.id for r in fetched}, f"{entity}: other records")
            for record in fetched:
                same = record.model_validate_json(json.dumps(made[record.id])).model_dump(exclude={"ref", "contacts"})
                _holds(same == record.model_dump(exclude={"ref", "contacts"}), f"{entity}: a record says other things")

    def test_checks_of_doctor_have_a_remedy_when_they_fail(self, subject: Subject) -> None:
        """Name, status, detail and remedy; a healthy account has no failure."""
        subject.judge.reset()
        for check in subject.adapter.diagnose():
            _holds(set(check) >= {"name", "status", "detail", "remedy"}, f"a check lacks a part: {sorted(check)}")
            _holds(check["status"] in {"ok", "warning", "failed", "skipped"}, f"status {check['status']!r}")
            _holds(check["status"] != "failed", f"{check['name']}: {check['detail']}")
            _holds(check["status"] == "ok" or bool(check["detail"]), f"{check['name']} says nothing")
