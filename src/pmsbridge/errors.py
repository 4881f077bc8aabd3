"""Every error says whether the back office changed.

::

    PmsBridgeError
    │   nothing was tried
    ├── InputError               the caller's value is wrong: field, shape, remedy
    │   └── NotFoundError        no such facility, tenant, rental or action in this scope
    ├── IneligibleError          our own judge said no: reason code, message key, what unblocks it
    ├── ConfigurationError       a person must act; the run stops
    ├── UnsupportedError         this back office cannot say it
    │   definite
    ├── RejectedError            the back office said no; nothing changed; asking again says no
    ├── UnavailableError         certainly not reached, or told to wait; safe to ask again
    │   unknown
    └── OutcomeUnknownError      asked, and no usable answer: look before asking again

Only ``ConfigurationError``, ``UnsupportedError``, ``RejectedError``, ``UnavailableError`` and ``OutcomeUnknownError``
leave an adapter. Anything else that does is treated as unknown for a write.

No error carries a foreign exception's text: vendors repeat licence keys, and libraries repeat card numbers, in theirs.
An error is built from our own words, plus the vendor's message after it went through the redactor.
"""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

__all__ = [
    "ConfigurationError",
    "IneligibleError",
    "InputError",
    "NotFoundError",
    "OutcomeUnknownError",
    "PmsBridgeError",
    "RejectedError",
    "UnavailableError",
    "UnsupportedError",
]


class PmsBridgeError(Exception):
    """Root of everything this library raises on purpose.

    Attributes:
        message: What happened, in our words, safe to log.
        code: A stable machine word: the vendor's own code for vendor errors, ours otherwise. Empty when there is none.
        exit_code: What the command line exits with.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code

    def __str__(self) -> str:
        return self.message


class InputError(PmsBridgeError):
    """The caller's value is wrong; nothing was tried and nothing was stored.

    Attributes:
        field: Which input, as the caller spells it.
        shape: What was given, described without repeating it ("13 digits", "str of 2,104 characters").
        remedy: What to do.
    """

    exit_code = 2

    def __init__(self, field: str, problem: str, *, shape: str = "", remedy: str = "", code: str = "") -> None:
        given = f" (given: {shape})" if shape else ""
        what_to_do = f" {remedy}" if remedy else ""
        super().__init__(f"{field}: {problem}{given}.{what_to_do}", code=code or "invalid_input")
        self.field = field
        self.problem = problem
        self.shape = shape
        self.remedy = remedy

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild_input_error, (type(self), self.field, self.problem, self.shape, self.remedy, self.code))


def _rebuild_input_error(
    kind: type[InputError], field: str, problem: str, shape: str, remedy: str, code: str
) -> InputError:
    return kind(field, problem, shape=shape, remedy=remedy, code=code)


class NotFoundError(InputError):
    """Nothing of that name in this scope. The same answer whether it exists elsewhere or nowhere."""

    exit_code = 2


class IneligibleError(PmsBridgeError):
    """The judge said no before anything was tried.

    Attributes:
        code: The reason code ("balance_not_zero").
        message_key: Key of the message to show ("eligibility.balance_not_zero").
        unblock: What would make it possible, for a person. Empty when nothing the tenant can do would.
    """

    exit_code = 3

    def __init__(self, message: str, *, code: str, message_key: str = "", unblock: str = "") -> None:
        super().__init__(message, code=code)
        self.message_key = message_key or f"eligibility.{code}"
        self.unblock = unblock

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild_ineligible, (self.message, self.code, self.message_key, self.unblock))


def _rebuild_ineligible(message: str, code: str, message_key: str, unblock: str) -> IneligibleError:
    return IneligibleError(message, code=code, message_key=message_key, unblock=unblock)


class ConfigurationError(PmsBridgeError):
    """Nothing was tried; a person must act (credentials, settings, a missing extra). The run stops."""

    exit_code = 4


class UnsupportedError(PmsBridgeError):
    """Nothing was tried; this back office has no way to say it."""

    exit_code = 5


class RejectedError(PmsBridgeError):
    """The back office answered no. Nothing changed there, and asking again gets the same answer."""

    exit_code = 6


class UnavailableError(PmsBridgeError):
    """It certainly never reached the back office, or the back office said later. Safe to ask again.

    Attributes:
        retry_after: The shortest wait the other side asked for; None when it did not say.
    """

    exit_code = 7

    def __init__(self, message: str, *, retry_after: timedelta | None = None, code: str = "") -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after


class OutcomeUnknownError(PmsBridgeError):
    """It was asked and gave no usable answer: it may have happened. Probe before anything else."""

    exit_code = 8
