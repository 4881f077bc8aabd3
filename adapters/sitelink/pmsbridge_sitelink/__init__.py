"""The SiteLink adapter. Importing this loads neither a SOAP library nor an XML one."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from pmsbridge.errors import ConfigurationError
from pmsbridge.ports.adapter import AdapterPlugin

if TYPE_CHECKING:
    from pmsbridge.ports.adapter import Adapter, Secrets
    from pmsbridge.ports.calls import CallCounter

__all__ = ["plugin"]

_NEEDED = ("zeep", "lxml")


def _create(
    account: str, options: Mapping[str, Any], *, secrets: Secrets, counter: CallCounter | None = None
) -> Adapter:
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        message = f"the SiteLink adapter needs {' and '.join(missing)}: pip install 'pmsbridge[sitelink]'"
        raise ConfigurationError(message, code="missing_extra")
    from pmsbridge_sitelink.adapter import create  # noqa: PLC0415 - loads what only this adapter needs

    return create(account, options, secrets=secrets, counter=counter)


plugin = AdapterPlugin(system="sitelink", extra="sitelink", create=_create)
"""What the entry point points at."""
