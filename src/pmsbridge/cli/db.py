"""``pmsbridge db``: which schema the database has, and how it becomes the newest."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from pmsbridge.cli.opening import read_settings
from pmsbridge.cli.screen import JsonOption, print_json, print_table, say
from pmsbridge.errors import ConfigurationError
from pmsbridge.secrets import ReferenceSecrets

__all__ = ["group"]

group = typer.Typer(help="Look at the database's schema, and upgrade it.", no_args_is_help=True)


def _address(context: typer.Context) -> str:
    settings = read_settings(context)
    return settings.store.address(ReferenceSecrets(folder=settings.folder))


@group.command("status")
def status(context: typer.Context, as_json: JsonOption = False) -> None:
    """Show which schema the database has, and what to do. Exits with 4 when this pmsbridge cannot use it."""
    from pmsbridge.store.upgrade import State, store_status

    found = store_status(_address(context))
    is_usable = (found.state.is_usable or found.state is State.EMPTY) and not found.disagreement
    if as_json:
        print_json({**asdict(found), "usable": is_usable, "what_to_do": found.what_to_do})
    else:
        row = (found.database, found.schema or None, found.code, found.state, found.what_to_do)
        print_table("Database", ["!database", ">schema", ">pmsbridge writes", "state", "what to do"], [row])
    if not is_usable:
        raise typer.Exit(ConfigurationError.exit_code)


@group.command("upgrade")
def upgrade(
    context: typer.Context,
    sql: Annotated[bool, typer.Option("--sql", help="Print the statements instead; change nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Bring the database to the newest schema, all of it or nothing. Back it up before."""
    from pmsbridge.store.upgrade import upgrade as run
    from pmsbridge.store.upgrade import upgrade_sql

    address = _address(context)
    if sql:
        statements = upgrade_sql(address)
        if as_json:
            print_json({"sql": statements})
        else:
            print(statements, end="")
        return
    before, after = run(address)
    if as_json:
        print_json({"before": before, "after": after, "changed": before != after})
    else:
        say(f"Schema {before} became {after}." if before != after else f"Schema {after} is the newest; nothing to do.")
