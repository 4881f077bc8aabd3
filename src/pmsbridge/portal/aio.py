"""The same bridge for asynchronous portals: every blocking call runs in a worker thread.

Type checkers read ``aio.pyi`` beside this file. It is generated from the synchronous classes: the twins cannot drift.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import wraps
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from pmsbridge.accounts.matching import IdentityMatcher
from pmsbridge.portal.bridge import Bridge
from pmsbridge.portal.entrance import Entrance
from pmsbridge.portal.session import TenantSession
from pmsbridge.portal.staff import StaffDesk

__all__ = ["AsyncBridge", "AsyncEntrance", "AsyncStaffDesk", "AsyncTenantSession"]


class _Twin:
    """An object whose methods are awaited and run in threads; what they return is wrapped where it has a twin.

    A call whose task is cancelled runs on to its end in its thread: an action that was journalled stays journalled.
    """

    __slots__ = ("_sync",)

    def __init__(self, sync: Bridge | Entrance | StaffDesk | TenantSession) -> None:
        self._sync = sync

    def __repr__(self) -> str:
        return f"<async {self._sync!r}>"

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - aio.pyi has the types
        if name.startswith("_"):
            raise AttributeError(name)
        found = getattr(self._sync, name)
        if type(found) in _TWINS:
            return _wrapped(found)
        return _awaitable(found) if callable(found) else found


class AsyncTenantSession(_Twin):
    """``TenantSession``, awaited."""

    __slots__ = ()


class AsyncStaffDesk(_Twin):
    """``StaffDesk``, awaited."""

    __slots__ = ()


class AsyncEntrance(_Twin):
    """``Entrance``, awaited."""

    __slots__ = ()


class AsyncBridge(_Twin):
    """``Bridge``, awaited: ``session = await bridge.tenant(...)``, ``await session.dashboard()``.

    Every method of ``Bridge`` and ``TenantSession`` exists here under the same name. The work runs in threads of the
    event loop's default executor; nothing blocks the loop.
    """

    __slots__ = ()

    @classmethod
    def from_config(
        cls,
        path: Path | str | None = None,
        *,
        wait: timedelta | None = None,
        identity: Mapping[str, IdentityMatcher] | None = None,
    ) -> Self:
        """Build everything a settings file names, like ``Bridge.from_config``. Not awaited: it touches no network."""
        return cls(Bridge.from_config(path, wait=wait, identity=identity))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self._sync.close)


_TWINS: Final[dict[type, type[_Twin]]] = {
    Entrance: AsyncEntrance, StaffDesk: AsyncStaffDesk, TenantSession: AsyncTenantSession,
}  # fmt: skip


def _awaitable(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    async def call(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - aio.pyi has the types
        return _wrapped(await asyncio.shield(asyncio.to_thread(method, *args, **kwargs)))

    return call


def _wrapped(answer: Any) -> Any:  # noqa: ANN401 - aio.pyi has the types
    if type(answer) in _TWINS:
        return _TWINS[type(answer)](answer)
    if type(answer) is tuple and any(type(part) in _TWINS for part in answer):
        return tuple(_wrapped(part) for part in answer)
    return answer
