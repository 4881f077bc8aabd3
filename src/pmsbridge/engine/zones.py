"""In which time zone a facility is, as far as it is known without asking a back office."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pmsbridge.engine.deliver import Runtime
from pmsbridge.errors import ConfigurationError
from pmsbridge.ports.streams import ZonePort

if TYPE_CHECKING:
    from pmsbridge.engine.sync import FacilityKey

__all__ = ["checked_zone", "known_zone", "zone_of"]


def known_zone(runtime: Runtime, key: FacilityKey) -> str | None:
    """The IANA zone of a facility, from the settings or from its last copy; None when neither has it."""
    adapter = runtime.adapters[key.account]
    if isinstance(adapter, ZonePort):
        return adapter.zone_of(key.facility)
    copied = runtime.mirror.facility(key.account, key.facility)
    return copied.zone if copied is not None else None


def zone_of(runtime: Runtime, key: FacilityKey) -> ZoneInfo:
    """The zone of a facility; the back office is asked when it is not known.

    Raises:
        ConfigurationError: There is no such zone, or the back office refuses our log-on.
        UnavailableError: The back office had to be asked, and cannot be read now.
    """
    known = known_zone(runtime, key)
    return checked_zone(known if known is not None else runtime.adapters[key.account].facility(key.facility).zone)


def checked_zone(name: str) -> ZoneInfo:
    """A zone by its name.

    Raises:
        ConfigurationError: There is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        message = f"there is no time zone {name!r}"
    raise ConfigurationError(message, code="facility_zone")
