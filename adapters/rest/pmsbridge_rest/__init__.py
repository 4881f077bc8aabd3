"""The adapter of REST back offices: a reviewed mapping file says what one is asked and what its answers mean.

Importing this loads nothing of the library until somebody asks for ``plugin``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pmsbridge.ports.adapter import Adapter, AdapterPlugin, Secrets
    from pmsbridge.ports.calls import CallGate

    plugin: AdapterPlugin
    """What the entry point points at."""

__all__ = ["plugin"]

_NEEDED = ("jmespath", "yaml")


def _create(account: str, options: Mapping[str, Any], *, secrets: Secrets, gate: CallGate | None = None) -> Adapter:
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        from pmsbridge.errors import ConfigurationError  # noqa: PLC0415 - importing this package must stay cheap

        message = f"the REST adapter needs {' and '.join(missing)}: pip install 'pmsbridge[rest]'"
        raise ConfigurationError(message, code="missing_extra")
    from pmsbridge_rest.adapter import create  # noqa: PLC0415 - loads what only this adapter needs

    return create(account, options, secrets=secrets, gate=gate)


@cache
def _plugin() -> AdapterPlugin:
    from pmsbridge.ports.adapter import AdapterPlugin  # noqa: PLC0415 - importing this package must stay cheap

    return AdapterPlugin(system="rest", extra="rest", create=_create)


def __getattr__(name: str) -> AdapterPlugin:
    """Make the plugin when somebody asks for it."""
    if name == "plugin":
        return _plugin()
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
