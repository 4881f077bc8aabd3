"""``pmsbridge init``: write a commented settings file."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from pmsbridge.cli.sandbox import named_sandbox
from pmsbridge.cli.screen import JsonOption, print_json, say
from pmsbridge.errors import InputError
from pmsbridge.registry import adapters, sandboxes
from pmsbridge.settings import FILE_NAME

__all__ = ["init", "sandbox_settings", "write_account", "write_sandbox_settings"]

EXAMPLE: Final = "example.toml"
"""An adapter or sandbox may bring a file of this name beside its plugin: the commented options of an account."""

_SECRET_LINE: Final = re.compile(r"^#: file (?P<name>[a-z0-9_-]+) (?P<value>\S+)$", re.MULTILINE)
_DEFAULT_URL: Final = "http://127.0.0.1:8790"

_HEAD: Final = """\
# Settings of pmsbridge. Every value can be set in the environment too, which wins:
# PMSBRIDGE_MAIL__HOST=mail.example.com sets host in the table [mail].
# A secret is never written here: write where it is, as env:NAME or file:/path.

[store]
# Journal and mirror. A relative path is relative to this file.
url = "sqlite:///pmsbridge.db"

[mail]
# Notices to the staff of a facility go through this server. Without one they fail with a finding.
{mail}
[log]
level = "warning"   # debug, info, warning, error; always redacted
format = "text"     # or "json": one object per line

[engine]
# How long an unknown outcome sleeps before the back office is looked at. The adapter knows a safe length.
{engine}
[schedule]
nightly = "02:30"   # copies every facility, in each facility's own time, or "never"
# When payments are compared with the back office, in each facility's own time; else after the nightly copy.
# reconcile = "22:30"
# When the back office closes its day: until then a payment can be voided, and reconcile says so.
# daily_close = "23:59"

[dispatch]
# Who finishes what a click could not: embedded, procrastinate (PostgreSQL), celery or inline (whoever asks).
# by = "embedded"
# How many things one process works on at once.
# concurrency = 4
# How often due work is looked for.
# sweep_every = "2s"
# Celery needs the address of its queue, without a password; Procrastinate uses the store's database.
# broker = "redis://127.0.0.1:6379/0"
# Where the queue's password is.
# password = "env:QUEUE_PASSWORD"

[notices]
# In which language staff are told: en or fr.
# language = "en"
# Where staff read mail; else at the facility's own address, as the back office holds it.
# addresses = ["office@example.com"]
# Where their answers go; else to mail.sender.
# reply_to = "office@example.com"
# A folder of your own templates, en/ and fr/ below it; a file that is not there is taken from ours.
# templates = "templates"

"""
_MAIL_LATER: Final = """\
# host = "smtp.example.com"
# port = 587
# starttls = true
# sender = "portal@example.com"
# username = "portal"
# password = "env:SMTP_PASSWORD"
"""
_ENGINE_LATER: Final = '# settle_window = "120s"\n'
_WEBHOOKS_LATER: Final = """
# Who is told over HTTP what happens, one table per endpoint; pmsbridge run tells them.
# [[webhooks]]
# name = "crm"
# url = "https://hooks.example.com/pmsbridge"
# secret = "env:CRM_WEBHOOK_SECRET"
# events = ["tenant.*", "action.*"]
"""
_ACCOUNT_LATER: Final = """\
# One table per account at a back office. Install an adapter to get its options here.
[accounts.{account}]
system = "{system}"

[accounts.{account}.options]
"""


def init(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it.")] = Path(FILE_NAME),
    system: Annotated[
        str, typer.Option("--system", help="Which back office; the first installed one when left out.")
    ] = "",
    sandbox: Annotated[
        str | None, typer.Option("--sandbox", metavar="NAME", help="Settings for a local sandbox instead.")
    ] = None,
    url: Annotated[str, typer.Option("--url", help="Where that sandbox listens.")] = _DEFAULT_URL,
    as_json: JsonOption = False,
) -> None:
    """Write a commented settings file. A file that exists is never overwritten."""
    written = (
        write_sandbox_settings(path, sandbox, url) if sandbox is not None else [_write(path, _for_account(system))]
    )
    for each in written:
        say(f"Wrote {each}.")
    say(f"Next: look it over, then run 'pmsbridge --config {path} doctor'.")
    if as_json:
        print_json({"written": written})


def write_sandbox_settings(path: Path, name: str, url: str, *, mail: str = "", engine: str = "") -> list[Path]:
    """Write settings for a sandbox and its worthless secrets as files beside them.

    Args:
        path: The settings file.
        name: The sandbox; empty for the first installed one.
        url: Where it listens.
        mail: Lines for the table [mail]; empty leaves them as comments.
        engine: Lines for the table [engine]; the same.

    Raises:
        InputError: A file exists already, or the sandbox brings no example.
    """
    text, secrets = sandbox_settings(name, url, mail=mail, engine=engine)
    for file in (path, *(path.parent / secret for secret in secrets)):
        _refuse_existing(file)
    return [_write(path, text), *(_write(path.parent / secret, value + "\n") for secret, value in secrets.items())]


def write_account(path: Path, system: str, options: Mapping[str, Any], secrets: Mapping[str, str]) -> list[Path]:
    """Write settings of one account, and its worthless secrets as files beside them.

    Args:
        path: The settings file.
        system: The adapter.
        options: The account's; ``env:NAME`` in them stands for a secret.
        secrets: By name.

    Raises:
        InputError: A file exists already.
    """
    own = {f"env:{name}": f"file:sandbox-{name}" for name in secrets}
    text = _head("", "") + f"[accounts.demo]\nsystem = {json.dumps(system)}\noptions = {_inline(options, own)}\n"
    files = {path.parent / f"sandbox-{name}": value for name, value in secrets.items()}
    for file in (path, *files):
        _refuse_existing(file)
    return [_write(path, text), *(_write(file, value + "\n") for file, value in files.items())]


def _inline(value: Any, own: Mapping[str, str]) -> str:  # noqa: ANN401 - tables, lists and texts
    """A value as TOML has it on one line."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_inline(each, own)}" for key, each in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_inline(each, own) for each in value) + "]"
    return json.dumps(own.get(value, value) if isinstance(value, str) else value)


def sandbox_settings(name: str, url: str, *, mail: str = "", engine: str = "") -> tuple[str, dict[str, str]]:
    """The text of a settings file for a sandbox, and its secrets by file name."""
    plugin = named_sandbox(name)
    example = sandboxes().beside(plugin.name, EXAMPLE)
    if example is None:
        raise InputError(
            "sandbox", f"{plugin.name} brings no example settings", remedy="Write the account's options by hand."
        )
    secrets = {match["name"]: match["value"] for match in _SECRET_LINE.finditer(example)}
    account = _SECRET_LINE.sub("", example).lstrip("\n").replace("{account}", "demo").replace("{url}", url.rstrip("/"))
    return _head(mail, engine) + account.rstrip("\n") + "\n" + _WEBHOOKS_LATER, secrets


def _for_account(system: str) -> str:
    installed = adapters()
    wanted = system or next(iter(installed), "")
    example = installed.beside(wanted, EXAMPLE) if wanted in installed else None
    text = example or _ACCOUNT_LATER.replace("{system}", wanted or "name-of-the-back-office")
    return _head("", "") + text.replace("{account}", "main").rstrip("\n") + "\n" + _WEBHOOKS_LATER


def _head(mail: str, engine: str) -> str:
    return _HEAD.replace("{mail}", mail or _MAIL_LATER).replace("{engine}", engine or _ENGINE_LATER)


def _refuse_existing(path: Path) -> None:
    if path.exists():
        raise InputError("path", f"{path} exists already", remedy="Name another file, or move it away.", code="exists")


def _write(path: Path, text: str) -> Path:
    _refuse_existing(path)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise InputError("path", f"{path} cannot be written ({error.strerror})") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return path
