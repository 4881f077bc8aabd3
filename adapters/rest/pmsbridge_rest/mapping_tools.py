"""What the entry point of the mapping tools points at; says what to install where something is missing."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from pmsbridge.errors import ConfigurationError

if TYPE_CHECKING:
    from pmsbridge_rest.tools import MappingTools

    plugin: MappingTools
    """Looks at mapping files; sends nothing."""

__all__ = ["plugin"]

_NEEDED: Final = ("jmespath", "yaml")


def __getattr__(name: str) -> MappingTools:
    """Load the tools when somebody asks for them.

    Raises:
        ConfigurationError: A library is missing; the message names what to install.
    """
    if name != "plugin":
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    missing = [needed for needed in _NEEDED if find_spec(needed) is None]
    if missing:
        message = f"the mapping tools need {' and '.join(missing)}: pip install 'pmsbridge[rest]'"
        raise ConfigurationError(message, code="missing_extra")
    from pmsbridge_rest.tools import MappingTools  # noqa: PLC0415 - loads what only the tools need

    return MappingTools()
