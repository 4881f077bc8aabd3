"""The command tree; one module per group."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import typer

from pmsbridge.cli import (
    actions,
    audit,
    db,
    demo,
    doctor,
    erase,
    facts,
    findings,
    hold,
    init,
    mapping,
    metrics,
    reconcile,
    run,
    sandbox,
    schema,
    status,
    sync,
    trail,
    webhooks,
)
from pmsbridge.cli.opening import Chosen

__all__ = ["app"]

app = typer.Typer(
    name="pmsbridge",
    help="Between customer portals and back offices: never loses and never doubles an action, and knows what it knows.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.command("init")(init.init)
app.command("doctor")(doctor.doctor)
app.add_typer(sync.group, name="sync")
app.command("status")(status.status)
app.command("run")(run.run)
app.add_typer(actions.group, name="actions")
app.command("trail")(trail.trail)
app.add_typer(audit.group, name="audit")
app.add_typer(findings.group, name="findings")
app.command("erase")(erase.erase)
app.command("hold")(hold.hold)
app.add_typer(db.group, name="db")
app.add_typer(mapping.group, name="map")
app.add_typer(webhooks.group, name="webhooks")
app.command("reconcile")(reconcile.reconcile)
app.command("metrics")(metrics.metrics)
app.command("sandbox")(sandbox.sandbox)
app.command("demo")(demo.demo)
app.command("facts")(facts.facts)
app.command("schema")(schema.schema)


def _version(asked: bool) -> None:
    if asked:
        print(f"pmsbridge {_installed_version()}")
        raise typer.Exit


def _installed_version() -> str:
    try:
        return version("pmsbridge")
    except PackageNotFoundError:
        return "(not installed)"


@app.callback()
def _global(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", help="Settings file; else PMSBRIDGE_CONFIG or ./pmsbridge.toml."),
    ] = None,
    _show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    context.obj = Chosen(config)
