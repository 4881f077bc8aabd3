"""A back office made of a mapping, for tests and demonstrations: real HTTP on loopback, or in process.

It needs the standard library and a reader of YAML. It shares no code with the adapter it is there to judge: it reads
the mapping from the other side, takes requests apart strictly (an unknown address, key or parameter is refused), and
keeps books of its own, so that a test can ask what the back office holds and not what an answer said.

What the mapping alone cannot tell stands in a file beside it, ``vendor.office.yaml`` beside ``vendor.yaml``: what this
vendor's rows show beside what is read, and what it keeps of a record beside what is edited.
"""

from __future__ import annotations

from .control import ControlError, SandboxControl
from .door import Request, fake_secret
from .faults import FaultKind, Rule, RuleError
from .mapping_file import CannotPlayError
from .office import Handled, Office, Terms
from .process import StartError, serve, spawn
from .server import SandboxServer

__all__ = [
    "CannotPlayError",
    "ControlError",
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
