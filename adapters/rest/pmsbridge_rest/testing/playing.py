"""The back office of a mapping on loopback, for a person to try a portal on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pmsbridge.errors import ConfigurationError
from pmsbridge_rest.mapping.document import Mapping as MappingDocument
from pmsbridge_rest.mapping.reading import load_mapping
from pmsbridge_rest.sandbox import CannotPlayError, Office, SandboxServer, Terms

__all__ = ["account_options", "play"]

Ready = Callable[[str, Mapping[str, Any], Mapping[str, str]], None]


def play(file: Path, *, called: str, port: int, ready: Ready) -> None:
    """Serve the back office of a mapping until interrupted.

    Args:
        file: The mapping.
        called: How an account's settings name it.
        port: On loopback; 0 takes a free one.
        ready: Told once that it listens: its address, an account's options, and its worthless secrets by name.

    Raises:
        ConfigurationError: The mapping cannot be used, or needs something that the sandbox does not have.
        OSError: The port cannot be had.
    """
    document = load_mapping(file)
    try:
        office = Office(file, Terms())
    except CannotPlayError as problem:
        raise ConfigurationError(str(problem), code="cannot_play") from None
    with SandboxServer(office, port=port) as server, suppress(KeyboardInterrupt):
        ready(server.base_url, account_options(office, called, document, server.base_url), office.secrets)
        threading.Event().wait()


def account_options(office: Office, mapping: Path | str, document: MappingDocument, base_url: str) -> dict[str, Any]:
    """The options of an account on a sandbox; ``env:NAME`` stands for each secret.

    Args:
        office: The sandbox.
        mapping: The mapping that the adapter reads; usually the sandbox's own.
        document: The same, read.
        base_url: Where it is.
    """
    declared = document.connection.options
    own = {name for name, option in declared.items() if option.per_facility}
    options = {name: office.options.get(name, "1") for name in declared}
    return {
        "mapping": str(mapping),
        "base_url": base_url,
        "options": {name: text for name, text in options.items() if name not in own},
        "secrets": {name: f"env:{name}" for name in office.secrets},
        "facilities": [
            {
                "code": office.terms.facility,
                "zone": office.terms.zone,
                "currency": office.terms.currency,
                "options": {name: text for name, text in options.items() if name in own},
            }
        ],
    }
