"""Submitting inside the caller's own transaction: the action exists exactly when that commits."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlalchemy import Connection, event

from pmsbridge.errors import InputError

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    OwnTransaction = Connection | Session

__all__ = ["after_commit", "connection_of"]


def connection_of(own: OwnTransaction) -> Connection:
    """The connection of a caller's transaction.

    Args:
        own: An SQLAlchemy ``Connection``, or an ORM ``Session``, of an engine on the journal's database.

    Raises:
        InputError: It is neither, or no transaction of it is open.
    """
    connection = own if isinstance(own, Connection) else _of_session(own)
    if not connection.in_transaction():
        problem = "has no open transaction"
        raise InputError("connection", problem, remedy="Call it inside engine.begin() or session.begin().")
    return connection


def _of_session(own: object) -> Connection:
    ask: Callable[[], object] | None = getattr(own, "connection", None)
    found = ask() if callable(ask) else None
    if not isinstance(found, Connection):
        remedy = "Give a Connection or a Session of SQLAlchemy, not of its asyncio extension."
        raise InputError("connection", "is no transaction of SQLAlchemy", shape=type(own).__name__, remedy=remedy)
    return found


def after_commit(own: OwnTransaction, act: Callable[[bool], None]) -> None:
    """Call ``act`` when the caller's transaction commits; at once when it is said to be over, else just before.

    Args:
        own: As for ``connection_of``.
        act: Told whether the commit is over (a session says so) or about to be made (a connection says only that).
    """
    if isinstance(own, Connection):
        event.listen(own, "commit", lambda _connection: act(False), once=True)  # noqa: FBT003 - what act is told
    else:
        event.listen(own, "after_commit", lambda _session: act(True), once=True)  # noqa: FBT003
