"""``pmsbridge doctor``: is everything there that a working day needs?"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, cast

import typer

from pmsbridge.cli.checks import Check, Status, tried
from pmsbridge.cli.dispatch_check import dispatch_check
from pmsbridge.cli.opening import read_settings
from pmsbridge.cli.screen import JsonOption, print_json, print_table, say
from pmsbridge.cli.setting_checks import Declared, setting_checks
from pmsbridge.cli.webhook_checks import webhook_checks
from pmsbridge.errors import ConfigurationError, PmsBridgeError
from pmsbridge.logging import assert_redaction_installed, redact
from pmsbridge.registry import adapters, build_adapter
from pmsbridge.secrets import ReferenceSecrets
from pmsbridge.settings import AccountSettings, Settings

__all__ = ["Check", "account_checks", "doctor", "examine"]

_REFERENCE: Final = re.compile(r"(?:env:[A-Za-z_][A-Za-z0-9_]*|file:.+)")
_MAIL_SECONDS: Final = 5


def doctor(context: typer.Context, as_json: JsonOption = False) -> None:
    """Check settings, secrets, store, queue, mail, webhooks and every back office. Exits with 4 when a check failed."""
    checks = list(_all_checks(context))
    failed = sum(check.status == "failed" for check in checks)
    if as_json:
        print_json({"healthy": not failed, "checks": [asdict(check) for check in checks]})
    else:
        print_table("Doctor", ["check", "status", "what", "what to do"], [tuple(asdict(c).values()) for c in checks])
        say(f"{failed} of {len(checks)} checks failed." if failed else "Everything needed is there.")
    if failed:
        raise typer.Exit(ConfigurationError.exit_code)


def _all_checks(context: typer.Context) -> Iterator[Check]:
    try:
        settings = read_settings(context)
    except PmsBridgeError as error:
        yield Check("settings", "failed", str(error))
        return
    yield Check("settings", "ok", str(settings.file or "the environment"))
    yield from examine(settings)


def examine(settings: Settings) -> Iterator[Check]:
    """Every check after the settings were read. Nothing is changed, except that a missing store is created."""
    secrets = ReferenceSecrets(folder=settings.folder)
    yield from _secrets(settings, secrets)
    yield tried("redaction", _redaction)
    yield tried("store", lambda: _store(settings, secrets))
    yield dispatch_check(settings, secrets)
    yield _mail(settings)
    yield from webhook_checks(settings, secrets)
    declared: dict[str, Declared] = {}
    for name, account in settings.accounts.items():
        yield from account_checks(name, account, secrets, file=settings.file, declared=declared)
    yield from setting_checks(settings, declared)


def _redaction() -> str:
    assert_redaction_installed()
    return "every log line goes through the redactor"


def _secrets(settings: Settings, secrets: ReferenceSecrets) -> Iterator[Check]:
    for key, reference in _references(settings):
        checked = tried(f"secret {key}", lambda reference=reference: _resolved(secrets, reference))  # type: ignore[misc]
        warning = secrets.warning(reference) if checked.status == "ok" else ""
        yield Check(checked.name, "warning", warning, f"chmod 600 {reference[5:]}") if warning else checked


def _resolved(secrets: ReferenceSecrets, reference: str) -> str:
    secrets.get(reference)
    return reference


def _references(settings: Settings) -> Iterator[tuple[str, str]]:
    """Dotted key and reference of every secret the settings refer to."""
    for section in ("store", "dispatch", "mail"):
        reference = getattr(settings, section).password
        if reference is not None:
            yield f"{section}.password", reference
    for name, account in settings.accounts.items():
        yield from _among(account.options, f"accounts.{name}.options")


def _among(table: Mapping[str, Any], above: str) -> Iterator[tuple[str, str]]:
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _among(value, f"{above}.{name}")
        elif isinstance(value, str) and _REFERENCE.fullmatch(value):
            yield f"{above}.{name}", value


def _store(settings: Settings, secrets: ReferenceSecrets) -> str:
    from pmsbridge.store.database import open_database

    file = settings.store.file
    is_new = file is not None and not file.exists()
    database = open_database(settings.store.address(secrets), connections=settings.store.connections)
    try:
        with database.write():
            pass
    finally:
        database.close()
    was_made = "; it was not there, and was made now, empty" if is_new else ""
    return f"{_place(settings.store.url)} can be written{was_made}"


def _place(url: str) -> str:
    return url.removeprefix("sqlite:///")


def _mail(settings: Settings) -> Check:
    mail = settings.mail
    if mail.host is None:
        remedy = "Set mail.host, or notices by mail to the staff fail with a finding."
        return Check("mail", "warning", "no server is set", remedy)
    try:
        socket.create_connection((mail.host, mail.port), timeout=_MAIL_SECONDS).close()
    except OSError as error:
        return Check(
            "mail",
            "failed",
            f"{mail.host}:{mail.port} cannot be reached ({type(error).__name__})",
            "Check mail.host and mail.port; notices wait until the server is back.",
        )
    return Check("mail", "ok", f"{mail.host}:{mail.port} answers")


def account_checks(
    name: str,
    account: AccountSettings,
    secrets: ReferenceSecrets,
    *,
    file: Path | None,
    declared: dict[str, Declared] | None = None,
) -> Iterator[Check]:
    """Whether an account's adapter can be built, and what the adapter finds out about its back office.

    Args:
        name: The account's.
        account: Its settings.
        secrets: What its references stand for.
        file: Which file the settings are from, for its errors.
        declared: Gets what the adapter says of itself.
    """
    title = f"account {name}"
    try:
        adapter = build_adapter(name, account.system, account.options, secrets=secrets, file=file)
    except PmsBridgeError as error:
        yield Check(title, "failed", redact(str(error)))
        return
    try:
        if declared is not None:
            declared[name] = Declared.of(adapter)
        yield Check(title, "ok", f"{account.system}, by {adapters().distribution(account.system)}")
        yield from _diagnosed(title, adapter.diagnose)
    finally:
        adapter.close()


def _diagnosed(title: str, diagnose: Callable[[], Sequence[Mapping[str, str]]]) -> Iterator[Check]:
    try:
        checks = [_row(title, row) for row in diagnose()]
    except PmsBridgeError as error:
        checks = [Check(f"{title}: back office", "failed", redact(str(error)))]
    yield from checks
    statuses = {check.status for check in checks}
    if "skipped" in statuses and not statuses & {"ok", "failed"}:
        # A back office that could not be asked anything is no healthy one.
        yield Check(f"{title}: back office", "failed", "nothing could be checked", "Check its address and the network.")


def _row(title: str, row: Mapping[str, str]) -> Check:
    status = cast("Status", row["status"])
    return Check(f"{title}: {row['name']}", status, redact(row.get("detail", "")), redact(row.get("remedy", "")))
