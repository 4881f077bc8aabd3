from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest

from pmsbridge import ExternalPayment, IneligibleError, InputError, WebPassword
from pmsbridge.logging import get_logger
from pmsbridge.portal.card_numbers import refuse_card_in_id, refuse_card_number
from tools import bad_input
from tools.bad_input import Answer, tried
from tools.bad_input_cases import CASES, PAN, TODAY, Case, World

pytestmark = pytest.mark.slow

ANSWERS: dict[Case, Answer] = {}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with bad_input.stage() as stage:
        yield stage


@pytest.mark.parametrize("case", CASES, ids=lambda case: re.sub(r"\W+", "-", f"{case.group}-{case.given}-{case.call}"))
def test_a_mistake_is_named_and_changes_nothing(world: World, case: Case) -> None:
    ANSWERS[case] = tried(world, case)


def test_the_journal_holds_no_card_number_password_or_licence_key(world: World) -> None:
    assert list(world.folder.glob("pmsbridge.db*"))
    assert bad_input.poisoned_files(world) == []


def test_the_page_says_what_was_answered(world: World) -> None:
    # Cases that another process of the suite took are tried here too: the page is checked however the suite is split.
    answers = {case: ANSWERS.get(case) or tried(world, case) for case in CASES}

    assert bad_input.PAGE.read_text(encoding="utf-8") == bad_input.page(answers)


# -- the watchman is watched ------------------------------------------------------------------------------------------


def planted(given: str, wanted: str, do: object) -> Case:
    return Case("planted", given, "...", wanted, do)  # type: ignore[arg-type]  # a function, whichever


def shout(number: str) -> None:
    raise InputError("text", f"{number} is no text")


def shout_in_the_chain(number: str) -> None:
    try:
        shout(number)
    except InputError as error:
        raise InputError("text", "is no text") from error


@pytest.mark.parametrize(
    ("case", "problem"),
    [
        (planted("no error", "InputError invalid_input", lambda w: w.renee.tenant()), "no error but Tenant"),
        (planted("another class", "RejectedError", lambda w: w.of("")), "not 'RejectedError'"),
        (planted("a repeated card", "InputError invalid_input", lambda _: shout(PAN)), "was repeated"),
        (planted("in groups", "InputError invalid_input", lambda _: shout("4111-1111 1111.1111")), "was repeated"),
        (planted("in the chain", "InputError invalid_input", lambda _: shout_in_the_chain(PAN)), "was repeated"),
        (
            planted("a change", "settled 50001", lambda w: w.renee.add_note(w.rental(), "Hello.", key=w.key())),
            "the back office changed",
        ),
    ],
    ids=lambda value: value.given if isinstance(value, Case) else "",
)
def test_a_planted_fault_is_noticed(world: World, case: Case, problem: str) -> None:
    with pytest.raises(AssertionError, match=re.escape(problem)):
        tried(world, case)


def complain(event: str) -> None:
    raise InputError("text", event)


def log_raw(_: World) -> None:
    logging.getLogger("some.library").debug("sent %s", PAN)
    complain("is empty")


def log_ours(_: World) -> None:
    get_logger("pmsbridge.anywhere").debug("sent_at_all")
    complain("is empty")


def test_a_canary_in_a_log_line_of_any_library_is_noticed(world: World) -> None:
    with pytest.raises(AssertionError, match="was repeated"):
        tried(world, planted("a log line", "InputError invalid_input", log_raw))


def test_our_own_log_lines_are_listened_to_after_a_command_ran(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.cli("status", "too", "many")
    monkeypatch.setattr(bad_input, "CANARIES", ("sent_at_all",))

    with pytest.raises(AssertionError, match="was repeated"):
        tried(world, planted("our log line", "InputError invalid_input", log_ours))


# -- what is no card number -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "Call me at +49 151 1234567 8 or 617-555-0100.",
        "+4915112345674",
        "Order 1732222222222222 of 2027-01-31",
        "0000 0000 0000 0000",
        "Unit 015, gate 4-1-1",
    ],
)
def test_numbers_that_are_no_cards_may_be_written(text: str) -> None:
    refuse_card_number("text", text)


@pytest.mark.parametrize("phone", ["4915112345674", "+4915112345674", "004915112345674", "(617) 555-0100"])
def test_a_phone_number_that_could_be_an_old_card_is_a_phone_number(phone: str) -> None:
    refuse_card_number("phone", phone, is_phone=True)


@pytest.mark.parametrize(
    "key",
    [
        "4f1c0a52-4111-4111-8111-111111111111",
        "411111111111-4111-1111-1111-click",
        "a4111111111111111f",
        "01JD4111111111111111ABCDEF",
        "1732222222222222",
    ],
)
def test_digits_inside_a_key_are_no_card_number(key: str) -> None:
    refuse_card_in_id("key", key)


@pytest.mark.parametrize("key", [PAN, "4111-1111-1111-1111", f"click:{PAN}", f"{PAN}_1", f"a-{PAN}", "378282246310005"])
def test_a_card_number_standing_alone_in_a_key_is_refused(key: str) -> None:
    with pytest.raises(InputError) as refused:
        refuse_card_in_id("key", key)

    assert refused.value.code == "card_number_in_text"


# -- what was typed is wiped ------------------------------------------------------------------------------------------


CARD_CALLS: list[Callable[[World, Any], object]] = [
    lambda w, card: w.renee.pay_all(card, key="short"),
    lambda w, card: w.renee.pay_rental(" ", card, key=w.key()),
    lambda w, card: w.lukasz.prepay(True, card, key=w.key()),
    lambda w, card: w.renee.pay("quote", card, key=w.key()),
    lambda w, card: w.renee.set_autopay(w.rental(), on=False, method=card, key=w.key()),
    lambda w, card: w.renee.set_autopay(w.rental(), on=True, method=card, key=PAN),
]
PASSWORD_CALLS: list[Callable[[World, Any], object]] = [
    lambda w, password: w.renee.change_password("x", password, key=w.key()),
    lambda w, password: w.renee.change_password("renee@example.com", password, key=""),
    lambda w, password: w.bridge.accounts.sign_in("L001", PAN, password),
    lambda w, password: w.bridge.accounts.sign_in("L009", "renee@example.com", password),
]


@pytest.mark.parametrize("call", CARD_CALLS)
def test_a_card_is_wiped_when_its_call_is_refused_before_it_is_tried(
    world: World, call: Callable[[World, Any], object]
) -> None:
    card = world.card()

    with pytest.raises(InputError):
        call(world, card)

    assert card.is_wiped


@pytest.mark.parametrize("call", PASSWORD_CALLS)
def test_a_password_is_wiped_when_its_call_is_refused_before_it_is_tried(
    world: World, call: Callable[[World, Any], object]
) -> None:
    password = WebPassword("abcd1")

    with pytest.raises(InputError):
        call(world, password)

    assert password.is_wiped


def test_a_card_that_expires_today_still_pays_and_one_of_yesterday_does_not(world: World) -> None:
    with pytest.raises(IneligibleError, match="expired"):
        world.renee.pay_all(world.card(expires_on=date(2026, 6, 14)), key=world.key())
    view = world.renee.pay_rental(world.rental(), world.card("4000000000000002", expires_on=TODAY), key=world.key())

    assert view.principal[0].code == "card_refused"


def test_a_gateways_own_number_passes_with_letters_before_it(world: World) -> None:
    refuse_card_in_id("means.reference", ExternalPayment(gateway="g", reference=f"tx{PAN}").reference)
