"""Asking and telling one Tryton server.

::

    with connect("main", settings, secrets=secrets, clock=SystemClock()) as client:
        for page in client.pages("party.party", [], ["name", "last_modified_at"]):
            ...
        due = client.stamps("account.move.line", [5])
        client.create("account.payment", [{...}], stamps=due)     # StaleError when somebody was quicker

Model, field and method names are the vendor's; nothing here knows any of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

from pmsbridge.errors import RejectedError, UnavailableError
from pmsbridge.transport.ahead import Ahead
from pmsbridge.transport.http import Deadline
from pmsbridge.transport.limits import Priority
from pmsbridge_tryton.calls import STAMP, Calls, Pacing
from pmsbridge_tryton.exchange import unusable
from pmsbridge_tryton.session import Credentials
from pmsbridge_tryton.wire import Row
from pmsbridge_tryton.wizard import Step, Wizard

__all__ = ["Credentials", "Pacing", "Report", "Step", "TrytonClient", "Wizard"]

_STAMPED_AT_ONCE: Final = 500
_FEWEST_ROWS: Final = {"http_413": 1, "read_timeout": 100}
"""By what was answered, down to how many rows a page is halved: the server refuses so many, or takes too long."""


class Report(NamedTuple):
    """A document that the server made.

    Attributes:
        extension: What kind ("odt", "pdf").
        content: Its bytes.
        name: As the server calls it, without the extension.
    """

    extension: str
    content: bytes
    name: str


class TrytonClient(Calls):
    """What a server is asked and told, by kind of call; see ``Calls`` for what every method may raise."""

    # -- reads --------------------------------------------------------------------------------------------------------

    def search_read(
        self,
        model: str,
        domain: Sequence[object],
        fields: Sequence[str],
        *,
        order: Sequence[tuple[str, str]] | None = None,
        limit: int | None = None,
        context: Mapping[str, object] | None = None,
        deadline: Deadline | None = None,
        priority: Priority = Priority.INTERACTIVE,
    ) -> list[Row]:
        """Records that fit, in one answer.

        Args:
            model: Which ("party.party").
            domain: Clauses ``[field, operator, value]``, all of which must fit; a leading "OR" for any.
            fields: Which fields; ``"lines.quantity"`` for those of related records, found under ``"lines."``.
            order: Fields with "ASC" or "DESC"; None for the model's own.
            limit: Most records; None for all.
            context: Besides company and language.
            deadline: When asking must be over.
            priority: Who goes first when the lane is busy.
        """
        method = f"model.{model}.search_read"
        answer = self.ask(
            method, domain, 0, limit, order, list(fields), context=context, deadline=deadline, priority=priority
        )
        return self._rows(method, answer)

    def pages(
        self,
        model: str,
        domain: Sequence[object],
        fields: Sequence[str],
        *,
        after: int = 0,
        page_rows: int | None = None,
        context: Mapping[str, object] | None = None,
        priority: Priority = Priority.BATCH,
        ahead: bool = False,
    ) -> Iterator[list[Row]]:
        """All records that fit, by rising id, a page at a time; no page is empty.

        Pages begin after the last id seen, so a record that is added or removed meanwhile shifts none of the others.

        Args:
            model: Which.
            domain: As for ``search_read``.
            fields: As for ``search_read``.
            after: Begin after this id.
            page_rows: Rows of a page; None for the setting. Halved where the server refuses so many, or takes too long
                to build them.
            context: Besides company and language.
            priority: Who goes first when the lane is busy.
            ahead: Ask for the next page while the last one is worked on.
        """

        def asked(after: int, rows: int) -> list[Row]:
            rest = [*([list(domain)] if domain else []), ["id", ">", after]]
            return self.search_read(
                model, rest, fields, order=[("id", "ASC")], limit=rows, context=context, priority=priority,
                deadline=self.deadline(self._pacing.batch),
            )  # fmt: skip

        rows = page_rows or self._pacing.page_rows
        following: Ahead[list[Row]] | None = None
        while True:
            try:
                page = asked(after, rows) if following is None else following.take()
            except (RejectedError, UnavailableError) as problem:
                if rows <= _FEWEST_ROWS.get(problem.code, rows):
                    raise
                rows, following = rows // 2, None
                continue
            after, is_last = max((row["id"] for row in page), default=after), len(page) < rows
            following = Ahead(partial(asked, after, rows)) if ahead and not is_last else None
            if page:
                yield page
            if is_last:
                return

    def stamps(self, model: str, ids: Sequence[int], *, deadline: Deadline | None = None) -> dict[str, str]:
        """What to hand to a write so that it happens only if these records have not changed since now.

        A record that is not there has no stamp. Only records named here are watched: the parent of a changed record is
        not.

        Returns:
            Opaque texts by ``"model,id"``; those of several calls may be put together.
        """
        found: dict[str, str] = {}
        for start in range(0, len(ids), _STAMPED_AT_ONCE):
            some = list(ids[start : start + _STAMPED_AT_ONCE])
            rows = self.search_read(
                model, [["id", "in", some]], [STAMP], context={"active_test": False}, deadline=deadline
            )
            found |= self.stamps_in(model, rows)
        return found

    def stamps_in(self, model: str, rows: Sequence[Row]) -> dict[str, str]:
        """As ``stamps``, of records that were read with ``STAMP`` among their fields: what was read is guarded."""
        return {f"{model},{row['id']}": self._stamp(model, row) for row in rows}

    def report(
        self,
        name: str,
        model: str,
        ids: Sequence[int],
        *,
        deadline: Deadline | None = None,
        action_id: int | None = None,
    ) -> Report:
        """Have a document made of records.

        Args:
            name: The report's name ("account.invoice").
            model: Of the records.
            ids: Which; at least one.
            deadline: When it must be here.
            action_id: Which of several reports of that name; None for the first.
        """
        method = f"report.{name}.execute"
        data = {"id": ids[0], "ids": list(ids), "model": model, "action_id": action_id}
        answer = self.ask(method, list(ids), data, deadline=deadline)
        if isinstance(answer, list) and len(answer) >= 4:  # noqa: PLR2004 - kind, content, whether to print, name
            extension, content, _, title = answer[:4]
            if isinstance(extension, str) and isinstance(content, (bytes, str)) and isinstance(title, str):
                return Report(extension, content if isinstance(content, bytes) else content.encode(), title)
        raise unusable(method, is_write=False)

    # -- writes -------------------------------------------------------------------------------------------------------

    def create(
        self,
        model: str,
        records: Sequence[Mapping[str, object]],
        *,
        stamps: Mapping[str, str] | None = None,
        context: Mapping[str, object] | None = None,
        deadline: Deadline | None = None,
    ) -> list[int]:
        """Make records, all or none; their ids, in order."""
        method = f"model.{model}.create"
        answer = self.send(method, list(records), stamps=stamps, context=context, deadline=deadline)
        if isinstance(answer, list) and len(answer) == len(records) and all(isinstance(one, int) for one in answer):
            return answer
        raise unusable(method, is_write=True)

    def update(
        self,
        model: str,
        ids: Sequence[int],
        values: Mapping[str, object],
        *,
        stamps: Mapping[str, str] | None = None,
        context: Mapping[str, object] | None = None,
        deadline: Deadline | None = None,
    ) -> None:
        """Write the same values into records, all or none."""
        self.send(f"model.{model}.write", list(ids), values, stamps=stamps, context=context, deadline=deadline)

    def delete(
        self,
        model: str,
        ids: Sequence[int],
        *,
        stamps: Mapping[str, str] | None = None,
        deadline: Deadline | None = None,
    ) -> None:
        """Delete records, all or none."""
        self.send(f"model.{model}.delete", list(ids), stamps=stamps, deadline=deadline)

    def press(
        self,
        model: str,
        button: str,
        ids: Sequence[int],
        *,
        stamps: Mapping[str, str] | None = None,
        context: Mapping[str, object] | None = None,
        deadline: Deadline | None = None,
    ) -> Any:  # noqa: ANN401 - whatever the button answers
        """Press a button of records: a step of their work flow ("submit")."""
        return self.send(f"model.{model}.{button}", list(ids), stamps=stamps, context=context, deadline=deadline)

    def wizard(
        self,
        name: str,
        *,
        model: str = "",
        ids: Sequence[int] = (),
        context: Mapping[str, object] | None = None,
        deadline: Deadline | None = None,
    ) -> Wizard:
        """One run of a wizard, to be used in a ``with`` statement.

        Args:
            name: Which ("sale.rental.pickup").
            model: Of the records it is started from; empty when it needs none.
            ids: Which records.
            context: Besides company, language and the records.
            deadline: End of the whole run, the tidying up excepted; None for one of each call.
        """
        about = {"active_model": model, "active_id": ids[0] if ids else None, "active_ids": list(ids)} if model else {}
        return Wizard(self, name, context={**about, **(context or {})}, deadline=deadline)

    def _rows(self, method: str, answer: object) -> list[Row]:
        if not isinstance(answer, list) or len(answer) > self._http.limits.rows:
            raise unusable(method, is_write=False)
        if not all(isinstance(row, dict) and isinstance(row.get("id"), int) for row in answer):
            raise unusable(method, is_write=False)
        return answer

    def _stamp(self, model: str, row: Row) -> str:
        stamp = row.get(STAMP)
        # The server compares with nothing when it is handed nothing.
        if not isinstance(stamp, str) or not stamp:
            raise unusable(model, is_write=False)
        return stamp
