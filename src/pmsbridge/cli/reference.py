"""The reference part of the command line's page, made from the commands themselves.

``python -m pmsbridge.cli.reference --write docs/cli.md`` renews the part between the marks; ``--check`` fails when it
differs.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import typer.main

from pmsbridge.cli.app import app

__all__ = ["main", "reference", "renewed"]

_BEGIN: Final = "<!-- generated from the commands: begin -->"
_END: Final = "<!-- generated from the commands: end -->"


def reference() -> str:
    """Every command with its arguments, options, defaults and help, as Markdown."""
    root: Any = typer.main.get_command(app)
    return "\n".join(line for name, command in _commands(root, "pmsbridge") for line in _section(name, command))


def _commands(group: Any, above: str) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - the library has no public name
    for name in group.commands:
        command = group.commands[name]
        if hasattr(command, "commands"):
            if command.invoke_without_command:
                yield f"{above} {name}", command
            yield from _commands(command, f"{above} {name}")
        else:
            yield f"{above} {name}", command


def _section(name: str, command: Any) -> Iterator[str]:  # noqa: ANN401
    arguments = " ".join(_argument(each) for each in command.params if each.param_type_name == "argument")
    title = f"{name} {arguments}".strip()
    yield f"### `{title}`\n"
    yield f"{command.help}\n"
    rows = [_row(each) for each in command.params if each.name != "help"]
    if rows:
        yield "| | | default |\n|---|---|---|"
        yield from rows
        yield ""


def _argument(parameter: Any) -> str:  # noqa: ANN401
    word = str(parameter.metavar or parameter.name.upper())
    return word if parameter.required else f"[{word}]"


def _row(parameter: Any) -> str:  # noqa: ANN401
    is_argument = parameter.param_type_name == "argument"
    name = _argument(parameter) if is_argument else ", ".join(parameter.opts)
    default = "required" if parameter.required else _default(parameter.default)
    return f"| `{name}` | {parameter.help or ''} | {default} |"


def _default(value: object) -> str:
    return "" if value in {None, "", False} else f"`{value}`"


def renewed(page: str) -> str:
    """A page with the part between the marks made anew.

    Raises:
        ValueError: The page has no marks.
    """
    before, begin, rest = page.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        message = "the page has no marks for the generated part"
        raise ValueError(message)
    return f"{before}{_BEGIN}\n\n{reference()}\n{_END}{after}"


def main(args: list[str]) -> int:
    """Renew or check a page; 1 when a check finds a difference."""
    mode, path = args[0], Path(args[1])
    page = path.read_text(encoding="utf-8")
    fresh = renewed(page)
    if mode == "--write":
        path.write_text(fresh, encoding="utf-8")
        return 0
    if fresh != page:
        how = f"python -m pmsbridge.cli.reference --write {path}"
        sys.stderr.write(f"{path} is not what the commands say. Run: {how}\n")
    return int(fresh != page)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
