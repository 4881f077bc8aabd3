"""The counter: a request is let in, understood, carried out and answered. Good weather only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from . import graphql, pages
from .answers import Reply, Wrapping, first_success, satisfy
from .door import Door, Request, span_of
from .editing import Editor, changed_line
from .faults import FaultKind, Rule
from .jobs import Job, Jobs
from .listing import Lists, MissingError, Wanted
from .paths import put, turned_round
from .plan import FILE, LINK, POLL, Plan, Role, Route
from .records import Books, Shelf
from .showing import Window
from .spelling import Place
from .taking import Doing, NoSuchError, Order, RefusedError, Taker
from .understanding import Reader, plain_body
from .understood import Understood

_SHOWN_WHOLE: Final = frozenset({"tenants", "rentals"})
"""Nouns whose writes are answered with the record as reads show it."""
_NO_CONTENT: Final = 204
_ACCEPTED: Final = 202
_NO_SUCCESS: Final = 300
_NOT_PLAYED: Final = 501
_BEGINS: Final = {"application/pdf": b"%PDF-1.7 ", "image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff"}


@dataclass(frozen=True, slots=True)
class Habits:
    """A vendor's own way.

    Attributes:
        now: Time.
        page_rows: Rows a piece of a list has at most, where the vendor may give fewer than it is asked for.
        job_seconds: How long a job is worked on; never more than a quarter of what the mapping waits for it.
    """

    now: Callable[[], datetime]
    page_rows: int
    job_seconds: float


class Counter:
    """Serves requests, one at a time.

    Args:
        plan: What can be asked.
        where: The facility.
        constants: What options and the facility's code are.
        door: Who may come in.
        books: The books.
        taker: What actions do to them.
        habits: What is this vendor's own way.
    """

    def __init__(
        self, plan: Plan, where: Place, constants: Mapping[str, str], door: Door, books: Books, taker: Taker,
        habits: Habits,
    ) -> None:  # fmt: skip
        self.jobs = Jobs()
        self._habits = habits
        self.wrapping = Wrapping(plan.sheet)
        self.lag: Callable[[], timedelta] = timedelta
        self.behind: Callable[[], timedelta] = timedelta
        self._plan = plan
        self._where = where
        self._door = door
        self._books = books
        self._taker = taker
        self._window = Window(plan.sheet, where, constants, taker.today)
        self._lists = Lists(plan, self._window)
        self._reader = Reader(plan.sheet, where, constants, door)
        self._answered: dict[tuple[str, str], Reply] = {}

    def serve(self, request: Request, rule: Rule | None) -> Reply:
        """Carry a request out.

        Args:
            request: What arrived.
            rule: A fault that changes what reads show of it; None for none.
        """
        token = self._door.token_reply(request)
        if token is not None:
            return token
        if not self._door.knows(request):
            return self.wrapping.bad("auth", "who are you?")
        routes, is_known = self._plan.routes_for(request.method, request.path, request.body)
        if not routes and self._plan.goes_by_body(request.method, request.path):
            return self.wrapping.bad("validation", "no such query is known")
        if not routes:
            return Reply(405, {"error": "not so"}) if is_known else self.wrapping.bad("not_found", "no such address")
        return self._throttled(routes[0], request) or self._understood(routes[0], request, rule)

    def asked_for(self, request: Request, reply: Reply) -> Reply:
        """An answer, less what a GraphQL query did not ask for."""
        routes, _ = self._plan.routes_for(request.method, request.path, request.body)
        content = reply.document.get("data") if isinstance(reply.document, dict) else None
        if not routes or not routes[0].asks or not isinstance(content, dict):
            return reply
        asked = graphql.query_of(routes[0].asks).selection
        return replace(reply, document={**reply.document, "data": graphql.selected(content, asked)})

    def _throttled(self, route: Route, request: Request) -> Reply | None:
        wait = self._door.too_many(request.path, is_write=any(role.is_write for role in route.roles))
        if wait is None:
            return None
        reply = self.wrapping.bad("throttled", "slow down")
        reply.headers["Retry-After"] = str(max(1, round(wait.total_seconds())))
        return reply

    def _understood(self, route: Route, request: Request, rule: Rule | None) -> Reply:
        role, found = self._best(route, request)
        if found.wrong:
            return self._wrong(found.wrong)
        try:
            job = self._polled(route, request)
            if job is not None:
                return self._standing(route, job)
            if role.is_write:
                return self._written(route, role, request, found, rule)
            return self._read(route, role, request, found, rule)
        except (MissingError, NoSuchError) as problem:
            return self.wrapping.bad("not_found", f"there is no such {problem}")
        except RefusedError as problem:
            return self.wrapping.bad("validation", str(problem))

    def _wrong(self, wrong: list[tuple[str, str]]) -> Reply:
        words = ", ".join(f"{place or 'body'} {what}" for place, what in wrong)
        return self.wrapping.bad("validation", words, fields=[place for place, _ in wrong if place])

    def _best(self, route: Route, request: Request) -> tuple[Role, Understood]:
        """The role that a request fits; the one with the fewest objections when none does."""
        read = [(role, self._reader.understand(role, route, request)) for role in route.roles]
        return min(read, key=lambda pair: len(pair[1].wrong))

    # reads

    def _read(self, route: Route, role: Role, request: Request, found: Understood, rule: Rule | None) -> Reply:
        if all(one.sort == "check" for one in route.roles):
            return self.wrapping.good({"up": True})
        if role.scope == LINK:
            return Reply(_NOT_PLAYED, {"error": "the sandbox plays no files behind a link"})
        if role.scope == POLL:
            raise MissingError("job")
        if role.scope == FILE:
            return self._file(role, found, self._shelf(rule))
        wanted = Wanted(found.values, found.in_path, found.since, found.constants)
        rows = self._lists.rows(route, wanted, self._shelf(rule))
        at = self._lists.rows_at(route)
        if self._lists.is_single(route):
            reply = self.wrapping.good(_placed(at, rows[0]))
            reply.headers["ETag"] = f'"{len(self._books.entries)}"'
            return reply
        paging = self._reader.paging_of(role)
        if paging is None:
            return self.wrapping.good(_placed(at, rows))
        body = found.whole if isinstance(found.whole, dict) else {}
        asked = pages.Asked(dict(request.pairs), body, request.headers, request.target)
        piece = pages.cut(paging, rows, asked, most=self._habits.page_rows)
        reply = self.wrapping.good(_placed(at, piece.rows), beside=piece.beside)
        reply.headers.update(piece.headers)
        return reply

    @staticmethod
    def _file(role: Role, found: Understood, shelf: Shelf) -> Reply:
        """The bytes of a document, of the first kind that is handed out: how such a file begins, and its title."""
        record = shelf.one(role.nouns[0], str(found.values.get("id")))
        if record is None:
            raise MissingError(role.nouns[0])
        kind = role.call.get("kinds", ["application/pdf"])[0]
        begins = _BEGINS.get(kind, b"")
        return Reply(200, headers={"Content-Type": kind}, raw=begins + str(record.values.get("title", "")).encode())

    def _shelf(self, rule: Rule | None) -> Shelf:
        """What reads show: what is known by now, or an older copy."""
        is_stale = rule is not None and rule.kind is FaultKind.STALE
        behind = timedelta(seconds=rule.seconds) if is_stale and rule is not None else self.behind()
        return self._books.as_of_ago(behind) if behind else self._books.shown()

    # writes

    def _written(self, route: Route, role: Role, request: Request, found: Understood, rule: Rule | None) -> Reply:
        key = _key_of(role, found)
        if key is not None and key in self._answered:
            return self._answered[key]
        reply = (
            self._taken_in(role, request, found, rule) if role.job else self._done(route, role, request, found, rule)
        )
        if key is not None and reply.status < _NO_SUCCESS:
            self._answered[key] = reply
        return reply

    def _done(self, route: Route, role: Role, request: Request, found: Understood, rule: Rule | None) -> Reply:
        doing = self._doing(role, request, found)
        if isinstance(doing, Reply):
            return doing
        self._book(role, doing, request, rule)
        return self._answer(route, role, doing)

    def _doing(self, role: Role, request: Request, found: Understood) -> Doing | Reply:
        """What a request comes to; an answer where it comes to nothing."""
        if role.call.get("update"):
            return self._edit(role, request, found)
        order = Order({**_implied(role), **found.values}, plain_body(found.body))
        return self._taker.take("undo" if role.sort == "undo" else role.action, order)

    # jobs

    def _taken_in(self, role: Role, request: Request, found: Understood, rule: Rule | None) -> Reply:
        """A ticket; what is about something that is not there is refused at once, what cannot be done by and by."""
        number = self._books.next_number()
        with self._books.numbered(number), suppress(RefusedError):
            doing = self._doing(role, request, found)
            if isinstance(doing, Reply):
                return doing
        taken = min(timedelta(seconds=self._habits.job_seconds), span_of(role.job.get("within", "20s")) / 4)
        late = timedelta(seconds=rule.seconds) if rule is not None and rule.kind is FaultKind.JOB_LATE else timedelta()
        job = Job(number, role, request, found, self._habits.now() + taken + late, rule)
        self.jobs.add(job)
        when = role.job["when"]
        status = first_success({"success": when.get("status", role.call.get("outcome", {}).get("success"))}, _ACCEPTED)
        reply = self.wrapping.good(self._outputs(role, {}, job.id), status=status)
        satisfy(reply.document, when.get("body", {}))
        reply.headers.update(when.get("headers", {}))
        return reply

    def end(self, job: Job) -> None:
        """Let a job end: it is carried out, or it comes to nothing."""
        doing: Doing | Reply | None = None
        if job.rule is None or job.rule.kind is not FaultKind.JOB_FAILED:
            with self._books.numbered(job.id), suppress(NoSuchError, RefusedError):
                doing = self._doing(job.role, job.request, job.found)
        if isinstance(doing, Doing):
            self._book(job.role, doing, job.request, job.rule)
            job.end, job.answer = "done", doing.answer
        else:
            job.end = "failed"

    def _polled(self, route: Route, request: Request) -> Job | None:
        """The job that a request asks about; None when it asks about none."""
        for role in route.roles:
            if role.scope == POLL:
                found = self._reader.understand(role, route, request)
                job = None if found.wrong else self.jobs.asked_for(found.values)
                if job is not None:
                    return job
        return None

    def _standing(self, route: Route, job: Job) -> Reply:
        """How a job stands, beside the record that it made where that is shown at the same address."""
        record = self._books.shown().one(*job.answer) if job.answer is not None else None
        content = {} if record is None else self._window.row(route.renders, record, self._books.shown())
        put(content, turned_round(str(job.role.job["state"])) or "state", job.word)
        return self.wrapping.good(self._outputs(job.role, content, job.id))

    def _outputs(self, role: Role, content: dict[str, Any], number: str) -> dict[str, Any]:
        """What later calls take from an answer: the number of what was made."""
        for path in filter(None, map(turned_round, role.call.get("outputs", {}).values())):
            put(content, path, int(number) if self._window.numbers_ids else number)
        return content

    def _book(self, role: Role, doing: Doing, request: Request, rule: Rule | None) -> None:
        lags = rule is not None and rule.kind is FaultKind.LAG
        lag = timedelta(seconds=rule.seconds) if lags and rule is not None else self.lag()
        self._books.enter(
            role.action, doing.lines, doing.moves, lag=lag, reference=doing.reference, postmark=request.postmark
        )

    def _edit(self, role: Role, request: Request, found: Understood) -> Doing | Reply:
        update = role.call["update"]
        editor = Editor(self._plan.sheet, update, self._where)
        key = str(found.values.get("rental_id" if editor.noun == "rentals" else "tenant_id"))
        record = self._books.truth.one(editor.noun, key)
        if record is None:
            raise NoSuchError(editor.noun)
        if (update.get("guard") or {}).get("by") == "if_match" and not request.headers.get("if-match"):
            return self.wrapping.bad("stale", "which version?")
        shown = self._window.row((editor.noun,), record, self._books.truth)
        edit = editor.read_edit(record, shown, found.record or {})
        if edit.is_stale:
            return self.wrapping.bad("stale", "changed meanwhile")
        if edit.wrong:
            return self._wrong(edit.wrong)
        line = changed_line(record, edit)
        what = line.rpartition("=")[2] if role.action == "set_consent" else line
        return Doing([(key, what)], (edit.move(record),), (editor.noun, key))

    def _answer(self, route: Route, role: Role, doing: Doing) -> Reply:
        """What a write is answered with: the record as it is now, and what proves the success."""
        outcome = role.call.get("outcome", {})
        is_new = route.method == "POST" and doing.reference and not route.asks
        status = first_success(outcome, 201 if is_new else 200)
        if status == _NO_CONTENT:
            return Reply(status)
        content: dict[str, Any] = {}
        record = self._books.truth.one(*doing.answer) if doing.answer is not None else None
        if record is not None:
            own = (record.noun,) if record.noun in _SHOWN_WHOLE else ()
            told = self._window.answer(role.action, record, self._books.truth)
            content = self._window.row(own, record, self._books.truth) if told is None else told
            content = self._outputs(role, content, record.id)
        reply = self.wrapping.good(content, status=status)
        satisfy(reply.document, (outcome.get("proof") or {}).get("body", {}))
        return reply


def _key_of(role: Role, found: Understood) -> tuple[str, str] | None:
    """The key that makes a repetition harmless here; None where the vendor knows none."""
    if role.idempotency["by"] not in {"header", "body_field"}:
        return None
    word = found.values.get("attempt.key") or found.values.get("reference")
    return None if word is None else (role.name, str(word))


def _placed(path: str, content: Any) -> Any:  # noqa: ANN401
    if not path:
        return content
    document: dict[str, Any] = {}
    put(document, path, content)
    return document


def _implied(role: Role) -> dict[str, Any]:
    """What an effect must be for this step to be sent, and so need not say."""
    cases = {**role.action_call.get("accepts", {}), **role.call.get("only_when", {})}
    said = {name: each.get("equals") if isinstance(each, Mapping) else each for name, each in cases.items()}
    return {name: value for name, value in said.items() if value is not None and "." not in name}
