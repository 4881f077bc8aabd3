"""The vendor's wizards: sequences of states that live on the server between the calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from pmsbridge.errors import PmsBridgeError
from pmsbridge.transport.http import Deadline
from pmsbridge_tryton.calls import Calls
from pmsbridge_tryton.exchange import unusable
from pmsbridge_tryton.wire import Row

__all__ = ["Step", "Wizard"]


@dataclass(frozen=True, slots=True)
class Step:
    """Where a wizard stands.

    Attributes:
        state: The view it shows now; empty when it is done.
        values: That view's values, ready to be changed and sent back.
        actions: What the wizard wants a client to open next, as it came.
    """

    state: str
    values: Row
    actions: Sequence[Any] = ()

    @property
    def is_done(self) -> bool:
        """Whether it asks for nothing more."""
        return not self.state


class Wizard:
    """One run of a wizard, as a context manager: begun on entering, removed from the server on leaving.

    Removing is tried once, and its failure is no failure of the run: what stays behind has no effect.

    Attributes:
        name: The vendor's name of it.
    """

    def __init__(self, client: Calls, name: str, *, context: Mapping[str, object], deadline: Deadline | None) -> None:
        self.name = name
        self._client = client
        self._context = context
        self._deadline = deadline
        self._session = 0
        self._start = ""

    def __enter__(self) -> Self:
        # A begun run is a row that nothing looks at: when the answer is lost, nothing has happened.
        answer = self._client.ask(self._method("create"), context=self._context, deadline=self._deadline, attempts=1)
        if not (isinstance(answer, list) and len(answer) >= 2 and isinstance(answer[0], int)):  # noqa: PLR2004
            raise unusable(self._method("create"), is_write=False)
        self._session, self._start = answer[0], str(answer[1])
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with suppress(PmsBridgeError):
            self._client.ask(self._method("delete"), self._session, context=self._context, attempts=1)

    def step(
        self,
        state: str = "",
        values: Mapping[str, Mapping[str, object]] | None = None,
        *,
        stamps: Mapping[str, str] | None = None,
    ) -> Step:
        """Go to a state, once; a write.

        Args:
            state: Where to; empty for the beginning.
            values: What was filled in, by view.
            stamps: Of records that must not have changed; see ``TrytonClient.stamps``.

        Raises:
            RejectedError: The back office said no; nothing changed in this step.
            OutcomeUnknownError: The step may have been made.
        """
        method = self._method("execute")
        answer = self._client.send(
            method, self._session, dict(values or {}), state or self._start, context=self._context, stamps=stamps,
            deadline=self._deadline,
        )  # fmt: skip
        if not isinstance(answer, dict):
            raise unusable(method, is_write=True)
        view = answer.get("view") or {}
        return Step(str(view.get("state") or ""), _values(view), tuple(answer.get("actions") or ()))

    def _method(self, verb: str) -> str:
        return f"wizard.{self.name}.{verb}"


def _values(view: Mapping[str, Any]) -> Row:
    """Defaults and values of a view, without the names and titles that came along for the eye."""
    return {**_plain(view.get("defaults") or {}), **_plain(view.get("values") or {})}


def _plain(found: object) -> Any:  # noqa: ANN401 - any value of the wire
    if isinstance(found, Mapping):
        return {name: _plain(value) for name, value in found.items() if not str(name).endswith(".")}
    if isinstance(found, list):
        return [_plain(value) for value in found]
    return found
