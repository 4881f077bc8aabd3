"""What tests of webhooks stand on: feeds filled by hand, endpoints, a clock that is turned."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert, update

from pmsbridge.settings import WebhookSettings
from pmsbridge.store import changes
from pmsbridge.store.changes import ChangeKind
from pmsbridge.store.database import Database
from pmsbridge.store.mirror_writes import Scope, place_of
from pmsbridge.store.tables import MIRROR, actions, webhooks
from pmsbridge.store.webhooks import EndpointState, Webhooks
from pmsbridge.testing.memory import TestClock
from pmsbridge.webhooks import Sender
from pmsbridge.webhooks.delivery import Delivery
from pmsbridge.webhooks.endpoint import Endpoint

__all__ = ["NEW", "OLD", "SECRETS", "Known", "Stage", "settings"]

NEW = "whsec_" + "QUFB" * 8
OLD = "whsec_" + "QkJC" * 8
SECRETS = {"env:NEW": NEW, "env:OLD": OLD}


class Known:
    """Secrets by reference."""

    def __init__(self, known: Mapping[str, str] = SECRETS) -> None:
        self.known = dict(known)

    def get(self, reference: str) -> str:
        return self.known[reference]


def settings(url: str, name: str = "crm", **more: Any) -> WebhookSettings:
    given: dict[str, Any] = {"secret": "env:NEW", "allow_private": True, "timeout": "60s", "retries": ["10s", "1m"]}
    return WebhookSettings(name=name, url=url, **{**given, **more})


class Stage:
    """Attributes:
    clock: Turned by hand; leases and waits go by it.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = TestClock()
        self.store = Webhooks(database, self.clock)
        self._open: list[Endpoint] = []

    def close(self) -> None:
        for endpoint in self._open:
            endpoint.close()

    def endpoint(self, url: str, name: str = "crm", **more: Any) -> Endpoint:
        self._open.append(Endpoint(settings(url, name, **more), Known(), clock=self.clock.now))
        return self._open[-1]

    def delivery(self, url: str, name: str = "crm", **more: Any) -> Delivery:
        """An endpoint that is registered."""
        delivery = Delivery(self.database, self.endpoint(url, name, **more), self.clock, chance=lambda: 0.0)
        self.store.register([name])
        return delivery

    def sender(self, *endpoints: Endpoint) -> Sender:
        return Sender(self.database, endpoints, clock=self.clock, look_every=timedelta(milliseconds=50))

    def state(self, name: str = "crm") -> EndpointState:
        return next(state for state in self.store.states() if state.name == name)

    def lease_ends(self, name: str = "crm") -> None:
        """The lease of whoever is dead is over, without waiting for it."""
        with self.database.write() as connection:
            over = datetime.now(UTC) - timedelta(seconds=1)
            connection.execute(update(webhooks).where(webhooks.c.name == name).values(lease_until=over))

    def change(
        self,
        record: str = "T1",
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
        *,
        kind: ChangeKind = ChangeKind.CHANGED,
        entity: str = "tenant",
        facility: str = "L001",
        account: str = "main",
    ) -> None:
        """One change of the mirror."""
        self.changes(
            [(record, before or {"city": "Ghent"}, after or {"city": "Bruges"})], kind, entity, facility, account
        )

    def changes(
        self,
        rows: Sequence[tuple[str, Mapping[str, Any], Mapping[str, Any]]],
        kind: ChangeKind = ChangeKind.CHANGED,
        entity: str = "tenant",
        facility: str = "L001",
        account: str = "main",
    ) -> None:
        now = self.clock.now()
        with self.database.write() as connection:
            place = place_of(connection, Scope(account, facility, entity))
            told = []
            for record, before, after in rows:
                key = self._key(connection, place, entity, record)
                told.append(
                    (key, kind.value, json.dumps(before) if before else None, json.dumps(after) if after else None)
                )
            changes.append(connection, place, told, now, "run-1")

    def _key(self, connection: Any, place: int, entity: str, record: str) -> int:
        from sqlalchemy import select

        ids = MIRROR.ids
        same = (ids.c.place == place, ids.c.entity == entity, ids.c.id == record)
        found = connection.execute(select(ids.c.key).where(*same)).scalar_one_or_none()
        if found is None:
            row = {
                "place": place, "entity": entity, "id": record, "uid": f"{place:04}{entity[:8]:_>8}{record:_>20}"[:32],
                "row_hash": b"x", "first_seen": self.clock.now(),
            }  # fmt: skip
            found = connection.execute(insert(ids).values(**row).returning(ids.c.key)).scalar_one()
        return int(found)

    def action(self, action_id: str, facility: str = "L001") -> None:
        """A pending action."""
        now = self.clock.now()
        row = {
            "id": action_id, "key": action_id, "kind": "pay_rental", "account": "main", "facility": facility,
            "tenant_id": "1001", "intent": "{}", "actor": "tenant", "outcome": "pending", "submitted_at": now,
            "changed_at": now,
        }  # fmt: skip
        with self.database.write() as connection:
            connection.execute(insert(actions).values(**row))

    def outcome(self, action_id: str, outcome: str) -> None:
        with self.database.write() as connection:
            moved = update(actions).where(actions.c.id == action_id)
            connection.execute(moved.values(outcome=outcome, changed_at=self.clock.now()))
