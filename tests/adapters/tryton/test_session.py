"""Logging on: once, again when the server forgot, and never often after it said no."""

from __future__ import annotations

import logging
import os
import pickle
import threading
import traceback
from datetime import timedelta

import pytest

from pmsbridge.errors import ConfigurationError, OutcomeUnknownError, PmsBridgeError, UnavailableError
from pmsbridge_tryton.client import TrytonClient
from tests.adapters.tryton.office import (
    PASSWORD,
    TOKEN,
    HandClock,
    Office,
    broken,
    client_on,
    error,
    result,
    status,
)

READ = "model.party.party.search_count"
WRITE = "model.account.payment.create"


def failing(client: TrytonClient) -> PmsBridgeError:
    with pytest.raises(PmsBridgeError) as raised:
        client.send(WRITE, [{}])
    return raised.value


def together(count: int, work: object) -> list[BaseException]:
    """Run ``work`` on so many threads at once; what they raised."""
    raised: list[BaseException] = []
    gate = threading.Barrier(count)

    def run() -> None:
        gate.wait(10)
        try:
            work()  # type: ignore[operator]
        except BaseException as problem:  # noqa: BLE001 - shown by the assertion
            raised.append(problem)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return raised


def test_many_calls_of_many_threads_need_one_log_on(client: TrytonClient, office: Office) -> None:
    office.answer(READ, result(1))

    assert together(8, lambda: client.ask(READ, [])) == []
    assert (office.logins, len(office.of(READ))) == (1, 8)


def test_a_forgotten_session_costs_one_log_on_and_the_write_is_sent_once_more(
    client: TrytonClient, office: Office
) -> None:
    client.login()
    office.forget()
    office.answer(WRITE, result([5]))

    assert client.create("account.payment", [{}]) == [5]
    assert office.logins == 2
    first, second = office.of(WRITE)
    assert first.headers["authorization"] != second.headers["authorization"]
    assert first.params == second.params


def test_threads_that_all_hear_it_log_on_once_together(client: TrytonClient, office: Office) -> None:
    client.login()
    office.forget()
    office.answer(READ, result(1))

    assert together(8, lambda: client.ask(READ, [])) == []
    assert office.logins == 2


def test_a_session_that_is_refused_as_soon_as_it_is_given_is_not_asked_for_again(
    client: TrytonClient, office: Office
) -> None:
    office.answer(WRITE, status(401))

    problem = failing(client)

    assert (type(problem), problem.code) == (ConfigurationError, "session_refused")
    assert (office.logins, len(office.of(WRITE))) == (2, 2)


def test_a_write_whose_second_sending_is_lost_is_unknown(client: TrytonClient, office: Office) -> None:
    office.answer(WRITE, status(401), broken())

    assert type(failing(client)) is OutcomeUnknownError
    assert len(office.of(WRITE)) == 2


def test_a_write_whose_answer_was_lost_is_not_sent_again_after_a_log_on(client: TrytonClient, office: Office) -> None:
    """Only a server that says that it does not know us has looked at nothing."""
    office.answer(WRITE, broken(), result([5]))

    assert type(failing(client)) is OutcomeUnknownError
    assert (office.logins, len(office.of(WRITE))) == (1, 1)


# a log-on that is refused


def test_a_refused_password_is_not_tried_again_until_the_server_has_forgotten(office: Office, clock: HandClock) -> None:
    client, passwords = client_on(office, clock)
    passwords.now = "wrong"

    problems = [failing(client) for _ in range(5)]
    assert {(type(problem), problem.code) for problem in problems} == {(ConfigurationError, "login_failed")}
    assert office.logins == 1

    clock.seconds += 301
    failing(client)
    assert office.logins == 2


def test_another_password_is_tried_at_once(office: Office) -> None:
    client, passwords = client_on(office)
    passwords.now = "wrong"
    failing(client)
    passwords.now = PASSWORD
    office.answer(WRITE, result([5]))

    assert client.create("account.payment", [{}]) == [5]
    assert office.logins == 2
    client.close()


def test_too_many_log_ons_wait_and_send_nothing_meanwhile(
    client: TrytonClient, office: Office, clock: HandClock
) -> None:
    office.login_reply = status(429)

    first, second = failing(client), failing(client)

    assert isinstance(first, UnavailableError)
    assert isinstance(second, UnavailableError)
    assert first.retry_after == timedelta(minutes=5)
    assert second.retry_after is not None
    assert second.retry_after <= timedelta(minutes=5)
    assert {first.code, second.code} == {"too_many_logins"}
    assert office.logins == 1

    office.login_reply = None
    clock.seconds += 301
    office.answer(WRITE, result([5]))
    assert client.create("account.payment", [{}]) == [5]


def test_too_many_log_ons_hold_another_password_back_too(office: Office) -> None:
    client, passwords = client_on(office)
    office.login_reply = status(429, Retry_After="90")
    first = failing(client)
    passwords.now = "another"

    assert isinstance(first, UnavailableError)
    assert first.retry_after == timedelta(seconds=90)
    assert failing(client).code == "too_many_logins"
    assert office.logins == 1


def test_a_read_does_not_hammer_a_server_that_counts_log_ons(
    client: TrytonClient, office: Office, clock: HandClock
) -> None:
    office.login_reply = status(429)

    with pytest.raises(UnavailableError):
        client.ask(READ, [])

    assert (office.logins, clock.slept) == (1, [])


@pytest.mark.parametrize("reply", [broken(), status(500), status(503)])
def test_a_log_on_that_was_lost_changed_nothing_and_may_be_tried_again(
    client: TrytonClient, office: Office, reply: object
) -> None:
    office.login_reply = reply  # type: ignore[assignment]

    assert type(failing(client)) is UnavailableError
    office.login_reply = None
    office.answer(WRITE, result([5]))
    assert client.create("account.payment", [{}]) == [5]


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (error("LoginException", ["sms", f"Code for {PASSWORD}?", "char"]), "login_question"),
        (error("UserError", [f"{PASSWORD} is too short", "", None]), "login_failed"),
        (status(404), "http_404"),
        (status(403), "http_403"),
    ],
)
def test_a_log_on_that_a_person_must_mend_is_a_matter_of_settings(
    client: TrytonClient, office: Office, reply: object, code: str
) -> None:
    office.login_reply = reply  # type: ignore[assignment]

    problems = [failing(client), failing(client)]

    assert [(type(problem), problem.code) for problem in problems] == [(ConfigurationError, code)] * 2
    assert office.logins == 1
    assert PASSWORD not in "".join(problem.message for problem in problems)


@pytest.mark.parametrize("answer", [None, [], [2], ["2", "token"], [2, None], {"user": 2}])
def test_a_log_on_that_answers_nothing_usable_is_none(client: TrytonClient, office: Office, answer: object) -> None:
    office.login_reply = result(answer)

    assert type(failing(client)) is UnavailableError
    assert office.of(WRITE) == []


def test_a_user_without_a_company_says_so(client: TrytonClient, office: Office) -> None:
    office.answer("model.res.user.get_preferences", result({"language": "en"}))

    assert client.login().company is None


# leaving


def test_closing_logs_off_once_and_a_later_call_logs_on_again(client: TrytonClient, office: Office) -> None:
    office.answer(READ, result(1))
    client.ask(READ, [])

    client.close()
    client.close()
    assert (office.sessions, len(office.of("common.db.logout"))) == (set(), 1)

    client.ask(READ, [])
    assert office.logins == 2


def test_closing_says_nothing_to_a_server_that_was_never_asked(office: Office) -> None:
    client, _ = client_on(office)

    client.close()

    assert office.calls == []


def test_closing_says_nothing_when_the_server_has_forgotten_or_fails(client: TrytonClient, office: Office) -> None:
    client.login()
    office.forget()

    client.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork, which this machine does not have")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_logs_on_by_itself_and_leaves_the_parents_session(client: TrytonClient, office: Office) -> None:
    office.answer(READ, result(1))
    client.ask(READ, [])
    parents = set(office.sessions)
    child = os.fork()
    if child == 0:  # the child
        try:
            client.ask(READ, [])
            client.close()
        finally:
            os._exit(0)
    os.waitpid(child, 0)

    assert office.logins == 2
    assert office.sessions == parents
    assert client.ask(READ, []) == 1
    assert office.logins == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork, which this machine does not have")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_that_only_closes_leaves_the_parent_logged_on(client: TrytonClient, office: Office) -> None:
    client.login()
    child = os.fork()
    if child == 0:  # the child
        try:
            client.close()
        finally:
            os._exit(0)
    os.waitpid(child, 0)

    assert len(office.sessions) == 1
    assert office.of("common.db.logout") == []


# secrets


def test_no_password_and_no_session_is_in_a_log_an_error_or_a_repr(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client, passwords = client_on(office)
    session = client.login()
    office.answer(WRITE, error("UserError", ["no", "", None]), status(500), broken(), status(401))
    said = [repr(client), repr(session), repr(client._sessions), str(session)]
    for _ in range(4):
        problem = failing(client)
        said += [str(problem), repr(problem), *traceback.format_exception(problem)]
    passwords.now = "wrong-canary"
    office.forget()
    problem = failing(client)
    said += [str(problem), *traceback.format_exception(problem)]
    client.close()
    whole = "\n".join([*said, caplog.text])

    for secret in (PASSWORD, TOKEN, session.authorization, session.authorization[8:40], "wrong-canary"):
        assert secret not in whole


def test_a_session_is_not_pickled(client: TrytonClient) -> None:
    with pytest.raises(TypeError):
        pickle.dumps(client.login())
