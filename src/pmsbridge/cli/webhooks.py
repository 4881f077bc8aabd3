"""``pmsbridge webhooks``: who is told what happens, and how that goes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from pmsbridge.cli.findings import EXIT_A_PERSON_MUST_LOOK
from pmsbridge.cli.opening import open_bridge
from pmsbridge.cli.screen import JsonOption, print_json, print_table, say
from pmsbridge.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from pmsbridge.settings import WebhookSettings
    from pmsbridge.store.webhooks import EndpointState
    from pmsbridge.webhooks import Sender

__all__ = ["group"]

group = typer.Typer(help="Who is told what happens.", no_args_is_help=True, rich_markup_mode=None)

Name = Annotated[str, typer.Argument(help="The endpoint's name in the settings.", show_default=False)]


@group.command("list")
def list_webhooks(context: typer.Context, as_json: JsonOption = False) -> None:
    """List every endpoint: how far it was told, and what fails. Asks nobody."""
    with _opened(context) as (sender, settings):
        states = sender.states()
    facts = [_facts(each, states.get(each.name)) for each in settings]
    if as_json:
        print_json({"webhooks": facts})
        return
    columns = ["name", "host", "state", ">arrived", "last (UTC)", ">attempts", "next (UTC)", "problem"]
    shown = ("name", "host", "state", "delivered", "delivered_at", "attempts", "next_at", "problem")
    print_table("Webhooks", columns, [[row[key] for key in shown] for row in facts])


@group.command("test")
def try_webhook(context: typer.Context, name: Name, as_json: JsonOption = False) -> None:
    """Post a signed message that says nothing happened; exit code 9 when it does not arrive."""
    with _opened(context) as (sender, _):
        verdict = sender.test(name)
    if as_json:
        print_json({"name": name, "arrived": verdict.has_arrived, "problem": verdict.problem})
    else:
        say(f"{name}: {verdict.problem or 'the message arrived'}.")
    if not verdict.has_arrived:
        raise typer.Exit(EXIT_A_PERSON_MUST_LOOK)


@group.command("replay")
def replay_webhook(
    context: typer.Context,
    name: Name,
    since: Annotated[str, typer.Option(help="Instant in ISO 8601, with its zone: 2026-11-21T06:00Z.")],
    as_json: JsonOption = False,
) -> None:
    """Have everything since an instant told again, under the same ids. A disabled endpoint stays disabled."""
    instant = _instant(since)
    with _opened(context) as (sender, _):
        _must_be_known(name, is_known=sender.replay(name, instant))
        state = sender.states()[name]
    is_disabled = state.disabled_at is not None
    if as_json:
        print_json({"name": name, "since": instant, "disabled": is_disabled, "problem": state.problem})
    elif is_disabled:
        say(f"{name} is disabled ({state.problem}) and is told nothing. First: pmsbridge webhooks enable {name}")
        say(f"Then it is told again what happened since {instant:%Y-%m-%d %H:%M:%S}Z.")
    else:
        say(f"{name}: what happened since {instant:%Y-%m-%d %H:%M:%S}Z is told again by whoever runs 'pmsbridge run'.")


@group.command("enable")
def enable_webhook(
    context: typer.Context,
    name: Name,
    skip: Annotated[bool, typer.Option("--skip", help="Leave the message out that failed last.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Go on with an endpoint that was disabled or waits: now, with the message that failed."""
    with _opened(context) as (sender, _):
        _must_be_known(name, is_known=sender.enable(name, skips=skip))
    if as_json:
        print_json({"name": name, "enabled": True, "skipped": skip})
    else:
        say(f"{name} is enabled.")


@contextmanager
def _opened(context: typer.Context) -> Iterator[tuple[Sender, tuple[WebhookSettings, ...]]]:
    with open_bridge(context, asks_back_offices=False) as bridge:
        from pmsbridge.webhooks import Sender

        yield Sender.from_settings(bridge.settings, bridge.database, reads_secrets=False), bridge.settings.webhooks


def _facts(settings: WebhookSettings, state: EndpointState | None) -> dict[str, Any]:
    facts: dict[str, Any] = {"name": settings.name, "host": urlsplit(settings.url).hostname, "events": settings.events}
    if state is None:
        return {**facts, "state": "not started", **dict.fromkeys(_STATE_FACTS)}
    found = {key: getattr(state, key) for key in _STATE_FACTS}
    word = "disabled" if state.disabled_at else "failing" if state.failing_since else "ok"
    return {**facts, "state": word, **found, "next_at": state.next_at if state.failing_since else None}


_STATE_FACTS = (
    "delivered", "delivered_at", "attempts", "failing_since", "next_at", "disabled_at", "problem",
)  # fmt: skip


def _instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise InputError("--since", "is no instant with a zone", remedy="Write it as 2026-11-21T06:00Z.")
    return found.astimezone(UTC)


def _must_be_known(name: str, *, is_known: bool) -> None:
    if not is_known:
        remedy = "It begins with the first 'pmsbridge run' after it was set."
        raise NotFoundError("name", f"nothing was ever kept for {name}", remedy=remedy, code="no_webhook")
