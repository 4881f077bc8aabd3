"""The rent book: one JSON file, read whole and written whole."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from pmsbridge.errors import ConfigurationError, UnavailableError

__all__ = ["Book"]


class Book:
    """Tables of one rent book: ``tenants``, ``rentals``, ``notes``, ``messages``."""

    def __init__(self, path: Path) -> None:
        """Use the file at this path; it is opened for each look."""
        self.path = path
        self._lock = threading.Lock()

    def read(self) -> dict[str, Any]:
        """The whole book; amounts are exact.

        Raises:
            UnavailableError: The file cannot be read now.
            ConfigurationError: It is no rent book.
        """
        try:
            text = self.path.read_text(encoding="utf-8")
        except OSError as error:
            message = f"the rent book cannot be read ({error.strerror})"
            raise UnavailableError(message) from None
        try:
            found: dict[str, Any] = json.loads(text, parse_float=Decimal)
        except ValueError:
            raise ConfigurationError("the rent book is not valid JSON") from None
        return found

    @contextmanager
    def changed(self) -> Iterator[dict[str, Any]]:
        """The book to change; replaced in one step at the end, or left as it was."""
        with self._lock:
            book = self.read()
            yield book
            draft = self.path.with_suffix(".draft")
            draft.write_text(json.dumps(book, ensure_ascii=False, indent=1, default=str), encoding="utf-8")
            draft.replace(self.path)
