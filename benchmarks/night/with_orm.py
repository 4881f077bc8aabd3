"""The same copy as a developer writes it with zeep and SQLAlchemy's ORM. Runs in the peers' environment.

``merge``: ``Session.merge`` for every row, as tutorials teach an upsert with the ORM. ``upsert``: the ORM's bulk insert
with ``ON CONFLICT DO UPDATE``, a thousand rows at a time. Both commit at the end.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from sqlalchemy import Boolean, DateTime, Engine, Integer, Numeric, String, create_engine, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import DeclarativeBase, Session, mapped_column
from sqlalchemy.types import TypeEngine

from benchmarks.night import peer
from benchmarks.night.rows import COLUMNS
from benchmarks.night.soap import soap_rows


def _type(name: str) -> TypeEngine[Any] | type[TypeEngine[Any]]:
    if name.endswith("ID") or name[0] == "i":
        return Integer
    if name.startswith("dc"):
        return Numeric(20, 10, asdecimal=True)
    if name.startswith("d"):
        return DateTime(timezone=True)
    return Boolean if name.startswith("b") else String


class Base(DeclarativeBase):
    """The developer's own."""


_columns: dict[str, Any] = {name: mapped_column(_type(name), primary_key=name == "TenantID") for name in COLUMNS}
Tenant: Any = type("Tenant", (Base,), {"__tablename__": "tenants", **_columns})


class WithOrm(peer.Peer):
    """zeep reads, the ORM writes."""

    def _engine(self) -> Engine:
        return create_engine(self.url)

    def prepare(self) -> None:
        """Its table."""
        Base.metadata.create_all(self._engine())

    def load(self) -> int:
        """Read everything, then write everything, in one transaction."""
        rows = list(soap_rows(self.office))
        with Session(self._engine()) as session:
            if self.way == "merge":
                for row in rows:
                    session.merge(Tenant(**row))
            else:
                self._upsert(session, rows)
            session.commit()
        return len(rows)

    def _upsert(self, session: Session, rows: list[dict[str, Any]]) -> None:
        insert = sqlite.insert if self.url.startswith("sqlite") else postgresql.insert
        statement = insert(Tenant)
        fresh = {name: statement.excluded[name] for name in COLUMNS if name != "TenantID"}
        statement = statement.on_conflict_do_update(index_elements=["TenantID"], set_=fresh)
        for start in range(0, len(rows), peer.BATCH_ROWS):
            session.execute(statement, rows[start : start + peer.BATCH_ROWS])

    def held(self) -> Iterator[Mapping[str, Any]]:
        """Its table."""
        with self._engine().connect() as connection:
            for row in connection.execute(select(Tenant.__table__)).mappings():
                yield dict(row)


if __name__ == "__main__":
    peer.main(WithOrm)
