"""Secrets by reference: settings say where a secret is, never what it is."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pmsbridge.errors import ConfigurationError

__all__ = ["ReferenceSecrets", "StoreSecrets"]

_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LARGEST_FILE_BYTES: Final = 64 * 1024
_HOW: Final = "Write env:NAME for an environment variable or file:/path for a file."


class ReferenceSecrets:
    """Reads ``env:NAME`` from the environment and ``file:/path`` from a file, each time it is asked.

    A relative path is relative to ``folder``. One line end at the end of a file is not part of the secret. Nothing
    is kept, and no error repeats what was found.
    """

    __slots__ = ("_env", "_folder")

    def __init__(self, *, env: Mapping[str, str] | None = None, folder: Path | None = None) -> None:
        """Read this environment (default: the process's own) and files below this folder (default: the current one)."""
        self._env = env
        self._folder = folder or Path()

    def __repr__(self) -> str:
        return "<ReferenceSecrets>"

    def get(self, reference: str) -> str:
        """The secret behind a reference.

        Raises:
            ConfigurationError: The reference has neither form, or nothing is behind it. The message names a well-formed
                reference; a text that is none is not repeated, because it is probably the secret itself.
        """
        scheme, _, rest = reference.partition(":")
        if scheme == "env" and _VARIABLE.fullmatch(rest):
            return self._from_environment(rest)
        if scheme == "file" and rest:
            return self._from_file(rest)
        message = f"a secret's reference is wanted, and this looks like a secret itself. {_HOW}"
        raise ConfigurationError(message, code="not_a_reference")

    def warning(self, reference: str) -> str:
        """What is unsafe about where this secret is kept; empty when nothing is."""
        scheme, _, rest = reference.partition(":")
        if scheme != "file" or os.name != "posix":
            return ""
        try:
            mode = self._path(rest).stat().st_mode
        except OSError:
            return ""
        return f"{reference} can be read by every user of this machine; chmod 600 it" if mode & stat.S_IROTH else ""

    def _path(self, text: str) -> Path:
        return self._folder / Path(text).expanduser()

    def _from_environment(self, name: str) -> str:
        value = (os.environ if self._env is None else self._env).get(name, "")
        if not value:
            message = f"env:{name} is not set. Set the environment variable {name}."
            raise ConfigurationError(message, code="secret_missing")
        return value

    def _from_file(self, text: str) -> str:
        try:
            with self._path(text).open("rb") as file:
                content = file.read(_LARGEST_FILE_BYTES + 1)
            value = _without_line_end(content.decode())
        except (OSError, UnicodeDecodeError) as error:
            message = f"file:{text} cannot be read ({_reason(error)}). {_HOW}"
            raise ConfigurationError(message, code="secret_missing") from None
        if not value or len(content) > _LARGEST_FILE_BYTES:
            problem = "is larger than a secret can be" if value else "is empty"
            message = f"file:{text} {problem}."
            raise ConfigurationError(message, code="secret_missing")
        return value


def _without_line_end(text: str) -> str:
    return text.removesuffix("\n").removesuffix("\r")


def _reason(error: OSError | UnicodeDecodeError) -> str:
    """Why, without the content: a decode error's own text repeats bytes of the secret."""
    return (error.strerror or "unreadable") if isinstance(error, OSError) else "not UTF-8 text"


class StoreSecrets:
    """Reads the store's own secret only; every other reference answers with nothing, unread.

    For commands that look into the journal and ask no back office: an operator reads a trail without the vendor's
    password.
    """

    __slots__ = ("_inner", "_reference")

    def __init__(self, inner: ReferenceSecrets, reference: str | None) -> None:
        """Read ``reference`` through ``inner``; None when the store has no secret."""
        self._inner = inner
        self._reference = reference

    def get(self, reference: str) -> str:
        """The store's secret, or nothing.

        Raises:
            ConfigurationError: There is nothing behind the store's reference.
        """
        return self._inner.get(reference) if reference == self._reference else ""
