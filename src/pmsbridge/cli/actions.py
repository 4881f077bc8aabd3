"""``pmsbridge actions``: what was asked for, how it stands, and what a person decides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from pmsbridge.actions.kinds import ActionKind
from pmsbridge.cli.days import DAY, read_day, start_of
from pmsbridge.cli.opening import open_bridge, stored_action
from pmsbridge.cli.screen import JsonOption, facts_of, print_json, print_table, say
from pmsbridge.cli.trail import trail
from pmsbridge.errors import InputError
from pmsbridge.ports.outcome import Outcome
from pmsbridge.store.standing import Ended

if TYPE_CHECKING:
    from pmsbridge import Bridge
    from pmsbridge.store.stored import StoredAction, StoredEffect

__all__ = ["action_facts", "group"]

group = typer.Typer(help="What was asked for and how it stands.", no_args_is_help=True, rich_markup_mode=None)

_ActionId = Annotated[str, typer.Argument(metavar="ACTION", help="The action's id (act_...).", show_default=False)]
_Actor = Annotated[str, typer.Option("--actor", help="Who decides; it goes into the trail.")]


class Decision(StrEnum):
    """What a person may decide about a step nobody could know."""

    SETTLED = Outcome.SETTLED.value
    DECLINED = Outcome.DECLINED.value
    NOT_SENT = Outcome.NOT_SENT.value
    PARTIAL = "partial"


@group.command("list")
def list_actions(
    context: typer.Context,
    outcome: Annotated[Outcome | None, typer.Option(help="Only these.")] = None,
    facility: Annotated[str | None, typer.Option(help="Only this facility.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Only this tenant id.")] = None,
    kind: Annotated[str | None, typer.Option(help="Only this verb (pay_rental, edit_contact ...).")] = None,
    since: Annotated[
        date | None, typer.Option(parser=read_day, metavar=DAY, help="Asked for on this day (UTC) or later.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most this many, newest first.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """List actions, newest first."""
    from pmsbridge.store.reading import ActionFilter

    with open_bridge(context, asks_back_offices=False) as bridge:
        account, code = _place(bridge, facility)
        _refuse_unknown_kind(kind)
        wanted = ActionFilter(
            outcome=outcome,
            account=account,
            facility=code,
            tenant_id=tenant,
            kind=kind,
            since=start_of(since),
            limit=limit,
        )
        found = [action_facts(action) for action in bridge.journal.actions(wanted)]
    if as_json:
        print_json({"actions": found})
        return
    if not found:
        say("No actions that fit.")
        return
    columns = ["!action", "asked (UTC)", "facility", "tenant", "kind", "outcome", "actor"]
    print_table("Actions", columns, [[f[name] for name in _LISTED] for f in found])


_LISTED: Final = ("action_id", "submitted_at", "facility", "tenant_id", "kind", "outcome", "actor")


@group.command("show")
def show(context: typer.Context, action_id: _ActionId, as_json: JsonOption = False) -> None:
    """Show one action and its steps."""
    with open_bridge(context, asks_back_offices=False) as bridge:
        facts = action_facts(stored_action(bridge, action_id))
    _print_action(facts, as_json=as_json)


group.command("trail")(trail)


@group.command("retry")
def retry(
    context: typer.Context,
    action_id: _ActionId,
    actor: _Actor,
    anyway: Annotated[
        bool,
        typer.Option("--anyway", help="Pay although it was paid since, the request withdrawn, or a gateway let go."),
    ] = False,
    step: Annotated[str, typer.Option(help="Only this step; else all that were not sent.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Ask once more for what certainly never left. What may have happened is never retried."""
    with open_bridge(context) as bridge:
        before = stored_action(bridge, action_id)
        bridge.runtime.retry(action_id, actor, anyway=anyway, step=step)
        after = bridge.journal.action(action_id)
    _print_action(action_facts(after), as_json=as_json)
    for line in _what_happened(before, after, only=step):
        say(line)


@group.command("resolve")
def resolve(
    context: typer.Context,
    action_id: _ActionId,
    outcome: Annotated[Decision, typer.Option(help="What you saw: settled, declined, not_sent or partial.")],
    evidence: Annotated[str, typer.Option(help="What you saw in the back office, and where.")],
    actor: _Actor,
    step: Annotated[str, typer.Option(help="Which step, when several are unknown.")] = "",
    there: Annotated[
        list[str] | None,
        typer.Option(metavar="RENTAL[=RECEIPT]", help="With partial: a rental that was paid; may be repeated."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """End an unknown outcome by what a person saw in the back office."""
    with open_bridge(context) as bridge:
        parts = _parts_there(outcome, there or [])
        name = step or _only_unknown(stored_action(bridge, action_id))
        decided = Outcome.SETTLED if outcome is Decision.PARTIAL else Outcome(outcome.value)
        bridge.runtime.resolve(action_id, name, decided, evidence, actor, there=parts)
        facts = action_facts(bridge.journal.action(action_id))
    _print_action(facts, as_json=as_json)


def _parts_there(outcome: Decision, words: list[str]) -> dict[str, str] | None:
    """Receipt numbers by rental, as they were named; None for an outcome that all parts share."""
    if (outcome is Decision.PARTIAL) is not bool(words):
        remedy = "Name every rental that was paid: --outcome partial --there RENTAL=RECEIPT."
        raise InputError("--there", "and --outcome partial go together", shape=outcome.value, remedy=remedy)
    named = [word.partition("=") for word in words]
    parts = {rental.strip(): receipt.strip() for rental, _, receipt in named}
    if len(parts) < len(named):
        remedy = "Two receipts on one rental look like a doubled payment: say so in the evidence, and name one of them."
        raise InputError("--there", "names a rental twice", remedy=remedy)
    return parts or None


def _only_unknown(action: StoredAction) -> str:
    """The step a person has to decide about."""
    unknown = [e.name for e in action.effects if e.outcome in {Outcome.NEEDS_REVIEW, Outcome.PENDING} and e.attempts]
    if len(unknown) == 1:
        return unknown[0]
    if not unknown:
        raise InputError("action", "has no step that waits for a person", shape=action.outcome.value)
    raise InputError("step", "is needed: several steps are unknown", remedy=f"Name one of {', '.join(unknown)}.")


def _what_happened(before: StoredAction, after: StoredAction, *, only: str = "") -> Iterator[str]:
    """One line per step that was asked for once more."""
    attempts = {effect.name: effect.attempts for effect in before.effects}
    unsent = [effect for effect in before.effects if effect.ended is Ended.NOT_SENT]
    for name in (effect.name for effect in unsent if only in {"", effect.name, effect.key}):
        now = next(effect for effect in after.effects if effect.name == name)
        stands = now.ended.value if now.ended else now.outcome.value
        why = f": {now.message}" if now.message else ""
        if now.state.is_open and now.attempts == attempts[name]:
            yield f"Step {name} is queued again and was not sent yet{why}. A worker sends it."
        elif now.ended is Ended.NOT_SENT:
            yield f"Step {name} was tried again, and again it was not sent{why}. Nothing changed."
        else:
            yield f"Step {name} was sent again: {stands}{why}."


def _place(bridge: Bridge, facility: str | None) -> tuple[str | None, str | None]:
    """Account and code to look for. One whose account was taken out of the settings may still be asked for in full."""
    if facility is None:
        return None, None
    account, _, code = facility.rpartition("/")
    if account and _has_actions(bridge, account, code):
        return account, code
    if not account and _has_actions(bridge, None, code):
        return None, code
    adapter, code = bridge.place(facility)
    return (adapter.account_name if account else None), code


def _has_actions(bridge: Bridge, account: str | None, code: str) -> bool:
    from pmsbridge.store.reading import ActionFilter

    return bool(code and bridge.journal.actions(ActionFilter(account=account, facility=code, limit=1)))


def _refuse_unknown_kind(kind: str | None) -> None:
    known = [each.value for each in ActionKind]
    if kind is not None and kind not in known:
        raise InputError("kind", "is no verb", shape=f"{len(kind)} characters", remedy=f"There is {', '.join(known)}.")


def action_facts(action: StoredAction) -> dict[str, Any]:
    """An action as JSON holds it; nothing in it is secret."""
    return {
        "action_id": action.id,
        **facts_of(action, "kind", "account", "facility"),
        "tenant_id": action.tenant_id or None,
        "outcome": action.outcome.value,
        "partial": action.is_partial,
        **facts_of(action, "actor", "submitted_at", "changed_at"),
        "steps": [_step_facts(effect) for effect in action.effects],
    }


def _step_facts(effect: StoredEffect) -> dict[str, Any]:
    return {
        **facts_of(effect, "name", "kind"),
        "outcome": effect.ended.value if effect.ended else effect.outcome.value,
        "missing": sorted(effect.rentals_missing),
        "principal": effect.is_principal,
        "emulates": effect.emulates or None,
        **facts_of(effect, "message", "evidence"),
        "read_back": effect.is_read_back,
        "vendor_ids": dict(effect.vendor_ids),
        **facts_of(effect, "attempts", "looks"),
    }


def _print_action(facts: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(facts)
        return
    title = f"{facts['kind']} {facts['action_id']}: {facts['outcome']}{' (partial)' if facts['partial'] else ''}"
    rows = [
        (
            step["name"],
            step["kind"],
            f"{step['outcome']}, not on {', '.join(step['missing'])}" if step["missing"] else step["outcome"],
            step["evidence"] or step["message"],
            step["attempts"],
            step["looks"],
        )
        for step in facts["steps"]
    ]
    print_table(title, ["step", "effect", "outcome", "evidence or reason", ">sends", ">looks"], rows)
