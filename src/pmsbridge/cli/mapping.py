"""``pmsbridge map``: files that say how a back office is spoken to. Only ``check`` speaks to one, and it only reads."""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from pmsbridge.cli.doctor import account_checks
from pmsbridge.cli.init import write_account
from pmsbridge.cli.opening import read_settings
from pmsbridge.cli.screen import JsonOption, print_json, print_table, say
from pmsbridge.cli.stopping import interruptible
from pmsbridge.errors import ConfigurationError, InputError, NotFoundError, UnavailableError
from pmsbridge.secrets import ReferenceSecrets

if TYPE_CHECKING:
    from pmsbridge.registry import MappingFormat

__all__ = ["group"]

_NUMBER: Final = re.compile(r'"\\u0000([0-9.-]+)\\u0000"')

group = typer.Typer(
    name="map",
    help="Mapping files: look at one, see what it would send, try the login, draft one, play one.",
    no_args_is_help=True,
)

_File = Annotated[
    Path,
    typer.Argument(metavar="FILE", help="The mapping file, or the name of one that is shipped.", show_default=False),
]
_Format = Annotated[str, typer.Option("--format", metavar="NAME", help="Which mapping format; else the only one.")]
_OpenApi = Annotated[
    Path | None, typer.Option(metavar="DOCUMENT", help="The vendor's OpenAPI document; else the one the file names.")
]

_Examples = Annotated[
    Path | None, typer.Option(metavar="EXAMPLES", help="The vendor's examples, JSON; else those the file names.")
]


@group.command("lint")
def lint(
    file: _File,
    openapi: _OpenApi = None,
    examples: _Examples = None,
    production: Annotated[
        bool, typer.Option("--production", help="It is for real tenants: what is only guessed is an error.")
    ] = False,
    form: _Format = "",
    as_json: JsonOption = False,
) -> None:
    """Tell what is wrong or doubtful in a mapping file, with line and column. Exit code 1 when something is wrong."""
    found = _format(form).lint(file, production=production, openapi=openapi, examples=examples)
    errors = sum(each["level"] == "error" for each in found)
    if as_json:
        print_json({"file": str(file), "errors": errors, "findings": list(found)})
    for each in () if as_json else found:
        key = f"{each['key']}: " if each["key"] else ""
        print(f"{file}:{each['line']}:{each['column']}: {each['level']}: {key}{each['what']} [{each['rule']}]")
    doubts = sum(each["level"] == "warning" for each in found)
    say(f"{file}: {errors} wrong, {doubts} to look at.")
    if errors:
        raise typer.Exit(1)


@group.command("try")
def preview(
    file: _File,
    action: Annotated[
        str,
        typer.Argument(metavar="ACTION", help="What to ask for; all of the file when left out.", show_default=False),
    ] = "",
    effect: Annotated[
        Path | None, typer.Option(metavar="JSON", help="A file with the effect; else a made-up one.")
    ] = None,
    options: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=TEXT", help="An option of the account; may be repeated.")
    ] = None,
    form: _Format = "",
    as_json: JsonOption = False,
) -> None:
    """Show the requests of an action, to the letter. Nothing is sent."""
    tools = _format(form)
    names = [action] if action else tools.actions(file)
    chosen = _options(options or [])
    shown = {name: tools.preview(file, name, effect=effect, options=chosen) for name in names}
    if as_json:
        print_json({name: list(requests) for name, requests in shown.items()})
        return
    for name, requests in shown.items():
        print(f"# {name}")
        for request in requests:
            print("\n".join(_lines(request)) + "\n")


@group.command("check")
def check(
    context: typer.Context,
    account: Annotated[
        str,
        typer.Argument(
            metavar="ACCOUNT", help="One account; all that a mapping serves when left out.", show_default=False
        ),
    ] = "",
    form: _Format = "",
    as_json: JsonOption = False,
) -> None:
    """Try the login of accounts that a mapping serves: the read that the mapping names, which changes nothing."""
    settings = read_settings(context)
    system = _format(form).name
    served = {name: each for name, each in settings.accounts.items() if each.system == system}
    if account and account not in served:
        remedy = f"Served by a mapping: {', '.join(served) or 'none'}."
        raise NotFoundError("account", f"none of that name has system = {system!r}", remedy=remedy)
    secrets = ReferenceSecrets(folder=settings.folder)
    found = [
        each
        for name, one in served.items()
        if account in {"", name}
        for each in account_checks(name, one, secrets, file=settings.file)
    ]
    failed = sum(each.status == "failed" for each in found)
    if as_json:
        print_json({"healthy": bool(found) and not failed, "checks": [asdict(each) for each in found]})
    else:
        print_table(
            "Check", ["check", "status", "what", "what to do"], [tuple(asdict(each).values()) for each in found]
        )
    if not found:
        say(f"No account has system = {system!r}; nothing was asked.")
    if failed or not found:
        raise typer.Exit(ConfigurationError.exit_code)


@group.command("schema")
def schema(form: _Format = "") -> None:
    """Print the JSON Schema of a mapping file: an editor that knows YAML completes and checks by it."""
    print_json(_format(form).schema())


@group.command("scaffold")
def scaffold(
    openapi: Annotated[
        Path, typer.Argument(metavar="DOCUMENT", help="The vendor's OpenAPI document.", show_default=False)
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where to write it; else standard output.")
    ] = None,
    name: Annotated[str, typer.Option(metavar="NAME", help="The system's short name; else the document's.")] = "",
    evidence: Annotated[
        str, typer.Option(metavar="WORD", help="Whose document it is: official_spec, third_party_spec ...")
    ] = "third_party_spec",
    form: _Format = "",
) -> None:
    """Draft a mapping from an OpenAPI document, for a person to complete and to review."""
    text = _format(form).scaffold(openapi, name=name, evidence=evidence)
    if output is None:
        print(text, end="")
        return
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        message = f"{output}: cannot be written ({error.strerror}). Name another with --output."
        raise ConfigurationError(message, code="output") from None
    say(f"{output} is a draft. Review it, then run: pmsbridge map lint {output}")


@group.command("prove")
def prove(
    file: _File,
    vendor: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="The mapping that the back office is made of; else the same.", show_default=False
        ),
    ] = None,
    form: _Format = "",
    as_json: JsonOption = False,
) -> None:
    """Hold a mapping to every promise, on the back office that is made of it. Exit code 1 when one is not kept."""
    found = []
    for each in _format(form).prove(file, vendor=vendor):
        found.append(each)
        if not as_json:
            print("\n".join(_proof(file, each)), flush=True)
    counts = {result: sum(each["result"] == result for each in found) for result in ("ok", "not_possible", "failed")}
    if as_json:
        print_json({"file": str(file), "proved": not counts["failed"], "counts": counts, "cases": found})
    say(f"{file}: {counts['ok']} kept, {counts['not_possible']} not possible, {counts['failed']} FAILED.")
    if counts["failed"]:
        raise typer.Exit(1)


@group.command("sandbox")
def sandbox(
    file: _File,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8790,
    settings: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write settings for it here, its secrets beside it.")
    ] = None,
    form: _Format = "",
    as_json: JsonOption = False,
) -> None:
    """Serve the back office of a mapping on loopback until told to stop (SIGTERM, Ctrl-C)."""
    tools = _format(form)

    def ready(url: str, options: Mapping[str, Any], secrets: Mapping[str, str]) -> None:
        written = write_account(settings, tools.name, options, secrets) if settings is not None else []
        say(f"The back office of {file} listens on {url}. Stop it with Ctrl-C.")
        for each in written:
            say(f"Wrote {each}.")
        if as_json:
            print_json({"url": url, "pid": os.getpid(), "written": written})

    try:
        with interruptible():
            tools.play(file, port=port, ready=ready)
    except OSError as error:
        message = f"port {port} cannot be used ({error.strerror}). Name another with --port, or 0 for a free one."
        raise UnavailableError(message, code="port") from None


def _format(name: str) -> MappingFormat:
    """The named mapping format; the only one installed for an empty name."""
    from pmsbridge.registry import mapping_formats

    installed = mapping_formats()
    wanted = name or next(iter(installed), "")
    if wanted in installed:
        return installed[wanted]
    close = difflib.get_close_matches(wanted, list(installed), n=1)
    known = f"Installed: {', '.join(installed) or 'none'}."
    raise NotFoundError(
        "format", "none of that name is installed", remedy=f"Did you mean {close[0]}?" if close else known
    )


def _options(given: Sequence[str]) -> dict[str, str]:
    found = {}
    for each in given:
        name, sign, text = each.partition("=")
        if not sign or not name:
            raise InputError("--set", "is no NAME=TEXT", shape=f"text of {len(each)} characters")
        found[name] = text
    return found


def _lines(request: Mapping[str, Any]) -> list[str]:
    """One request, as it would be sent."""
    query = "&".join(f"{name}={text}" for name, text in request["query"])
    note = f"  ({request['note']})" if request["note"] else ""
    lines = [f"## {request['step']}: {request['purpose']}{note}"]
    lines.append(f"{request['method']} {request['url']}{'?' if query else ''}{query}")
    lines += [f"{name}: {text}" for name, text in request["headers"].items()]
    if request["body"] is not None:
        body = json.dumps(request["body"], indent=2, ensure_ascii=False, default=_number)
        lines += ["", _NUMBER.sub(r"\1", body)]
    return lines


def _proof(file: Path, case: Mapping[str, Any]) -> list[str]:
    """One case, in a line; of what failed, what was expected and seen, and where in the file to look."""
    weather = f" ({case['weather'].replace('_', ' ')})" if case["weather"] else ""
    words = f"{case['about']}: {case['words']}{weather}" if case["about"] else f"{case['words']}{weather}"
    if case["result"] == "ok":
        return [f"ok            {words}"]
    if case["result"] == "not_possible":
        return [f"not possible  {words} ({case['seen']})"]
    lines = [f"FAILED        {words}", f"    expected: {case['expected']}", f"    seen:     {case['seen']}"]
    lines += [f"    asked:    {call}" for call in case["calls"]]
    return [*lines, f"    see:      {file}:{case['line']}:{case['column']}: {case['key']}"]


def _number(value: object) -> str:
    """An exact number, marked so that its quotes are taken off again: it is sent as a number."""
    if isinstance(value, Decimal):
        return f"\0{value:f}\0"
    raise TypeError(type(value).__name__)
