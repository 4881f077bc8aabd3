"""What both peers share: how they are told what to do. Runs in the peers' environment."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from benchmarks import harness
from benchmarks.night.rows import COLUMNS, KEPT, digest, is_made_up

__all__ = ["BATCH_ROWS", "LOG_ON", "Peer", "main"]

LOG_ON: Final = {
    "sCorpCode": "CCTST", "sCorpUserName": "Administrator:::SANDBOX-LICENCE-KEY", "sCorpPassword": "sandbox-only"
}  # fmt: skip
"""The sandbox's published, worthless credentials."""

BATCH_ROWS: Final = 1000


class Peer:
    """One way of keeping a copy.

    Attributes:
        url: The database, as SQLAlchemy spells it.
        office: The sandbox's address.
        folder: For whatever it keeps between two loads.
        way: Which way of writing it.
    """

    def __init__(self, url: str, office: str, folder: Path, way: str) -> None:
        self.url, self.office, self.folder, self.way = url, office, folder, way

    def prepare(self) -> None:
        """Make tables, where that is the developer's task."""

    def load(self) -> int:
        """One load; how many rows were read."""
        raise NotImplementedError

    def held(self) -> Iterable[Mapping[str, Any]]:
        """Every row of the copy, under the vendor's names."""
        raise NotImplementedError


def main(make: Callable[[str, str, Path, str], Peer]) -> None:
    """One process of a run: ``prepare``, ``load`` prints a sample, ``check`` prints what is held."""
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=("prepare", "load", "check"))
    parser.add_argument("--url", required=True)
    parser.add_argument("--office", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--way", default="")
    told = parser.parse_args()
    peer = make(told.url, told.office, told.folder, told.way)
    if told.role == "load":
        harness.print_sample(harness.measured_here(peer.load, time.perf_counter))
    elif told.role == "check":
        held = [row for row in peer.held() if is_made_up(row["TenantID"])]
        print(digest(held, KEPT), digest(held, COLUMNS))
    else:
        peer.prepare()
        print("ready")
