"""What a back office tells of its calendar, and of what became of requests, where its mapping reads them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

from pmsbridge.logging import get_logger
from pmsbridge.model.documents import Event
from pmsbridge.model.requests import Request
from pmsbridge_rest.live_reads import made
from pmsbridge_rest.mapping.conditions import Holds
from pmsbridge_rest.matching import row_fits
from pmsbridge_rest.papers import Papers

__all__ = ["Calendars"]

_log = get_logger(__name__)


class Calendars(Papers):
    """Events and requests of a tenant."""

    @property
    def keeps_calendar(self) -> bool:
        """Whether the mapping reads events, of a tenant or all of them."""
        entity = self._connection.mapping.entities.get("events")
        return entity is not None and (entity.of_tenant is not None or entity.all is not None)

    def events(self, facility: str, tenant_id: str) -> Sequence[Event]:
        """Events of a tenant, and those for everybody, in the back office's order; a call for each read that is mapped.

        What is told of both is told as the read of the tenant tells it. A row that names no tenant is for everybody
        where the mapping says so (``for_everybody``), and else for nobody: it may be another tenant's.

        Raises:
            UnsupportedError: The mapping reads none.
            UnavailableError: The back office cannot be read now.
        """
        entity = self._entity("events")
        mapped = [name for name in ("of_tenant", "all") if getattr(entity, name) is not None]
        found = dict[str, Event]()
        for name in mapped or ["of_tenant"]:
            for event in self._told(entity.for_everybody, facility, name, tenant_id):
                found.setdefault(event.id, event)
        return [event for event in found.values() if event.tenant_id in {None, tenant_id}]

    def _told(self, for_everybody: Holds, facility: str, read: str, tenant_id: str) -> Iterator[Event]:
        """What one read brings, less what is nobody's."""
        listing, reader = self._asked("events", facility, (read,), tenant_id=tenant_id)
        nobodys = 0
        for row in listing.all(self._live_end()):
            event = cast("Event", made(reader, row))
            if event.tenant_id is None and not (for_everybody and row_fits(for_everybody, row)):
                nobodys += 1
            else:
                yield event
        if nobodys:
            _log.warning("events_of_nobody", facility=facility, rows=nobodys)

    @property
    def tells_requests(self) -> bool:
        """Whether the mapping reads requests of a tenant."""
        entity = self._connection.mapping.entities.get("requests")
        return entity is not None and entity.of_tenant is not None

    def requests(self, facility: str, tenant_id: str) -> Sequence[Request]:
        """What a tenant asked staff for and what became of it, newest first; one call.

        Raises:
            UnsupportedError: The mapping reads none.
            UnavailableError: The back office cannot be read now.
        """
        now = self._connection.clock.now()
        records = self._records("requests", facility, ("of_tenant",), tenant_id=tenant_id)
        found = [request for request in cast("list[Request]", records) if request.tenant_id == tenant_id]
        told = [each if each.state_read_at is not None else each.changed(state_read_at=now) for each in found]
        return sorted(told, key=lambda each: each.asked_at, reverse=True)
