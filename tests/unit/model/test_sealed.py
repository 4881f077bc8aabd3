from __future__ import annotations

import copy
import dataclasses
import io
import json
import logging
import pickle
import pprint
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, TypeAdapter
from pydantic.errors import PydanticSchemaGenerationError
from rich.console import Console
from rich.traceback import Traceback

from pmsbridge.errors import InputError, UnavailableError
from pmsbridge.model.sealed import (
    BankAccount,
    BankAccountKind,
    Card,
    CardBrand,
    GateCode,
    Opened,
    Sealed,
    WebPassword,
    luhn_holds,
)
from tests.unit.model.making import CANARY

ROUTING, ACCOUNT, PASSWORD, GATE = "021000021", "998877665544", "hunter2-canary", "4455#canary"
SECRETS = re.compile(rf"{CANARY}|4111 1111|{ROUTING}|{ACCOUNT}|{PASSWORD}|{GATE}|(?<![\w.])987(?![\w.])")
EXPIRES = date(2031, 12, 31)


def card() -> Card:
    return Card(number=CANARY, expires_on=EXPIRES, holder="R. O'Brien", cvv="987", street="1 Main", postal_code="00501")


def every_sealed() -> list[Sealed]:
    return [
        card(),
        BankAccount(routing_number=ROUTING, account_number=ACCOUNT, kind=BankAccountKind.BUSINESS_CHECKING),
        WebPassword(PASSWORD),
        GateCode(GATE),
        Sealed(anything=CANARY),
    ]


KINDS = [type(value).__name__ for value in every_sealed()]
each_kind = pytest.mark.parametrize("kind", range(len(KINDS)), ids=KINDS)


def assert_clean(*texts: str) -> None:
    for text in texts:
        assert not SECRETS.findall(text)


@each_kind
def test_no_way_of_printing_shows_it(kind: int) -> None:
    value = every_sealed()[kind]

    assert_clean(
        repr(value), str(value), f"{value}", f"{value!r:>60}", "{}".format(value), "%s %r" % (value, value),  # noqa: UP031, UP032
        pprint.pformat(value), str([value]), str({"value": value}), ascii(value),
        repr(vars(type(value))), str(dir(value)),
    )  # fmt: skip


@each_kind
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_cannot_be_pickled(kind: int, protocol: int) -> None:
    with pytest.raises(TypeError, match="cannot be copied or stored"):
        pickle.dumps(every_sealed()[kind], protocol)


REFUSALS: list[Callable[[Sealed], object]] = [
    copy.copy,
    copy.deepcopy,
    json.dumps,
    vars,
    dict,  # type: ignore[list-item]
    list,  # type: ignore[list-item]
    bytes,  # type: ignore[list-item]
    iter,  # type: ignore[list-item]
    lambda value: copy.deepcopy({"nested": [value]}),
    lambda value: value.__getstate__(),
    lambda value: dataclasses.asdict(dataclasses.make_dataclass("Holder", ["value"])(value)),
    lambda value: TypeAdapter(type(value)),
]


@each_kind
@pytest.mark.parametrize("way", range(len(REFUSALS)))
def test_every_way_of_taking_it_apart_refuses_without_showing_it(kind: int, way: int) -> None:
    with pytest.raises(Exception) as caught:
        REFUSALS[way](every_sealed()[kind])

    assert_clean(str(caught.value), repr(caught.value), "".join(traceback.format_exception(caught.value)))


@each_kind
def test_it_is_no_pydantic_field_and_not_serialised_where_somebody_insists(kind: int) -> None:
    value = every_sealed()[kind]

    with pytest.raises(PydanticSchemaGenerationError):
        type("Holder", (BaseModel,), {"__annotations__": {"value": type(value)}})

    class Insists(BaseModel):
        model_config = ConfigDict(arbitrary_types_allowed=True)
        value: Any

    holder = Insists(value=value)
    assert_clean(repr(holder), str(holder), str(holder.model_dump()))
    with pytest.raises(Exception, match="serialize"):
        holder.model_dump_json()


@each_kind
def test_two_are_never_equal_and_the_hash_tells_nothing(kind: int) -> None:
    one, other = every_sealed()[kind], every_sealed()[kind]

    assert one != other
    assert one == one  # noqa: PLR0124 - identity is all there is
    assert {one, other} == {one, other}


def fails_while_open(value: Sealed) -> None:
    with value.open() as parts:
        assert len(parts) > 0
        message = "the line broke"
        raise RuntimeError(message)


@each_kind
def test_no_traceback_with_variables_shows_it_even_while_it_is_open(kind: int) -> None:
    value = every_sealed()[kind]
    try:
        fails_while_open(value)
    except RuntimeError as error:
        screen = io.StringIO()
        console = Console(file=screen, width=200)
        console.print(
            Traceback.from_exception(
                type(error), error, error.__traceback__, show_locals=True, locals_max_string=10_000
            )
        )
        plain = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
        structured = structlog.tracebacks.ExceptionDictTransformer(show_locals=True)(
            (type(error), error, error.__traceback__)
        )
        assert_clean(screen.getvalue(), plain, str(structured))
        assert "parts" in plain


@each_kind
def test_a_log_of_variables_taken_inside_the_block_shows_nothing(kind: int) -> None:
    value = every_sealed()[kind]
    screen = io.StringIO()

    with value.open() as parts:
        pprint.pprint({"parts": parts}, stream=screen)
        Console(file=screen, width=200).print(parts, {"parts": parts}, value)
        texts = repr(parts), str(parts), f"{parts}", "".join(traceback.StackSummary.extract(
            traceback.walk_stack(sys._getframe()), capture_locals=True, limit=1
        ).format())  # fmt: skip
        with pytest.raises(TypeError, match="cannot be copied or stored"):
            pickle.dumps(parts)
        with pytest.raises(TypeError, match="cannot be copied or stored"):
            copy.copy(parts)

    assert_clean(screen.getvalue(), *texts)


@each_kind
def test_no_logger_shows_it(kind: int, caplog: pytest.LogCaptureFixture) -> None:
    value = every_sealed()[kind]
    out = io.StringIO()
    loud = structlog.wrap_logger(
        structlog.PrintLogger(out),
        processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer()],
    )

    with caplog.at_level(logging.DEBUG):
        logging.getLogger("x").debug("paying with %s %r", value, value, extra={"value": value})
        try:
            fails_while_open(value)
        except RuntimeError:
            logging.getLogger("x").exception("failed with %s", value)
            loud.exception("failed", value=value)

    assert_clean(caplog.text, out.getvalue(), str([record.__dict__ for record in caplog.records]))


@each_kind
def test_it_is_handed_out_once_and_gone_afterwards(kind: int) -> None:
    value = every_sealed()[kind]
    inside = value._parts

    with value.open() as parts:
        assert any(parts.values())
        assert value.is_wiped

    assert inside is not None
    assert all(not any(piece) for piece in inside.values())
    assert dict(parts) == {}
    with pytest.raises(UnavailableError, match="enter it again") as caught, value.open():
        pass
    assert caught.value.code == "sealed_value_used"


@each_kind
def test_it_cannot_be_opened_twice_at_once(kind: int) -> None:
    value = every_sealed()[kind]

    with value.open(), pytest.raises(UnavailableError), value.open():
        pass


@each_kind
def test_a_failed_send_wipes_it_too(kind: int) -> None:
    value = every_sealed()[kind]

    with pytest.raises(RuntimeError):
        fails_while_open(value)

    assert value.is_wiped


@each_kind
def test_wiping_overwrites_what_was_there(kind: int) -> None:
    value = every_sealed()[kind]
    inside = value._parts
    assert inside is not None

    value.wipe()
    value.wipe()

    assert all(bytes(piece) == bytes(len(piece)) for piece in inside.values())
    assert value.is_wiped


@each_kind
def test_a_split_value_serves_each_send_once(kind: int) -> None:
    value = every_sealed()[kind]

    first, second = value.split(2)

    assert value.is_wiped
    assert repr(first) == repr(value)
    with first.open() as one, second.open() as two:
        assert dict(one) == dict(two) != {}
    assert first.is_wiped
    assert second.is_wiped


def test_the_parts_are_what_was_typed() -> None:
    with card().open() as parts:
        assert dict(parts) == {
            "number": CANARY, "cvv": "987", "holder": "R. O'Brien", "street": "1 Main", "postal_code": "00501"
        }  # fmt: skip
        assert isinstance(parts, Opened)
        with pytest.raises(KeyError):
            parts["nothing"]
    with BankAccount(
        routing_number="0210-0002-1", account_number="99 88 77", kind=BankAccountKind.CONSUMER_SAVINGS
    ).open() as parts:
        assert dict(parts) == {"routing_number": ROUTING, "account_number": "998877"}
    with GateCode(" 12# ").open() as parts:
        assert parts["gate_code"] == "12#"


@pytest.mark.parametrize(
    ("number", "brand"),
    [
        ("4111 1111 1111 1111", CardBrand.VISA),
        ("5555-5555-5555-4444", CardBrand.MASTERCARD),
        ("2223003122003222", CardBrand.MASTERCARD),
        ("378282246310005", CardBrand.AMEX),
        ("6011111111111117", CardBrand.DISCOVER),
        ("30569309025904", CardBrand.DINERS),
        ("3530111333300000", CardBrand.UNKNOWN),
    ],
)
def test_a_card_shows_its_brand_and_last_four_digits_only(number: str, brand: CardBrand) -> None:
    sealed = Card(number=number, expires_on=EXPIRES, holder="X")

    assert sealed.face.brand is brand
    assert sealed.face.last4 == number.replace(" ", "")[-4:]
    assert repr(sealed) == f"<card {brand.value} ****{sealed.face.last4}>"


BAD: list[Callable[[], object]] = [
    lambda: Card(number="4111111111111112", expires_on=EXPIRES, holder="X", cvv="987"),
    lambda: Card(number="411111111111", expires_on=EXPIRES, holder="X", cvv="987"),
    lambda: Card(number="41111111111111111111", expires_on=EXPIRES, holder="X"),
    lambda: Card(number="4111-1111-1111-111a", expires_on=EXPIRES, holder="X"),
    lambda: Card(number="٤١١١١١١١١١١١١١١١", expires_on=EXPIRES, holder="X"),
    lambda: Card(number=CANARY, expires_on=EXPIRES, holder="X", cvv="98765"),
    lambda: Card(number=CANARY, expires_on=EXPIRES, holder="  ", cvv="987"),
    lambda: BankAccount(routing_number="02100002", account_number=ACCOUNT, kind=BankAccountKind.UNKNOWN),
    lambda: BankAccount(routing_number=ROUTING, account_number="998", kind=BankAccountKind.UNKNOWN),
    lambda: WebPassword(""),
    lambda: GateCode("  "),
]


def frames_of(error: BaseException) -> Iterator[str]:
    """The variables of every frame of ours that a traceback holds."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_filename.endswith("/sealed.py"):
            yield repr(frame.f_locals)


@pytest.mark.parametrize("way", range(len(BAD)))
def test_a_refused_value_is_described_and_never_repeated_not_even_in_the_frames(way: int) -> None:
    with pytest.raises(InputError) as caught:
        BAD[way]()

    typed = ("41111", "4111-", "٤١١", "98765", "987", "02100002", ROUTING, ACCOUNT, "998")
    for text in (str(caught.value), repr(caught.value), str(vars(caught.value)), *frames_of(caught.value)):
        assert not [piece for piece in typed if piece in text]


@given(st.text("0123456789", min_size=12, max_size=18), st.data())
def test_one_mistyped_digit_is_always_noticed(body: str, data: st.DataObject) -> None:
    check = next(digit for digit in "0123456789" if luhn_holds(body + digit))
    number = body + check
    place = data.draw(st.integers(0, len(number) - 1))
    wrong = data.draw(st.sampled_from([d for d in "0123456789" if d != number[place]]))

    assert luhn_holds(number)
    assert not luhn_holds(number[:place] + wrong + number[place + 1 :])


def test_a_password_tells_its_length_only() -> None:
    password = WebPassword("pässwort")

    assert password.length_chars == 8
    password.wipe()
    assert password.length_chars == 0
