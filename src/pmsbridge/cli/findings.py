"""``pmsbridge findings``: what a machine noticed and a person should look at."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from pmsbridge.actions.effects import Effect, TakePayment
from pmsbridge.cli.opening import open_bridge
from pmsbridge.cli.screen import JsonOption, print_json, print_table, say
from pmsbridge.errors import InputError, NotFoundError
from pmsbridge.ports.outcome import Outcome

if TYPE_CHECKING:
    from pmsbridge import Bridge
    from pmsbridge.store.findings import OpenFinding

__all__ = ["EXIT_A_PERSON_MUST_LOOK", "finding_facts", "group"]

EXIT_A_PERSON_MUST_LOOK: Final = 9
"""Exit code of a command that did what it was asked and found something a person must look at."""

_ABOUT_A_REVIEW: Final = frozenset({"needs_review", "reconcile_unresolved"})
_STEP: Final = re.compile(r"(act_[0-9a-z]+)/([^\s+]+)")

group = typer.Typer(help="What a person should look at.", no_args_is_help=True, rich_markup_mode=None)


@group.command("list")
def list_findings(
    context: typer.Context,
    facility: Annotated[str | None, typer.Option(help="Only this facility (L001 or ACCOUNT/L001).")] = None,
    code: Annotated[str | None, typer.Option(help="Only codes that begin so (reconcile_).")] = None,
    as_json: JsonOption = False,
) -> None:
    """List what nobody has closed, oldest first. Asks no back office."""
    account, _, place = (facility or "").rpartition("/")
    with open_bridge(context, asks_back_offices=False) as bridge:
        found = bridge.runtime.findings.open(account=account or None, facility=place or None)
    facts = [finding_facts(each) for each in found if each.finding.code.startswith(code or "")]
    if as_json:
        print_json({"findings": facts})
        return
    if not facts:
        say("No open findings." if facility is None and code is None else "No open findings of that kind.")
        return
    columns = [">#", "severity", "facility", "code", "what", ">seen", "last (UTC)"]
    print_table(
        "Open findings",
        columns,
        [(f["number"], f["severity"], f["facility"], f["code"], f["text"], f["times"], f["seen_at"]) for f in facts],
    )
    say("When one is dealt with: pmsbridge findings close NUMBER --actor YOUR_NAME")


@group.command("close")
def close_finding(
    context: typer.Context,
    number: Annotated[int, typer.Argument(min=1, help="The finding's number.", show_default=False)],
    actor: Annotated[str, typer.Option("--actor", help="Who dealt with it; it is kept.")],
    note: Annotated[str, typer.Option("--note", help="What was done; it is kept, without card numbers.")] = "",
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Close it although what it is about still waits for a person.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Say that a finding is dealt with. One about a step that nobody has resolved is closed only with --anyway."""
    if not actor.strip():
        raise InputError("--actor", "is empty", remedy="Say who dealt with it.")
    with open_bridge(context, asks_back_offices=False) as bridge:
        still = _unresolved(bridge, number)
        if still and not anyway:
            remedy = f"Resolve it, and close the finding then: {still}; or close it with --anyway."
            raise InputError("finding", "is about a step that is still unresolved", remedy=remedy, code="unresolved")
        done = bridge.runtime.findings.close(number, datetime.now(UTC), by=actor.strip(), note=note.strip())
    if not done:
        raise NotFoundError("finding", "there is no open finding of that number", code="no_finding")
    if as_json:
        more = {"still_unresolved": True} if still else {}
        print_json({"number": number, "closed": True, "by": actor.strip(), **more})
    else:
        say(f"Finding {number} is closed." + (f" What it is about is still unresolved: {still}" if still else ""))


def _unresolved(bridge: Bridge, number: int) -> str:
    """The command that resolves what a finding is about; empty when it is about nothing that waits for a person."""
    found = next((each.finding for each in bridge.runtime.findings.open() if each.number == number), None)
    if found is None or found.code not in _ABOUT_A_REVIEW:
        return ""
    for action_id, name in _STEP.findall(found.subject):
        with suppress(NotFoundError):
            step = bridge.journal.action(action_id).effect_named(name)
            if step is not None and step.is_principal and step.outcome is Outcome.NEEDS_REVIEW:
                words = f"pmsbridge actions resolve {action_id} --step {name} --outcome {_decisions(step.effect)}"
                return f"{words} --evidence TEXT --actor YOUR_NAME"
    return ""


def _decisions(effect: Effect) -> str:
    """What a person may say became of it; only a payment over several rentals has parts."""
    has_parts = isinstance(effect, TakePayment) and len(effect.parts) > 1
    partial = "|partial --there RENTAL=RECEIPT" if has_parts else ""
    return f"settled|declined|not_sent{partial}"


def finding_facts(each: OpenFinding) -> dict[str, Any]:
    """An open finding as JSON holds it."""
    facts = each.finding.model_dump(mode="json")
    return {"number": each.number, "times": each.times, "seen_at": each.seen_at, **facts}
