"""Logins, links and attempts as they are written: the same on SQLite and on PostgreSQL, also by many at once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from pmsbridge.accounts import passwords
from pmsbridge.errors import IneligibleError
from pmsbridge.model.portal_accounts import SignInState
from pmsbridge.model.sealed import WebPassword
from pmsbridge.store.database import open_database
from pmsbridge.store.logins import Login, Logins
from pmsbridge.testing.memory import TestClock
from tests.crowd import at_once
from tests.facts.test_logins import ANA, opened

LIVES = timedelta(hours=2)
WITHIN = timedelta(minutes=15)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with nothing in it, of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'logins.db'}"
    return str(request.getfixturevalue("postgres_journal"))


@pytest.fixture
def clock() -> TestClock:
    return TestClock()


@pytest.fixture
def logins(url: str, clock: TestClock) -> Iterator[Logins]:
    database = open_database(url)
    yield Logins(database, clock)
    database.close()


@pytest.fixture
def ana(logins: Logins) -> Login:
    return logins.keep("mem", "F1", "T1", "", name="ANA@example.test", phone="5125550101")


def again(logins: Logins, login: Login) -> Login:
    found = logins.get(login.id)
    assert found is not None
    return found


def test_a_person_has_one_login_however_often_it_is_kept(logins: Logins, ana: Login) -> None:
    kept = logins.keep("mem", "F1", "T1", "", name="Anna@example.test")

    assert kept.id == ana.id
    assert (kept.name, kept.phone) == ("anna@example.test", "5125550101")
    assert logins.called("mem", "F1", "ana@example.test") is None
    assert logins.called("mem", "F1", "nobody", digits="5125550101") == kept
    with pytest.raises(LookupError):
        logins.keep("mem", "F1", "T2", "", name="ANNA@example.test")
    assert logins.keep("mem", "F2", "T1", "", name="anna@example.test").id != ana.id


def test_many_who_keep_the_same_person_at_once_keep_one(logins: Logins) -> None:
    kept = at_once(lambda _: logins.keep("mem", "F1", "T1", "", name="ana@example.test"))

    assert len({login.id for login in kept}) == 1


def test_only_a_login_that_is_open_is_changed(logins: Logins, ana: Login) -> None:
    assert logins.change_open(ana.id, password="hash-1")
    logins.change(ana.id, state=SignInState.LOCKED.value)

    assert not logins.change_open(ana.id, password="hash-2", state=SignInState.CLAIMED.value)
    assert not logins.change_open("lgn_nobody", password="hash-2")

    found = again(logins, ana)
    assert (found.password, found.state) == ("hash-1", SignInState.LOCKED)


def test_who_locks_while_others_change_has_the_last_word(logins: Logins, ana: Login) -> None:
    def act(number: int) -> None:
        if number == 0:
            logins.change(ana.id, state=SignInState.LOCKED.value)
        else:
            logins.change_open(ana.id, state=SignInState.CLAIMED.value)

    at_once(act)

    assert again(logins, ana).state is SignInState.LOCKED


def test_steps_that_are_done_at_once_are_all_kept(logins: Logins, ana: Login) -> None:
    at_once(lambda number: logins.add_step(ana.id, f"step-{number}"))
    logins.add_step(ana.id, "step-0")

    assert again(logins, ana).steps == {f"step-{number}" for number in range(6)}


def test_attempts_that_come_at_once_have_a_number_each(logins: Logins) -> None:
    def counted(subject: str) -> list[int]:
        return sorted(at_once(lambda _: logins.count(subject, within=WITHIN)))

    assert [counted(f"somebody {number}") for number in range(8)] == [[1, 2, 3, 4, 5, 6]] * 8


def test_an_attempt_is_given_back_forgiven_and_forgotten(logins: Logins, clock: TestClock) -> None:
    for number in range(1, 7):
        assert logins.count("somebody", within=WITHIN) == number
    logins.give_back("somebody")
    logins.give_back("nobody")
    assert logins.count("somebody", within=WITHIN) == 6
    logins.forgive("somebody")
    assert logins.count("somebody", within=WITHIN) == 1
    for _ in range(3):
        logins.give_back("somebody")
    assert logins.count("somebody", within=WITHIN) == 1
    clock.advance(WITHIN)
    assert logins.count("somebody", within=WITHIN) == 1


def test_a_link_works_once_until_it_is_too_old_and_a_newer_one_kills_it(
    logins: Logins, ana: Login, clock: TestClock
) -> None:
    first = logins.arm(logins.make_link(ana.id, "sign_in", LIVES))
    second = logins.make_link(ana.id, "sign_in", LIVES)
    token = logins.arm(second)

    assert logins.use(first, "sign_in", once=True) is None
    assert logins.use(token, "password", once=True) is None
    assert [found is not None for found in at_once(lambda _: logins.use(token, "sign_in", once=True))].count(True) == 1
    with pytest.raises(LookupError):
        logins.arm(second)
    late = logins.arm(logins.make_link(ana.id, "sign_in", LIVES))
    clock.advance(LIVES)
    assert logins.use(late, "sign_in", once=True) is None


def test_what_is_remembered_lives_on_beside_others_until_all_is_ended(logins: Logins, ana: Login) -> None:
    one, two = (logins.hold(ana.id, "session", LIVES) for _ in range(2))
    assert logins.use(one, "session", once=False) == logins.use(two, "session", once=False) == again(logins, ana)

    logins.end(one, "session")
    assert logins.use(one, "session", once=False) is None
    assert logins.use(two, "session", once=False) is not None
    logins.end_all(ana.id)

    assert logins.use(two, "session", once=False) is None
    assert (logins.last_link(ana.id, "session") or {})["ended_at"] is not None


def test_the_door_opens_and_closes_on_either_database(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "_PASSES", 1)
    monkeypatch.setattr(passwords, "_MEMORY_KIB", 32)

    def comes_in(text: str = "fake-pw-77") -> bool:
        return door.accounts.sign_in("F1", ANA["phone"], WebPassword(text)) is not None

    with opened(tmp_path, store=url, first_steps=("profile", "contract")) as door:
        door.bridge.sync()
        session = door.registered()
        door.accounts.step_done(session, "profile")
        assert comes_in()
        door.accounts.lock("F1", "T1", actor="staff:ann")
        assert not comes_in()
        with pytest.raises(IneligibleError):
            door.accounts.invite("F1", "T1", key="invite-0001", actor="staff:ann")
        door.accounts.unlock("F1", "T1", actor="staff:ann")
        assert comes_in()
        assert [comes_in("fake-pw-00") for _ in range(6)] == [False] * 6
        assert not comes_in()
        door.clock.advance(door.bridge.settings.portal.attempts_within)
        assert comes_in()
        standing = door.accounts.standing("F1", "T1")
        assert standing is not None
        assert [step.state.value for step in standing.steps] == ["done", "to_do"]
