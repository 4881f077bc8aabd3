from __future__ import annotations

import json
import os
import re
import stat
import sys
from datetime import time
from pathlib import Path

import pytest

from pmsbridge.model.schemas import json_schemas
from pmsbridge.settings import load_settings
from tests.unit.cli.conftest import Command, Ran

# -- schema -----------------------------------------------------------------------------------------------------------


def test_schema_lists_names_and_prints_one(command: Command) -> None:
    names = command("schema", "--json").data["schemas"]

    assert names == sorted(json_schemas())
    assert command("schema", "money").data == json_schemas()["Money"]
    assert command("schema").out.splitlines() == names


def test_an_unknown_schema_gets_a_suggestion(command: Command) -> None:
    ran = command("schema", "Tennat", "--json")

    assert ran.code == 2
    assert "Did you mean Tenant?" in ran.data["error"]["message"]


# -- init -------------------------------------------------------------------------------------------------------------


def test_init_writes_settings_that_load(command: Command, tmp_path: Path) -> None:
    ran = command("init", "--json")

    assert ran.code == 0
    assert ran.data == {"written": ["pmsbridge.toml"]}
    settings = load_settings(tmp_path / "pmsbridge.toml", {})
    assert list(settings.accounts) == ["main"]
    assert stat.S_IMODE((tmp_path / "pmsbridge.toml").stat().st_mode) == 0o600


def test_init_writes_what_else_can_be_set_as_comments_that_are_right(command: Command, tmp_path: Path) -> None:
    command("init")
    path = tmp_path / "pmsbridge.toml"
    text = path.read_text(encoding="utf-8")

    # Every commented setting is switched on; what explains it is a sentence and stays a comment.
    head, account, rest = text.partition("\n[accounts")
    options, about, endpoint = rest.partition("# Who is told over HTTP")
    endpoint = re.sub(r"(?m)^# (?=[a-z_]+ = |\[\[)", "", endpoint)
    path.write_text(re.sub(r"(?m)^# (?=[a-z_]+ = )", "", head) + account + options + about + endpoint, encoding="utf-8")
    settings = load_settings(path, {})

    assert settings.schedule.reconcile == time(22, 30)
    assert settings.schedule.daily_close == time(23, 59)
    assert (settings.dispatch.by, settings.dispatch.concurrency) == ("embedded", 4)
    assert settings.dispatch.broker == "redis://127.0.0.1:6379/0"
    assert settings.notices.addresses == ("office@example.com",)
    assert [(each.name, each.events) for each in settings.webhooks] == [("crm", ("tenant.*", "action.*"))]
    lines = head.splitlines()
    for name in ("reconcile", "daily_close", "by", "broker", "language", "templates"):
        (place,) = [number for number, line in enumerate(lines) if line.startswith(f"# {name} = ")]
        assert lines[place - 1].startswith("# "), name
        assert " = " not in lines[place - 1], name


def test_init_never_overwrites(command: Command, tmp_path: Path) -> None:
    (tmp_path / "pmsbridge.toml").write_text("mine")

    ran = command("init")

    assert ran.code == 2
    assert "exists already" in ran.err
    assert (tmp_path / "pmsbridge.toml").read_text() == "mine"


def test_init_writes_the_example_of_another_distribution(command: Command, rentbook: Path) -> None:
    ran = command("init", "other.toml", "--system", "rentbook")

    assert ran.code == 0
    options = load_settings(rentbook.parent / "other.toml", {}).accounts["main"].options
    assert options["facility"] == "HOME"


def test_init_for_a_sandbox_keeps_its_secrets_in_files_of_their_own(command: Command, tmp_path: Path) -> None:
    ran = command("init", "--sandbox", "sitelink", "--url", "http://127.0.0.1:1234/", "--json")

    written = ran.data["written"]
    text = (tmp_path / "pmsbridge.toml").read_text()
    secrets = [(tmp_path / name).read_text().strip() for name in written if name != "pmsbridge.toml"]
    assert len(secrets) == 2
    assert not any(secret in text for secret in secrets)
    assert "http://127.0.0.1:1234/CCWs" in text
    load_settings(tmp_path / "pmsbridge.toml", {})


def test_init_with_an_unknown_sandbox_says_which_there_are(command: Command) -> None:
    ran = command("init", "--sandbox", "sitelnk")

    assert ran.code == 2
    assert "Did you mean sitelink?" in ran.err


def test_init_into_a_missing_folder_says_so(command: Command) -> None:
    ran = command("init", "nope/pmsbridge.toml")

    assert ran.code == 2
    assert "cannot be written (No such file or directory)" in ran.err


# -- doctor -----------------------------------------------------------------------------------------------------------


def statuses(ran: Ran) -> dict[str, str]:
    return {check["name"]: check["status"] for check in ran.data["checks"]}


def test_the_doctor_finds_a_healthy_rent_book(command: Command, rentbook: Path) -> None:
    ran = command("doctor", "--json")

    assert ran.code == 0
    assert ran.data["healthy"] is True
    assert statuses(ran) == {
        "settings": "ok",
        "redaction": "ok",
        "store": "ok",
        "dispatch": "ok",
        "mail": "warning",
        "account home": "ok",
        "account home: rent book": "ok",
    }


def test_the_doctor_tells_a_person_the_same(command: Command, rentbook: Path) -> None:
    ran = command("doctor")

    assert "rent book" in ran.out
    assert "Everything needed is there." in ran.err


def test_the_doctor_fails_on_a_typo_and_names_it(command: Command, rentbook: Path) -> None:
    settings = rentbook.parent / "pmsbridge.toml"
    settings.write_text(settings.read_text() + '[mial]\nhost = "x"\n')

    ran = command("doctor", "--json")

    assert ran.code == 4
    assert ran.data["healthy"] is False
    assert "Did you mean mail?" in ran.data["checks"][0]["detail"]


def test_the_doctor_fails_on_a_missing_secret_and_names_only_its_place(command: Command, rentbook: Path) -> None:
    settings = rentbook.parent / "pmsbridge.toml"
    settings.write_text(
        settings.read_text() + '[mail]\nhost = "127.0.0.1"\nport = 1\nusername = "u"\npassword = "env:NO_SUCH"\n'
    )

    ran = command("doctor", "--json")

    assert ran.code == 4
    assert statuses(ran)["secret mail.password"] == "failed"
    assert statuses(ran)["mail"] == "failed"


@pytest.mark.skipif(os.name != "posix", reason="needs the file modes of POSIX")
def test_the_doctor_warns_of_a_secret_that_everybody_can_read(command: Command, rentbook: Path) -> None:
    key = rentbook.parent / "key"
    key.write_text("tr0ub4dor-canary")
    key.chmod(0o644)
    settings = rentbook.parent / "pmsbridge.toml"
    settings.write_text(settings.read_text() + '[mail]\nusername = "u"\npassword = "file:key"\n')

    ran = command("doctor", "--json")

    assert statuses(ran)["secret mail.password"] == "warning"
    assert "canary" not in ran.out + ran.err


def test_the_doctor_fails_when_the_back_office_cannot_be_read(command: Command, rentbook: Path) -> None:
    rentbook.unlink()

    ran = command("doctor", "--json")

    assert ran.code == 4
    assert statuses(ran)["account home: back office"] == "failed"


def test_the_doctor_fails_on_an_unknown_system(command: Command, rentbook: Path) -> None:
    settings = rentbook.parent / "pmsbridge.toml"
    settings.write_text(settings.read_text().replace('"rentbook"', '"rentbok"'))

    ran = command("doctor", "--json")

    assert ran.code == 4
    assert "Did you mean 'rentbook'?" in json.dumps(ran.data, ensure_ascii=False)


def test_a_back_office_that_answers_nothing_is_not_healthy(
    command: Command, rentbook: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skipped = [{"name": "login", "status": "skipped", "detail": "not reached", "remedy": ""}]
    monkeypatch.setattr("pmsbridge_rentbook.adapter.RentBookAdapter.diagnose", lambda _self: skipped)

    assert command("doctor", "--json").code == 4


def with_dispatch(rentbook: Path, lines: str) -> None:
    settings = rentbook.parent / "pmsbridge.toml"
    settings.write_text(f"{settings.read_text()}[dispatch]\n{lines}\n")


def dispatch_of(ran: Ran) -> dict[str, str]:
    found: dict[str, str]
    (found,) = [check for check in ran.data["checks"] if check["name"] == "dispatch"]
    return found


@pytest.mark.parametrize(("by", "library", "extra"), [
    ("procrastinate", "procrastinate", "postgres"),
    ("celery", "celery", "celery"),
])  # fmt: skip
def test_the_doctor_names_what_to_install_for_the_dispatch_that_was_chosen(
    command: Command, rentbook: Path, monkeypatch: pytest.MonkeyPatch, by: str, library: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.delitem(sys.modules, f"pmsbridge.dispatch.by_{by}", raising=False)
    monkeypatch.delitem(sys.modules, "pmsbridge.dispatch.poke_link", raising=False)
    with_dispatch(rentbook, f'by = "{by}"\nbroker = "redis://127.0.0.1:1/0"')

    ran = command("doctor", "--json")

    assert ran.code == 4
    assert dispatch_of(ran)["status"] == "failed"
    assert dispatch_of(ran)["remedy"] == f"Run: pip install 'pmsbridge[{extra}]'"


@pytest.mark.parametrize(("lines", "detail", "remedy"), [
    ('by = "celery"', "needs dispatch.broker", "Set dispatch.broker"),
    ('by = "procrastinate"', "needs PostgreSQL", "Put the store on PostgreSQL"),
    ('by = "celery"\nbroker = "redis://127.0.0.1:1/0"', "redis://127.0.0.1:1/0 cannot be reached", "dispatch.broker"),
    ('by = "celery"\nbroker = "amqp://127.0.0.1:1//"', "cannot be reached", "Start the server"),
    ('by = "celery"\nbroker = "pigeon://127.0.0.1:1/0"', "no address of a queue", "Set dispatch.broker"),
    ('by = "procrastinate"\nbroker = "postgresql://u@127.0.0.1:1/x"', "cannot be reached", "Start the server"),
])  # fmt: skip
def test_the_doctor_says_when_the_queue_is_not_there_and_what_to_do(
    command: Command, rentbook: Path, lines: str, detail: str, remedy: str
) -> None:
    with_dispatch(rentbook, lines)

    ran = command("doctor", "--json")

    found = dispatch_of(ran)
    assert (ran.code, found["status"]) == (4, "failed")
    assert detail in found["detail"]
    assert remedy in found["remedy"]


@pytest.mark.parametrize("by", ["embedded", "inline"])
def test_the_doctor_asks_no_queue_where_there_is_none(command: Command, rentbook: Path, by: str) -> None:
    with_dispatch(rentbook, f'by = "{by}"')

    ran = command("doctor", "--json")

    assert (ran.code, dispatch_of(ran)["status"]) == (0, "ok")


def test_the_doctor_looks_for_the_password_of_the_queue(command: Command, rentbook: Path) -> None:
    with_dispatch(rentbook, 'by = "celery"\nbroker = "redis://127.0.0.1:1/0"\npassword = "env:NO_SUCH"')

    ran = command("doctor", "--json")

    assert statuses(ran)["secret dispatch.password"] == "failed"
    assert dispatch_of(ran)["status"] == "failed"


def test_without_settings_every_command_says_how_to_start(command: Command) -> None:
    for words in (["sync"], ["status"], ["actions", "list"], ["actions", "show", "act_x"]):
        ran = command(*words, "--json")
        assert ran.code == 4
        assert "pmsbridge init" in ran.data["error"]["message"]


def test_a_named_settings_file_is_used(command: Command, rentbook: Path) -> None:
    elsewhere = rentbook.parent / "elsewhere.toml"
    (rentbook.parent / "pmsbridge.toml").rename(elsewhere)

    assert command("doctor").code == 4
    assert command("--config", str(elsewhere), "doctor").code == 0
