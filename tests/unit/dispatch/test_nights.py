from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from pmsbridge.dispatch.night_trigger import NightTrigger
from pmsbridge.dispatch.nights import Nightly, bounds, latest_slot, next_slot, night_of, slots_between


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


TRICKY = [
    Nightly("a", time(0, 0), "America/Havana"), Nightly("b", time(2, 30), "America/Chicago"),
    Nightly("c", time(2, 15), "Australia/Lord_Howe"), Nightly("d", time(1, 45), "Australia/Lord_Howe"),
    Nightly("e", time(0, 30), "Asia/Beirut"), Nightly("f", time(0, 15), "Africa/Cairo"),
    Nightly("g", time(23, 30), "America/Santiago"), Nightly("h", time(2, 0), "Africa/Casablanca"),
    Nightly("i", time(0, 0), "America/St_Johns"), Nightly("j", time(1, 30), "Europe/London"),
]  # fmt: skip


@pytest.mark.parametrize("nightly", TRICKY, ids=lambda nightly: f"{nightly.zone} {nightly.at}")
@pytest.mark.parametrize("jitter", [timedelta(0), timedelta(minutes=10)])
def test_the_trigger_comes_once_for_every_local_day_of_years_and_never_with_a_time_that_has_passed(
    nightly: Nightly, jitter: timedelta
) -> None:
    trigger, now, due = NightTrigger(nightly, jitter), instant("2014-01-01T12:00"), None
    days: list[date] = []
    while now < instant("2016-01-01T12:00"):
        due = trigger.get_next_fire_time(due, now)
        assert due > now
        now = due
        assert latest_slot(nightly, now) <= now <= latest_slot(nightly, now) + jitter
        days.append(night_of(nightly, latest_slot(nightly, now)))

    assert days == [days[0] + timedelta(days=n) for n in range(len(days))]


@pytest.mark.parametrize(("zone", "at", "day", "slot"), [
    # 00:00 does not exist: an hour later on the same day.
    ("America/Havana", time(0, 0), date(2016, 3, 13), "2016-03-13T05:00"),
    # 01:45 comes twice, half an hour apart: the first.
    ("Australia/Lord_Howe", time(1, 45), date(2016, 4, 3), "2016-04-02T14:45"),
    # 02:15 is skipped by half an hour.
    ("Australia/Lord_Howe", time(2, 15), date(2016, 10, 2), "2016-10-01T15:45"),
    # 23:30 comes twice, and midnight between them.
    ("America/Santiago", time(23, 30), date(2016, 5, 14), "2016-05-15T02:30"),
])  # fmt: skip
def test_a_time_that_is_skipped_comes_after_the_gap_and_of_one_that_comes_twice_the_first_counts(
    zone: str, at: time, day: date, slot: str
) -> None:
    nightly = Nightly("night", at, zone)
    noon = datetime.combine(day, time(12), ZoneInfo(zone)).astimezone(UTC) + timedelta(hours=12) * (at.hour > 12)

    assert latest_slot(nightly, noon) == instant(slot)
    assert night_of(nightly, instant(slot)) == day


def test_a_day_that_a_country_skips_has_no_night_of_its_own() -> None:
    apia = Nightly("night", time(3, 30), "Pacific/Apia")

    slots = list(slots_between(apia, instant("2011-12-28T00:00"), instant("2012-01-02T00:00")))

    assert [night_of(apia, slot).day for slot in slots] == [28, 29, 31, 1, 2]
    assert len(set(slots)) == len(slots)


def test_where_clocks_go_back_over_midnight_the_day_that_has_begun_once_has_had_its_slot() -> None:
    # Until 2011 clocks went back at one minute past midnight: to 23:01 of the day before.
    nightly = Nightly("night", time(0, 0), "America/St_Johns")
    first = instant("2010-11-07T02:30")

    assert latest_slot(nightly, first) == first
    assert latest_slot(nightly, first + timedelta(minutes=30)) == first
    assert next_slot(nightly, first) == instant("2010-11-08T03:30")


def test_a_slot_lies_in_its_own_day_even_on_days_of_23_and_25_hours() -> None:
    for nightly in TRICKY:
        for slot in slots_between(nightly, instant("2016-01-01T00:00"), instant("2017-01-01T00:00")):
            since, until = bounds(nightly, slot)
            assert since <= slot < until
            assert timedelta(hours=22) < until - since < timedelta(hours=26)


def test_a_clock_that_was_set_back_does_not_wait_for_the_time_it_had_before() -> None:
    trigger = NightTrigger(TRICKY[1], timedelta(0))

    due = trigger.get_next_fire_time(instant("2026-11-30T08:30"), instant("2026-11-21T15:00"))

    assert due == instant("2026-11-22T08:30")
