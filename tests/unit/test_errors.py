from __future__ import annotations

import copy
import pickle
from datetime import timedelta

import pytest

from pmsbridge import errors
from pmsbridge.errors import (
    ConfigurationError,
    IneligibleError,
    InputError,
    NotFoundError,
    OutcomeUnknownError,
    PmsBridgeError,
    RejectedError,
    UnavailableError,
    UnsupportedError,
)

SPECIMENS = [
    PmsBridgeError("m", code="c"),
    InputError("months", "must be 1 to 12", shape="int 13", remedy="Choose fewer.", code="too_many"),
    NotFoundError("facility", "is unknown", remedy="List them."),
    IneligibleError("Pay first.", code="balance_not_zero", message_key="k", unblock="pay"),
    ConfigurationError("m", code="c"),
    UnsupportedError("m", code="no_x"),
    RejectedError("m", code="-100"),
    UnavailableError("m", retry_after=timedelta(seconds=30), code="busy"),
    OutcomeUnknownError("m", code="lost"),
]
each_error = pytest.mark.parametrize("error", SPECIMENS, ids=lambda error: type(error).__name__)


def test_every_public_class_has_a_specimen_here() -> None:
    assert {type(error).__name__ for error in SPECIMENS} == set(errors.__all__)


@each_error
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_an_error_survives_pickling_with_everything_it_says(error: PmsBridgeError, protocol: int) -> None:
    for again in (pickle.loads(pickle.dumps(error, protocol)), copy.copy(error), copy.deepcopy(error)):
        assert type(again) is type(error)
        assert vars(again) == vars(error)
        assert str(again) == str(error)


@each_error
def test_an_error_says_its_message_and_nothing_else(error: PmsBridgeError) -> None:
    assert str(error) == error.message
    assert isinstance(error, PmsBridgeError)
    assert error.code


def test_exit_codes_tell_the_classes_apart() -> None:
    codes = {type(error): error.exit_code for error in SPECIMENS}

    assert codes.pop(NotFoundError) == codes[InputError] == 2
    assert len(set(codes.values())) == len(codes)
    assert 0 not in codes.values()


def test_an_input_error_describes_the_value_by_its_shape() -> None:
    error = InputError("card.number", "must be 13 to 19 digits", shape="12 digits", remedy="Type it again.")

    assert str(error) == "card.number: must be 13 to 19 digits (given: 12 digits). Type it again."
    assert error.code == "invalid_input"


def test_the_message_key_of_a_refusal_follows_its_code() -> None:
    assert IneligibleError("m", code="x").message_key == "eligibility.x"


def test_only_unavailable_says_when_to_ask_again() -> None:
    assert UnavailableError("m").retry_after is None
    assert not hasattr(RejectedError("m"), "retry_after")
