"""What a forked child forgets: locks that a thread of its parent held, and what only the parent may use."""

from __future__ import annotations

import os
import weakref
from typing import Protocol

__all__ = ["Forgetful", "forgets"]


class Forgetful(Protocol):
    """Something with a lock."""

    def forget(self) -> None:
        """Begin anew, as in a new process."""


_OPEN: weakref.WeakSet[Forgetful] = weakref.WeakSet()


def forgets(one: Forgetful) -> None:
    """Let it forget in every child that is forked from now on."""
    _OPEN.add(one)


def _forget_all() -> None:
    for one in list(_OPEN):
        one.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
