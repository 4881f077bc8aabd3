"""A back office made of a mapping, for tests and demonstrations: real HTTP on loopback, or in process.

It needs the standard library and a reader of YAML. It shares no code with the adapter it is there to judge: it reads
the mapping from the other side, takes requests apart strictly (an unknown address, key or parameter is refused), and
keeps books of its own, so that a test can ask what the back office holds and not what an answer said.

What the mapping alone cannot tell stands in a file beside it, ``vendor.office.yaml`` beside ``vendor.yaml``: what this
vendor's rows show beside what is read, and what it keeps of a record beside what is edited.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .control import ControlError, SandboxControl
    from .door import Request, fake_secret
    from .faults import FaultKind, Rule, RuleError
    from .mapping_file import CannotPlayError
    from .office import Handled, Office, Terms
    from .process import StartError, serve, spawn
    from .records import Entry
    from .server import SandboxServer

__all__ = [
    "CannotPlayError",
    "ControlError",
    "Entry",
    "FaultKind",
    "Handled",
    "Office",
    "Request",
    "Rule",
    "RuleError",
    "SandboxControl",
    "SandboxServer",
    "StartError",
    "Terms",
    "fake_secret",
    "serve",
    "spawn",
]

_HOMES: Final = {
    "CannotPlayError": "mapping_file",
    "ControlError": "control",
    "Entry": "records",
    "FaultKind": "faults",
    "Handled": "office",
    "Office": "office",
    "Request": "door",
    "Rule": "faults",
    "RuleError": "faults",
    "SandboxControl": "control",
    "SandboxServer": "server",
    "StartError": "process",
    "Terms": "office",
    "fake_secret": "door",
    "serve": "process",
    "spawn": "process",
}


def __getattr__(name: str) -> object:
    """Load a part when somebody asks for it: every run of pytest loads this package for its fixtures."""
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
