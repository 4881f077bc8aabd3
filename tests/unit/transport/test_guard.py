"""What leaves an adapter, whatever goes wrong inside."""

from __future__ import annotations

import pytest

from pmsbridge.errors import (
    ConfigurationError,
    InputError,
    NotFoundError,
    OutcomeUnknownError,
    PmsBridgeError,
    RejectedError,
    UnavailableError,
    UnsupportedError,
)
from pmsbridge.testing.memory_office import SimulatedCrash
from pmsbridge.transport.guard import reading_guarded, writing_guarded

FIVE = [kind("as it was", code="c1") for kind in (
    ConfigurationError, UnsupportedError, RejectedError, UnavailableError, OutcomeUnknownError,
)]  # fmt: skip
GONE = NotFoundError("tenant", "there is none", code="tenant_not_found")


def left_a_write(error: BaseException) -> BaseException:
    with pytest.raises(BaseException) as caught, writing_guarded():
        raise error
    return caught.value


@pytest.mark.parametrize("error", FIVE, ids=lambda each: type(each).__name__)
def test_the_five_classes_leave_as_they_are(error: PmsBridgeError) -> None:
    assert left_a_write(error) is error


def test_what_is_not_there_cannot_be_written_to_and_nothing_was_sent() -> None:
    left = left_a_write(GONE)

    assert type(left) is RejectedError
    assert (left.code, "Nothing was sent" in left.message) == ("tenant_not_found", True)


def test_an_error_of_ours_that_is_none_of_the_five_is_for_a_person() -> None:
    assert type(left_a_write(InputError("amount", "is wrong", code="amount"))) is ConfigurationError


def test_a_defect_may_have_struck_after_the_send_and_repeats_nothing_of_its_text() -> None:
    left = left_a_write(KeyError("not-a-real-card-number"))

    assert type(left) is OutcomeUnknownError
    assert left.code == "adapter_defect"
    assert "not-a-real" not in str(left)
    assert left.__suppress_context__


def test_the_end_of_the_process_is_no_error_of_the_adapter() -> None:
    crash = SimulatedCrash()

    assert left_a_write(crash) is crash


def test_a_look_into_what_is_not_there_is_refused() -> None:
    with pytest.raises(RejectedError) as caught, reading_guarded():
        raise GONE

    assert caught.value.code == "tenant_not_found"
