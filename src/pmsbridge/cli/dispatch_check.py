"""Whether what ``dispatch.by`` names is installed, and whether its queue answers."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from tempfile import TemporaryDirectory
from typing import Final

from pmsbridge.cli.checks import Check
from pmsbridge.errors import PmsBridgeError
from pmsbridge.logging import redact
from pmsbridge.ports.adapter import Secrets
from pmsbridge.settings import Settings

__all__ = ["dispatch_check"]

_NAME: Final = "dispatch"
_NEEDS_NO_QUEUE: Final = {
    "inline": "inline: whoever asks does the work",
    "embedded": "embedded: threads of a process do the work",
}
_PIP: Final = "Run: pip install 'pmsbridge[{extra}]'"
_REMEDIES: Final = {
    "no_celery": _PIP.format(extra="celery"),
    "no_procrastinate": _PIP.format(extra="postgres"),
    "dispatch_broker": "Set dispatch.broker to the queue's address, or dispatch.by to embedded.",
    "dispatch_needs_postgresql": (
        "Put the store on PostgreSQL: store.url = postgresql://USER@HOST/NAME; or set dispatch.by to embedded."
    ),
}
_ELSE: Final = "Check dispatch.broker and dispatch.password."
_NO_TABLES: Final = "no tables"


def dispatch_check(settings: Settings, secrets: Secrets) -> Check:
    """Ask the queue whether it is there. Nothing is put into it, and no table is made."""
    by = settings.dispatch.by
    if by in _NEEDS_NO_QUEUE:
        return Check(_NAME, "ok", _NEEDS_NO_QUEUE[by])
    try:
        health = _health(settings, secrets)
    except PmsBridgeError as error:
        return Check(_NAME, "failed", redact(str(error)), _REMEDIES.get(error.code, _ELSE))
    except Exception as error:  # noqa: BLE001 - the library of each broker fails in ways of its own
        return Check(_NAME, "failed", f"{by}: {_place(settings)} cannot be used ({type(error).__name__})", _ELSE)
    return _judged(settings, health)


def _health(settings: Settings, secrets: Secrets) -> Mapping[str, object]:
    """What the dispatcher says about itself. It works on no journal: the store has a check of its own."""
    from pmsbridge.dispatch.choosing import make_dispatcher
    from pmsbridge.engine.deliver import Runtime
    from pmsbridge.store.database import Database

    with TemporaryDirectory() as folder, closing(Database(f"sqlite:///{folder}/empty.db")) as database:
        dispatcher = make_dispatcher(Runtime(database, {}), settings.dispatch, store=settings.store, secrets=secrets)
        try:
            return dispatcher.health()
        finally:
            dispatcher.stop()


def _judged(settings: Settings, health: Mapping[str, object]) -> Check:
    by, place, why = settings.dispatch.by, _place(settings), health.get("why")
    if health["reachable"]:
        return Check(_NAME, "ok", f"{by}: {place} answers")
    if why == _NO_TABLES:
        return Check(_NAME, "ok", f"{by}: {place} answers; the first worker makes the queue's tables")
    remedy = f"Start the server, or check {_setting(settings)}."
    return Check(_NAME, "failed", f"{by}: {place} cannot be reached ({why})", remedy)


def _place(settings: Settings) -> str:
    """The queue's address, which never holds a password."""
    return redact(settings.dispatch.broker or settings.store.url)


def _setting(settings: Settings) -> str:
    return "dispatch.broker" if settings.dispatch.broker is not None else "store.url"
