"""What a worker signs its leases with."""

from __future__ import annotations

import itertools
import os
import socket
import uuid
import zlib

__all__ = ["WorkerName"]


class WorkerName:
    """One runtime in one process; a forked child is somebody else."""

    def __init__(self) -> None:
        self._tag = uuid.uuid4().hex[:8]
        self._visits = itertools.count(1)

    def __str__(self) -> str:
        return f"{socket.gethostname()}:{os.getpid()}:{self._tag}"

    def visit(self) -> str:
        """A name for one visit to a lane: two threads of a process are two."""
        return f"{self}:{next(self._visits)}"

    def order(self, lane: str) -> int:
        """Where a lane stands for us: every worker begins somewhere else, else all try the same lanes first."""
        return zlib.crc32(f"{self} {lane}".encode())
