"""What is built: versions, modules, and where the result is kept."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["DATABASE", "MODULES", "SERIES", "NoTrytonError", "Recipe", "mark", "recipe"]

DATABASE: Final = "rental"
MODULES: Final = (
    "account_payment_clearing", "account_payment_sepa", "sale_rental_progress_invoice", "sale_subscription",
)  # fmt: skip
"""What is activated, besides what these depend on."""

SERIES: Final = ("8.2", "8.0")
"""What can be built; the first unless PMSBRIDGE_TRYTON_SERIES says otherwise."""

_ROOM: Final = Path(__file__).parent
# Read when this is imported: a test that clears its surroundings still uses the cache that it was told of.
_CACHE: Final = os.environ.get("PMSBRIDGE_TRYTON_CACHE", "")
_WANTED: Final = os.environ.get("PMSBRIDGE_TRYTON_SERIES", "") or SERIES[0]


class NoTrytonError(RuntimeError):
    """It cannot be built or started on this machine; the text says why."""


@dataclass(frozen=True)
class Recipe:
    """One series, on one Python, seeded for one year.

    Attributes:
        series: "8.2".
        cache: Where everything is kept.
        year: The books hold the year before it, itself and the year after.
    """

    series: str
    cache: Path
    year: int

    @property
    def constraints(self) -> Path:
        """Names, versions and hashes of what is installed."""
        return _ROOM / ("constraints.txt" if self.series == SERIES[0] else f"constraints-{self.series}.txt")

    @property
    def seed(self) -> Path:
        """The script that fills the books."""
        return _ROOM / "seed.py"

    @property
    def environment(self) -> Path:
        """The virtual environment."""
        return self.cache / f"environment-{self.series}-{self._installed()}"

    @property
    def installed_mark(self) -> Path:
        """There when the environment is whole."""
        return self.environment / "complete"

    @property
    def activated(self) -> Path:
        """A database with the modules and no books."""
        return self.cache / f"modules-{self.series}-{self._activated()}.sqlite"

    @property
    def books(self) -> Path:
        """The folder of the seeded database and of what the seed says about it."""
        return self.cache / f"books-{self.series}-{self._seeded()}"

    def tool(self, name: str) -> str:
        """A program of the environment."""
        return str(self.environment / "bin" / name)

    def _installed(self) -> str:
        return mark(self.constraints.read_bytes(), sys.version.encode())

    def _activated(self) -> str:
        return mark(self._installed().encode(), " ".join(MODULES).encode())

    def _seeded(self) -> str:
        return mark(self._activated().encode(), self.seed.read_bytes(), str(self.year).encode())


def recipe(series: str = "") -> Recipe:
    """What is built here and now.

    Args:
        series: Empty for the one that is wanted.

    Raises:
        NoTrytonError: There is no such series.
    """
    wanted = series or _WANTED
    if wanted not in SERIES:
        message = f"there is no series {wanted} here; there is {', '.join(SERIES)}"
        raise NoTrytonError(message)
    return Recipe(wanted, _cache(), time.gmtime().tm_year)


def _cache() -> Path:
    if _CACHE:
        return Path(_CACHE)
    root = os.environ.get("XDG_CACHE_HOME", "") or str(Path.home() / ".cache")
    return Path(root) / "pmsbridge" / "tryton"


def mark(*parts: bytes) -> str:
    """A short name for what these bytes stand for."""
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:12]
