"""Files that people hand in: beside the journal, in pieces, in the transaction that stores what they belong to.

A file is kept under the key of the one effect that carries it, and nowhere else: whoever is forgotten takes theirs
along and nobody else's, and two people who hand in the same file have two.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Connection, bindparam, delete, distinct, func, insert, select
from sqlalchemy.exc import SQLAlchemyError

from pmsbridge.actions.effects import AttachDocument
from pmsbridge.actions.plan import Submission
from pmsbridge.errors import InputError
from pmsbridge.ports.files import PIECE_BYTES, HandedFile
from pmsbridge.store.database import Database
from pmsbridge.store.holds import is_held
from pmsbridge.store.prepared import Query
from pmsbridge.store.standing import EffectState
from pmsbridge.store.tables import effects, file_pieces

__all__ = ["FileRoom", "all_or_nothing", "file_pieces_of", "forget", "holds", "put", "refuse_other_files"]

Files = Mapping[str, HandedFile]
"""By the name of the step that carries it."""

_FILES_AT_ONCE: Final = 100
_PIECES_AT_ONCE: Final = 500
"""What one transaction takes away at most: some 30 MB."""


def refuse_other_files(submission: Submission, files: Files) -> None:
    """Refuse, before anything is stored, files that are not those that the steps name.

    Raises:
        InputError: A step's file is missing, is another one, or there is no step for one.
    """
    wanted = {step.name: step.effect for step in submission.plan.steps if isinstance(step.effect, AttachDocument)}
    for name in sorted(files.keys() ^ wanted.keys()):
        problem = "is missing" if name in wanted else "is for no step that carries one"
        raise InputError("files", f"{name} {problem}", remedy="Give each step that attaches a document its file.")
    for name, effect in wanted.items():
        given = files[name]
        if (given.size, given.sha256) != (effect.size, effect.sha256):
            problem = f"{name} is not the file that the step names"
            raise InputError("files", problem, shape=f"{given.size:,} bytes")


def put(connection: Connection, submission: Submission, files: Files) -> None:
    """Store the files of a new action, a piece at a time.

    Raises:
        UnavailableError: A file cannot be read now, or is not what it says.
    """
    for step in submission.plan.steps:
        if step.name in files:
            for number, piece in enumerate(_whole_pieces(files[step.name].pieces())):
                row = {"effect_key": step.key, "number": number, "content": piece}
                connection.execute(insert(file_pieces), [row])


def _whole_pieces(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Pieces of one size, the last one aside: who hands in crumbs makes no more rows than others."""
    held = bytearray()
    for piece in pieces:
        held += piece
        while len(held) >= PIECE_BYTES:
            yield bytes(held[:PIECE_BYTES])
            del held[:PIECE_BYTES]
    if held:
        yield bytes(held)


@contextmanager
def all_or_nothing(connection: Connection) -> Iterator[None]:
    """Within a transaction that has begun: what fails inside leaves nothing to somebody else's commit."""
    connection.exec_driver_sql("SAVEPOINT pmsbridge_file")
    try:
        yield
    except BaseException:
        with suppress(SQLAlchemyError):  # where the whole transaction is gone already, so is this
            connection.exec_driver_sql("ROLLBACK TO SAVEPOINT pmsbridge_file")
        raise
    connection.exec_driver_sql("RELEASE SAVEPOINT pmsbridge_file")


_PIECE: Final = Query(
    select(file_pieces.c.content).where(
        file_pieces.c.effect_key == bindparam("key"), file_pieces.c.number == bindparam("number")
    )
)


def holds(connection: Connection, effect_key: str, size: int) -> bool:
    """Whether the file of an effect, of so many bytes, is kept. Its last piece tells: that one is taken away first."""
    last = max(0, size - 1) // PIECE_BYTES
    found = select(file_pieces.c.number).where(file_pieces.c.effect_key == effect_key, file_pieces.c.number == last)
    return connection.execute(found).first() is not None


def file_pieces_of(database: Database, effect_key: str) -> Iterator[bytes]:
    """The bytes of an effect's file, in order; no transaction is open while a piece is worked on.

    Raises:
        UnavailableError: The database cannot be used now.
    """
    number = 0
    while True:
        with database.read() as connection:
            found = _PIECE.first(connection, {"key": effect_key, "number": number})
        if found is None:
            return
        yield found[0]
        number += 1


def forget(connection: Connection, action_ids: Collection[str], *, dry_run: bool) -> int:
    """Take away the files of some actions, or count them; how many there were."""
    keys = select(effects.c.key).where(effects.c.action_id.in_(action_ids))
    mine = file_pieces.c.effect_key.in_(keys)
    count = select(func.count(distinct(file_pieces.c.effect_key))).where(mine)
    found: int = connection.execute(count).scalar_one()
    if found and not dry_run:
        connection.execute(delete(file_pieces).where(mine))
    return found


class FileRoom:
    """Takes files away that nobody needs any more."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def make(self, before: datetime) -> int:
        """Take away the files of effects that were over before an instant; how many.

        What waits for a person stays, and so does what is of somebody under a legal hold.

        A few hundred pieces in a transaction, of a file the last ones first: what is left of it is no whole one.

        Raises:
            UnavailableError: The database cannot be used now; the rest goes next time.
        """
        total = 0
        with self._database.read() as connection:
            may_go = (*_is_over(before), ~is_held(connection, effects))
        still = select(effects.c.key).where(effects.c.key == bindparam("key"), *may_go)
        part = delete(file_pieces).where(
            file_pieces.c.effect_key.in_(still), file_pieces.c.number >= bindparam("from_number")
        )
        while found := self._over(may_go):
            for portion in _portions(found):
                with self._database.write() as connection:
                    connection.execute(part, portion)
            total += len(found)
            if len(found) < _FILES_AT_ONCE:
                break
        return total

    def _over(self, may_go: Sequence[ColumnElement[bool]]) -> list[tuple[str, int]]:
        """Each with how many pieces there are. Asked without a lock: on most nights there is nothing to do."""
        found = (
            select(file_pieces.c.effect_key, func.max(file_pieces.c.number) + 1)
            .join(effects, effects.c.key == file_pieces.c.effect_key)
            .where(*may_go)
            .group_by(file_pieces.c.effect_key)
            .limit(_FILES_AT_ONCE)
        )
        with self._database.read() as connection:
            return [(key, pieces) for key, pieces in connection.execute(found)]


def _portions(found: Sequence[tuple[str, int]]) -> Iterator[list[dict[str, object]]]:
    """What one transaction after the other takes away: of which file, and from which piece on."""
    portion: list[dict[str, object]] = []
    room = _PIECES_AT_ONCE
    for key, pieces in found:
        left = pieces
        while left:
            taken = min(left, room)
            left -= taken
            room -= taken
            portion.append({"key": key, "from_number": left})
            if not room:
                yield portion
                portion, room = [], _PIECES_AT_ONCE
    if portion:
        yield portion


def _is_over(before: datetime) -> tuple[ColumnElement[bool], ...]:
    return effects.c.state == EffectState.DONE.value, effects.c.finished_at < before
