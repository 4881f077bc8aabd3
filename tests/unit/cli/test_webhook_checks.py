"""What the doctor says of webhook endpoints: can they be told, and are they?"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from pmsbridge.store import changes
from pmsbridge.store.changes import ChangeKind
from pmsbridge.store.database import open_database
from pmsbridge.store.mirror_writes import Scope, place_of
from pmsbridge.store.tables import MIRROR, webhooks
from pmsbridge.store.webhooks import Failure, Feed, Head, Webhooks
from tests.unit.cli.conftest import Command

SECRET = "whsec_" + "QUFB" * 8


@pytest.fixture
def hooked(rentbook: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The rent book, with one endpoint on this machine."""
    monkeypatch.setenv("CRM_SECRET", SECRET)
    endpoint(rentbook, 'url = "http://127.0.0.1:9/in"', "allow_private = true")
    return rentbook


def endpoint(rentbook: Path, *lines: str) -> None:
    settings = rentbook.parent / "pmsbridge.toml"
    text = settings.read_text().partition("[[webhooks]]")[0]
    settings.write_text("\n".join([f'{text}[[webhooks]]\nname = "crm"\nsecret = "env:CRM_SECRET"', *lines]) + "\n")


def found(command: Command, part: str) -> dict[str, Any]:
    checks = command("doctor", "--json").data["checks"]
    (check,) = [each for each in checks if each["name"] == f"webhook crm: {part}"]
    return dict(check)


def store_of(rentbook: Path) -> Webhooks:
    store = Webhooks(open_database(f"sqlite:///{rentbook.parent / 'pmsbridge.db'}"))
    store.register(["crm"])
    return store


def a_change(store: Webhooks, at: datetime) -> None:
    with store._database.write() as connection:
        place = place_of(connection, Scope("home", "HOME", "tenant"))
        row = {"place": place, "entity": "tenant", "id": "t1", "uid": "0" * 32, "row_hash": b"x", "first_seen": at}
        key = connection.execute(MIRROR.ids.insert().values(**row).returning(MIRROR.ids.c.key)).scalar_one()
        changes.append(connection, place, [(key, ChangeKind.CHANGED.value, "{}", "{}")], at, "run")


def test_an_endpoint_nobody_has_told_yet_is_fine(command: Command, hooked: Path) -> None:
    assert [found(command, part)["status"] for part in ("secret", "address", "delivery")] == ["ok", "ok", "ok"]


@pytest.mark.parametrize("secret", [None, "whsec_no", "tr0ub4dor-canary"])
def test_a_secret_that_is_missing_or_none_fails(
    command: Command, hooked: Path, monkeypatch: pytest.MonkeyPatch, secret: str | None
) -> None:
    if secret is None:
        monkeypatch.delenv("CRM_SECRET")
    else:
        monkeypatch.setenv("CRM_SECRET", secret)

    check = found(command, "secret")

    assert check["status"] == "failed"
    assert "env:CRM_SECRET" in check["detail"]
    assert secret is None or secret not in json.dumps(check)


def test_an_address_that_is_refused_fails(command: Command, hooked: Path) -> None:
    endpoint(hooked, 'url = "https://127.0.0.1/in"')

    check = found(command, "address")

    assert check["status"] == "failed"
    assert "allow_private" in check["remedy"]


def test_a_name_that_leads_nowhere_fails(command: Command, hooked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(*_given: object, **_named: object) -> None:
        raise OSError

    monkeypatch.setattr("pmsbridge.cli.webhook_checks.socket.getaddrinfo", nowhere)

    assert "cannot be looked up" in found(command, "address")["detail"]


def test_a_disabled_endpoint_fails_and_one_that_fails_now_is_a_warning(command: Command, hooked: Path) -> None:
    store = store_of(hooked)
    a_change(store, datetime.now(UTC))
    for again_after, status in ((timedelta(hours=1), "warning"), (None, "failed")):
        store.enable("crm")
        held = store.take("crm", "worker", timedelta(minutes=1))
        assert held is not None
        store.failed(held, Failure(Head(Feed.CHANGES, 1), 3, "HTTP 500", again_after))

        check = found(command, "delivery")

        assert check["status"] == status
        assert "HTTP 500" in check["detail"]
        assert "1 changes and 0 outcomes wait" in check["detail"]
        with store._database.write() as connection:
            connection.execute(update(webhooks).values(lease_until=datetime.now(UTC) - timedelta(days=1)))
    store._database.close()


def test_a_backlog_of_hours_is_a_warning(command: Command, hooked: Path) -> None:
    store = store_of(hooked)
    a_change(store, datetime.now(UTC) - timedelta(minutes=5))
    assert found(command, "delivery")["status"] == "ok"

    a_change_before = datetime.now(UTC) - timedelta(hours=5)
    with store._database.write() as connection:
        connection.execute(update(MIRROR.changes).values(at=a_change_before))
    store._database.close()

    check = found(command, "delivery")
    assert check["status"] == "warning"
    assert "5 hours" in check["detail"]
