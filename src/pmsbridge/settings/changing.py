"""Whether a person has changed the settings of an account since: a short text that is then another one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pmsbridge.settings.sections import AccountSettings

__all__ = ["version_of"]

_FILE: Final = "file:"
_LETTERS: Final = str.maketrans("0123456789abcdef", "ghijklmnopabcdef")
"""Digits alone may look like the number of a card."""


def version_of(account: AccountSettings, folder: Path | None) -> str:
    """A text that changes with the settings of an account, and with the files its secrets are in.

    It is made of references and of the times at which files were changed, never of a secret. So it does not change with
    an environment variable: only this process knows what is in that.

    Args:
        account: As loaded.
        folder: What relative paths are relative to; None for the current folder.
    """
    files = {reference: _changed_at(reference, folder or Path()) for reference in _files(account.options)}
    words = json.dumps([account.system, account.options, files], sort_keys=True, default=str)
    return hashlib.sha256(words.encode()).hexdigest()[:16].translate(_LETTERS)


def _files(value: Any) -> Iterator[str]:  # noqa: ANN401 - whatever a table of settings holds
    if isinstance(value, str):
        if value.startswith(_FILE):
            yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _files(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _files(part)


def _changed_at(reference: str, folder: Path) -> int | None:
    """In nanoseconds; None while there is no such file."""
    try:
        return (folder / Path(reference.removeprefix(_FILE)).expanduser()).stat().st_mtime_ns
    except OSError:
        return None
