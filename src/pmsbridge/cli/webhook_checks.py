"""Whether every webhook endpoint can be told: its secrets, its address, and how far it is behind. Nothing is posted."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from pmsbridge.cli.checks import Check, tried
from pmsbridge.errors import PmsBridgeError
from pmsbridge.logging import redact

if TYPE_CHECKING:
    from pmsbridge.ports.adapter import Secrets
    from pmsbridge.settings import Settings, WebhookSettings
    from pmsbridge.store.webhooks import Backlog, EndpointState

__all__ = ["webhook_checks"]

_BEHIND: Final = timedelta(hours=1)
_Known = Mapping[str, "tuple[EndpointState, Backlog]"]


def webhook_checks(settings: Settings, secrets: Secrets) -> Iterator[Check]:
    """Three checks of every endpoint in the settings; none where there is none."""
    if not settings.webhooks:
        return
    try:
        known: _Known | None = _known(settings, secrets)
    except PmsBridgeError:
        known = None  # the store has a check of its own, which says why
    for endpoint in settings.webhooks:
        title = f"webhook {endpoint.name}"
        yield tried(f"{title}: secret", _signing(endpoint, secrets))
        yield _address(f"{title}: address", endpoint)
        if known is not None:
            yield _told(f"{title}: delivery", endpoint.name, known, datetime.now(UTC))


def _known(settings: Settings, secrets: Secrets) -> _Known:
    from pmsbridge.store.database import open_database
    from pmsbridge.store.webhooks import Webhooks

    address = settings.store.address(secrets)
    with closing(open_database(address, connections=settings.store.connections)) as database:
        store = Webhooks(database)
        return {state.name: (state, store.backlog(state)) for state in store.states()}


def _signing(settings: WebhookSettings, secrets: Secrets) -> Callable[[], str]:
    from pmsbridge.webhooks.endpoint import Endpoint

    def look() -> str:
        with closing(Endpoint(settings, secrets)) as endpoint:
            endpoint.check()
        former = len(settings.former_secrets)
        return f"signs with {settings.secret}" + (f" and {former} former" if former else "")

    return look


def _address(title: str, settings: WebhookSettings) -> Check:
    """What the name leads to is judged as it is before every message."""
    from pmsbridge.webhooks.reachable import reachable

    parts = urlsplit(settings.url)
    may_reach = reachable(is_plain=parts.scheme == "http", allow_private=settings.allow_private)
    try:
        led_to = socket.getaddrinfo(parts.hostname, parts.port or 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        problem = f"{parts.hostname} cannot be looked up ({type(error).__name__})"
        return Check(title, "failed", redact(problem), "Check the name and this machine's resolver; messages wait.")
    if not any(may_reach(str(found[4][0])) for found in led_to):
        remedy = "Give a public address; allow_private = true lets private networks and this machine in."
        return Check(title, "failed", f"{parts.hostname} leads to addresses that are refused", remedy)
    return Check(title, "ok", f"{parts.hostname} may be reached")


def _told(title: str, name: str, known: _Known, now: datetime) -> Check:
    if name not in known:
        return Check(title, "ok", "is told what happens from the first 'pmsbridge run' on")
    state, backlog = known[name]
    waiting = _words(backlog, now)
    if state.disabled_at is not None:
        problem = f"disabled since {state.disabled_at:%Y-%m-%d %H:%M}Z ({state.problem}); {waiting}"
        return Check(title, "failed", redact(problem), f"Mend the receiver, then: pmsbridge webhooks enable {name}")
    if state.failing_since is not None:
        problem = f"fails since {state.failing_since:%Y-%m-%d %H:%M}Z ({state.problem}); {waiting}"
        return Check(title, "warning", redact(problem), "It is tried again by itself; look at the receiver.")
    if backlog.since is not None and now - backlog.since > _BEHIND:
        return Check(title, "warning", waiting, "Look whether 'pmsbridge run' runs.")
    return Check(title, "ok", waiting)


def _words(backlog: Backlog, now: datetime) -> str:
    """How much of the feeds it has not come to; not all of it need be for this endpoint."""
    if backlog.since is None:
        return "nothing waits"
    hours = max(0, (now - backlog.since) // timedelta(hours=1))
    return f"{backlog.changes} changes and {backlog.outcomes} outcomes wait, the oldest for {hours} hours"
