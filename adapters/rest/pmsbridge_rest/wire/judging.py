"""What an answer means: whether it is good, and if not, whether the back office changed and what to do.

Nothing that is not declared or standard is taken for a refusal of a write: what is not understood may have happened,
and is looked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Final

from pmsbridge.errors import (
    ConfigurationError,
    NotFoundError,
    OutcomeUnknownError,
    PmsBridgeError,
    RejectedError,
    UnavailableError,
)
from pmsbridge.logging import redact
from pmsbridge.transport.http import no_usable_answer, parse_retry_after
from pmsbridge_rest.bodies.exact_json import UnreadableError
from pmsbridge_rest.bodies.graphql import errors_in
from pmsbridge_rest.bodies.jsonapi import unfolded
from pmsbridge_rest.filling import Filler
from pmsbridge_rest.mapping.answers import Envelope, ErrorClass, ErrorRule, Errors, Outcome
from pmsbridge_rest.mapping.conditions import Condition, Statuses, fits_status
from pmsbridge_rest.mapping.expressions import Expression, search
from pmsbridge_rest.matching import condition_holds
from pmsbridge_rest.wire.asking import Ask, Came

__all__ = ["Judge", "Verdict", "told"]

_TOLD_CHARACTERS: Final = 200
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_FIELD: Final = re.compile(r"[A-Za-z0-9_.\[\]-]{1,60}")
_MOST_FIELDS: Final = 8
_GOOD: Final[Statuses] = ("2xx",)
_BY_STATUS: Final = {
    400: ErrorClass.VALIDATION, 422: ErrorClass.VALIDATION, 401: ErrorClass.AUTH, 402: ErrorClass.DECLINED,
    403: ErrorClass.FORBIDDEN, 404: ErrorClass.NOT_FOUND, 410: ErrorClass.NOT_FOUND, 409: ErrorClass.CONFLICT,
    412: ErrorClass.STALE, 429: ErrorClass.THROTTLED, 405: ErrorClass.VALIDATION, 413: ErrorClass.VALIDATION,
    414: ErrorClass.VALIDATION, 415: ErrorClass.VALIDATION, 431: ErrorClass.VALIDATION,
}  # fmt: skip
_TRANSIENT: Final = frozenset({408, 425})
_IN_ITS_OWN_WORDS: Final = frozenset({
    ErrorClass.VALIDATION, ErrorClass.DECLINED, ErrorClass.CONFLICT, ErrorClass.STALE, ErrorClass.NOT_FOUND,
})  # fmt: skip
"""Refusals by status that a write believes only when the body is the back office's own, not some proxy's page."""

_SAID_BY_STATUS: Final = frozenset({ErrorClass.STALE, ErrorClass.NOT_FOUND})
"""Refusals of which the status says all there is to say: without any body they are believed, too."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A good answer.

    Attributes:
        data: The content, its envelope taken off.
        is_already: It was so before; nothing was done.
        is_ticket: How it ended has to be asked for.
        is_missing: There is no such thing; only where that was asked to be no error.
    """

    data: object
    is_already: bool = False
    is_ticket: bool = False
    is_missing: bool = False


@dataclass(frozen=True, slots=True)
class Judge:
    """Reads answers by a mapping.

    Attributes:
        envelope: What they are wrapped in.
        errors: What errors mean.
        throttled: When one means "later", beside status 429; None for nothing else.
        wait: How long to wait when a "later" does not say.
        scrub: Takes our credentials out of the back office's words.
    """

    envelope: Envelope
    errors: Errors
    throttled: Condition | None = None
    wait: timedelta = timedelta(seconds=1)
    scrub: Callable[[str], str] = str

    def is_later(self, came: Came) -> bool:
        """Whether the back office said to come back, having done nothing."""
        return came.status == HTTPStatus.TOO_MANY_REQUESTS or (
            self.throttled is not None and _fits(self.throttled, came)
        )

    def read(self, ask: Ask, came: Came, *, missing: Collection[int] = ()) -> Verdict:
        """The content of a read.

        Args:
            ask: What was asked.
            came: The answer.
            missing: Statuses that mean that there is nothing, which then is the answer and no error.

        Raises:
            NotFoundError: There is no such thing.
            ConfigurationError: A person must act.
            RejectedError: It is refused.
            UnavailableError: No usable answer; asking again is safe.
        """
        error = self._error(ask, came, _GOOD)
        rule = self._rule(came)
        is_plain = (rule is None or rule.means is ErrorClass.NOT_FOUND) and not self.is_later(came)
        if came.status in missing and is_plain and not came.unreadable:
            return Verdict(None, is_missing=True)
        if error is not None:
            raise error
        return Verdict(self.data(ask, came))

    def write(
        self, ask: Ask, came: Came, outcome: Outcome, *, filler: Filler | None = None, conflict_is_open: bool = False
    ) -> Verdict:
        """What became of a write.

        Args:
            ask: What was asked.
            came: The answer.
            outcome: How answers of this step are read.
            filler: Fills places in conditions; None when there are none.
            conflict_is_open: A 409 may mean that the same key is being worked on.

        Raises:
            RejectedError: It said no; nothing changed.
            ConfigurationError: It refused us; nothing changed.
            UnavailableError: It said later; nothing changed.
            OutcomeUnknownError: The answer proves neither.
        """
        if outcome.already is not None and not came.unreadable and _fits(outcome.already, came, filler):
            return Verdict(came.document, is_already=True)
        error = self._error(ask, came, outcome.success, conflict_is_open=conflict_is_open)
        if error is not None:
            raise error
        self._declined(ask, came, outcome, filler)
        data = self.data(ask, came)
        if outcome.job is not None and _fits(outcome.job.when, came, filler):
            return Verdict(data, is_ticket=True)
        if outcome.proof is not None and not _fits(outcome.proof, came, filler):
            problem = f"{ask.operation}: HTTP {came.status}, but what would prove it is missing"
            raise OutcomeUnknownError(problem, code="not_proven")
        return Verdict(data)

    def data(self, ask: Ask, came: Came) -> object:
        """The content of an answer, its envelope taken off.

        Raises:
            UnavailableError: It is not wrapped as declared. For a write: OutcomeUnknownError.
        """
        try:
            document = unfolded(came.document) if self.envelope.style == "jsonapi" else came.document
            return search(self.envelope.data, document)
        except (UnreadableError, ValueError):
            problem = f"{ask.operation}: the answer is not wrapped as it should be"
        raise no_usable_answer(problem, is_write=ask.is_write, code="bad_envelope")

    # errors

    def _error(
        self, ask: Ask, came: Came, success: Statuses, *, conflict_is_open: bool = False
    ) -> PmsBridgeError | None:
        if self.is_later(came):
            return self._later(ask, came)
        rule = self._rule(came)
        if rule is not None:
            return self._by_class(ask, came, rule.means, rule)
        if not fits_status(came.status, success):
            return self._by_status(ask, came, conflict_is_open=conflict_is_open)
        if came.unreadable:
            problem = f"{ask.operation}: HTTP {came.status}, but the answer cannot be read ({came.unreadable})"
            return no_usable_answer(problem, is_write=ask.is_write, code="unreadable")
        return self._inside(ask, came)

    def _rule(self, came: Came) -> ErrorRule | None:
        return next((rule for rule in self.errors.rules if _fits(rule.when, came)), None)

    def _inside(self, ask: Ask, came: Came) -> PmsBridgeError | None:
        """An error within an answer whose status is good."""
        if self.envelope.style == "graphql":
            return self._graphql(ask, came)
        has_errors = isinstance(came.document, dict) and bool(came.document.get("errors"))
        is_nothing = came.status == HTTPStatus.NO_CONTENT and came.is_empty
        is_bad = self.envelope.good is not None and not is_nothing and not _fits(self.envelope.good, came)
        if is_bad or (self.envelope.style == "jsonapi" and has_errors):
            problem = f"{self._words(ask, came)}, an error within a good status"
            return no_usable_answer(problem, is_write=ask.is_write, code=self._code(came) or "not_good")
        return None

    def _graphql(self, ask: Ask, came: Came) -> PmsBridgeError | None:
        try:
            listed = errors_in(came.document)
        except UnreadableError:
            problem = f"{ask.operation}: HTTP {came.status}, but no GraphQL answer"
            return no_usable_answer(problem, is_write=ask.is_write, code="unreadable")
        if not listed:
            return None
        first = listed[0]
        problem = f"{ask.operation}: {told(self.scrub(first.message)) or 'an error'}"
        if first.before_execution:
            return RejectedError(problem, code=self._word(first.code) or "graphql_refused")
        return no_usable_answer(problem, is_write=ask.is_write, code=self._word(first.code) or "graphql_error")

    def _by_status(self, ask: Ask, came: Came, *, conflict_is_open: bool) -> PmsBridgeError:
        status = came.status
        if status in _TRANSIENT or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            wait = parse_retry_after(came.headers.get("retry-after"))
            if status == HTTPStatus.SERVICE_UNAVAILABLE and wait is not None:
                return UnavailableError(self._words(ask, came), retry_after=wait, code="http_503")
            return self._by_class(ask, came, ErrorClass.TRANSIENT)
        means = _BY_STATUS.get(status, ErrorClass.VENDOR_BUG)
        is_speechless = bool(came.unreadable) or (came.is_empty and means not in _SAID_BY_STATUS)
        is_foreign = is_speechless and means in _IN_ITS_OWN_WORDS
        if is_foreign or (conflict_is_open and means is ErrorClass.CONFLICT):
            means = ErrorClass.VENDOR_BUG if ask.is_write else means
        return self._by_class(ask, came, means)

    def _by_class(self, ask: Ask, came: Came, means: ErrorClass, rule: ErrorRule | None = None) -> PmsBridgeError:
        code = (rule.code if rule else "") or self._code(came) or means.value
        words = self._words(ask, came)
        if means is ErrorClass.THROTTLED:
            return self._later(ask, came)
        if means in {ErrorClass.AUTH, ErrorClass.FORBIDDEN}:
            return ConfigurationError(f"{words}. Check the credentials and what they may do", code=code)
        if means is ErrorClass.NOT_FOUND and not ask.is_write:
            return NotFoundError(ask.operation, "the back office has no such record", code="not_found")
        if means.nothing_changed:
            return RejectedError(words, code=code)
        if rule is not None and rule.certain:
            is_later = means is ErrorClass.TRANSIENT
            return UnavailableError(words, code=code) if is_later else RejectedError(words, code=code)
        return no_usable_answer(words, is_write=ask.is_write, code=code)

    def _later(self, ask: Ask, came: Came) -> UnavailableError:
        wait = parse_retry_after(came.headers.get("retry-after")) or self.wait
        return UnavailableError(self._words(ask, came), retry_after=wait, code="throttled")

    def _declined(self, ask: Ask, came: Came, outcome: Outcome, filler: Filler | None) -> None:
        for rule in outcome.declined:
            if _fits(rule.when, came, filler):
                reason = told(self.scrub(_text_at(rule.reason, came)))
                words = f"{ask.operation}: declined" + (f': "{reason}"' if reason else "")
                raise RejectedError(words, code=self._word(_text_at(rule.code, came)) or "declined")

    # words

    def _words(self, ask: Ask, came: Came) -> str:
        """Status, the vendor's own words made safe, names of wrong fields, and the request's number."""
        said = told(self.scrub(_text_at(self.errors.message, came)))
        fields = _names(self.errors.fields, came)
        number = self._request_id(came)
        parts = [
            f"{ask.operation}: HTTP {came.status}",
            f': "{said}"' if said else "",
            f" (fields: {', '.join(fields)})" if fields else "",
            f" [request {number}]" if number else "",
        ]
        return "".join(parts)

    def _code(self, came: Came) -> str:
        return self._word(_text_at(self.errors.code, came))

    def _word(self, text: str) -> str:
        """A vendor's code, as a code of ours: short, plain, and nothing secret."""
        return text if _REQUEST_ID.fullmatch(text) and self.scrub(redact(text)) == text else ""

    def _request_id(self, came: Came) -> str:
        header = self.errors.request_id_header
        text = came.headers.get(header.lower(), "") if header else _text_at(self.errors.request_id, came)
        return self._word(text)


def told(text: str) -> str:
    """The back office's own text, made safe to repeat, on one line; empty when it said nothing."""
    return " ".join(redact(text).split())[:_TOLD_CHARACTERS]


def _fits(condition: Condition, came: Came, filler: Filler | None = None) -> bool:
    return condition_holds(condition, status=came.status, headers=came.headers, body=came.document, filler=filler)


def _found(expression: Expression | None, came: Came) -> object:
    if expression is None or came.document is None:
        return None
    try:
        return search(expression, came.document)
    except ValueError:
        return None


def _text_at(expression: Expression | None, came: Came) -> str:
    found = _found(expression, came)
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""


def _names(expression: Expression | None, came: Came) -> Sequence[str]:
    found = _found(expression, came)
    listed = found if isinstance(found, list) else list(found) if isinstance(found, dict) else [found]
    names = [name for name in listed if isinstance(name, str) and _FIELD.fullmatch(name) and redact(name) == name]
    return names[:_MOST_FIELDS]
