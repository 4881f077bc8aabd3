"""How far an action is, in a row of PostgreSQL: what an engine without steps needs to repeat none of them.

The intent is committed before the call, the result after it; one commit says that a step is done and that the next one
begins.
"""

from __future__ import annotations

from typing import Any, Final

from benchmarks.engines.job import STEPS

TABLE: Final = "CREATE TABLE checkpoints (action integer PRIMARY KEY, begun integer NOT NULL, done integer NOT NULL)"
BEGIN: Final = """INSERT INTO checkpoints (action, begun, done) VALUES (%s, 0, -1)
    ON CONFLICT (action) DO UPDATE SET action = excluded.action RETURNING begun, done, xmax <> 0"""
DONE: Final = "UPDATE checkpoints SET done = %s, begun = %s WHERE action = %s"


def first_step(row: Any) -> int:  # noqa: ANN401 - a row of any driver
    """Where to go on.

    Raises:
        RuntimeError: A step had begun and nobody knows how it ended: it must be looked for, not repeated.
    """
    begun, done, is_known = row
    if is_known and done < begun < len(STEPS):
        message = "a step of this action may have happened"
        raise RuntimeError(message)
    return int(begun)


def finished(connection: Any) -> int:  # noqa: ANN401 - a connection of the driver
    """How many actions have all their steps recorded."""
    row = connection.execute("SELECT count(*) FROM checkpoints WHERE done = 3").fetchone()
    return int(row[0])
