"""Where rotating tokens are kept, so that a crash never loses the newest: one file, replaced as a whole."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Final, Protocol

from pmsbridge.errors import ConfigurationError, UnavailableError
from pmsbridge.transport.http import Deadline
from pmsbridge_rest.bodies.exact_json import UnreadableError, read_json, write_json

__all__ = ["FileVault", "KeptTokens", "TokenVault"]

_LARGEST_BYTES: Final = 64 * 1024
_PAUSE_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class KeptTokens:
    """What one renewal gave.

    Attributes:
        refresh: Secret; what the next renewal is asked with.
        access: Secret; what calls are signed with. Empty when only the refresh token is known.
        spent_at: Aware UTC instant after which ``access`` is renewed; None for "until refused".
    """

    refresh: str = field(repr=False)
    access: str = field(default="", repr=False)
    spent_at: datetime | None = None


class TokenVault(Protocol):
    """Keeps the newest tokens over a crash, and lets one process at a time renew them."""

    def alone(self, deadline: Deadline) -> AbstractContextManager[None]:
        """A context in which no other process renews.

        Raises:
            UnavailableError: Somebody else was renewing until the deadline.
        """

    def load(self) -> KeptTokens | None:
        """The newest tokens; None before the first renewal.

        Raises:
            ConfigurationError: What is kept cannot be read.
        """

    def save(self, tokens: KeptTokens) -> None:
        """Keep these; when it returns they outlive a crash of the machine.

        Raises:
            UnavailableError: They could not be kept; what was kept before still is.
        """


class FileVault:
    """Tokens in a file that only its owner may read.

    Args:
        path: The file; its folder exists. ``.lock`` beside it is held while somebody renews.
        sleep: Takes seconds.
    """

    def __init__(self, path: Path, *, sleep: Callable[[float], object] = time.sleep) -> None:
        self._path = path
        self._sleep = sleep

    def __repr__(self) -> str:
        return "<token file>"

    @contextmanager
    def alone(self, deadline: Deadline) -> Iterator[None]:
        """Hold the lock file; it is free again when the process dies."""
        try:
            file = self._beside(".lock").open("ab")
        except OSError as error:
            raise self._unusable(error) from None
        with file:
            while not _locked(file):
                if deadline.passed():
                    message = "another process was renewing the credentials until the deadline; nothing was sent"
                    raise UnavailableError(message, code="token_awaited")
                self._sleep(min(_PAUSE_SECONDS, deadline.seconds_left()))
            yield

    def load(self) -> KeptTokens | None:
        """The newest tokens."""
        try:
            with self._path.open("rb") as file:
                content = file.read(_LARGEST_BYTES)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unusable(error) from None
        try:
            return _tokens(read_json(content))
        except (UnreadableError, KeyError, TypeError, ValueError):
            problem = f"{self._path} does not hold tokens any more; sign in again and remove it"
        raise ConfigurationError(problem, code="token_file_broken")

    def save(self, tokens: KeptTokens) -> None:
        """Written beside, made durable, then put in place."""
        spent_at = None if tokens.spent_at is None else tokens.spent_at.isoformat()
        content = write_json({"refresh": tokens.refresh, "access": tokens.access, "spent_at": spent_at})
        new = self._beside(".new")
        problem = ""
        try:
            with suppress(FileNotFoundError):
                new.unlink()
            with open(new, "xb", opener=_for_owner_only) as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._path)
            _make_durable(self._path.parent)
        except OSError as error:
            problem = error.strerror or type(error).__name__
        if problem:
            message = f"the renewed credentials could not be kept in {self._path} ({problem})"
            raise UnavailableError(message, code="token_not_kept")

    def _beside(self, suffix: str) -> Path:
        return self._path.with_name(self._path.name + suffix)

    def _unusable(self, error: OSError) -> ConfigurationError:
        problem = error.strerror or type(error).__name__
        return ConfigurationError(f"{self._path} cannot be used for tokens ({problem})", code="token_file_unusable")


def _for_owner_only(path: str, flags: int) -> int:
    return os.open(path, flags, stat.S_IRUSR | stat.S_IWUSR)


def _make_durable(folder: Path) -> None:
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _locked(file: IO[bytes]) -> bool:
    """Whether the lock is ours now; where the system has no such lock, processes share no vault."""
    try:
        import fcntl  # noqa: PLC0415 - not on every system
    except ModuleNotFoundError:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _tokens(found: object) -> KeptTokens:
    if not isinstance(found, dict) or not isinstance(found["refresh"], str) or not found["refresh"]:
        raise TypeError
    spent_at = found.get("spent_at")
    return KeptTokens(
        found["refresh"], str(found.get("access", "")), None if spent_at is None else datetime.fromisoformat(spent_at)
    )
