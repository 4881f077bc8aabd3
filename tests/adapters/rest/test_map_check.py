"""``pmsbridge map check`` and shipped names on the command line, against the sandbox of a shipped mapping."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pmsbridge.cli.running import run
from pmsbridge.errors import ConfigurationError
from pmsbridge_rest.mapping.reading import load_mapping
from pmsbridge_rest.sandbox import Office, SandboxServer
from pmsbridge_rest.shipped import file_of, shipped_mappings
from pmsbridge_rest.testing import account_options


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PMSBRIDGE_CONFIG", raising=False)

    def ask(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run(["map", *words])
        caught = capsys.readouterr()
        return code, caught.out, caught.err

    return ask


@pytest.fixture
def office(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Office, str]]:
    made = Office(file_of("cubby"))
    for name, word in made.secrets.items():
        monkeypatch.setenv(name, word)
    with SandboxServer(made) as server:
        yield made, server.base_url


def settle(office: tuple[Office, str], *names: str, system: str = "rest") -> None:
    made, url = office
    options = account_options(made, "cubby", load_mapping(file_of("cubby")), url)
    (facility,) = options["facilities"]
    text = "".join(
        f"""
[accounts.{name}]
system = "{system}"
[accounts.{name}.options]
mapping = "{options["mapping"]}"
base_url = "{options["base_url"]}"
[accounts.{name}.options.secrets]
key = "env:key"
[[accounts.{name}.options.facilities]]
code = "{facility["code"]}"
zone = "{facility["zone"]}"
currency = "{facility["currency"]}"
options = {{ facility = "{facility["options"]["facility"]}" }}
"""
        for name in names
    )
    Path("pmsbridge.toml").write_text(text, encoding="utf-8")


def test_a_login_that_works_is_told_and_nothing_is_written(command: Any, office: tuple[Office, str]) -> None:
    settle(office, "main", "second")

    code, out, _ = command("check", "--json")

    said = json.loads(out)
    assert code == 0
    assert said["healthy"] is True
    assert all(any(name in json.dumps(each) for each in said["checks"]) for name in ("main", "second"))
    assert [call.path for call in office[0].calls] == ["/facilities/search"] * 2


def test_a_login_that_is_refused_is_a_failed_check_with_a_remedy(
    command: Any, office: tuple[Office, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(office, "main")
    monkeypatch.setenv("key", "wrong-0000")

    code, out, err = command("check", "main", "--json")

    said = json.loads(out)
    failed = [each for each in said["checks"] if each["status"] == "failed"]
    assert code == ConfigurationError.exit_code
    assert said["healthy"] is False
    assert failed
    assert all(each["remedy"] for each in failed)
    assert "wrong-0000" not in out + err


def test_only_the_account_that_is_named_is_asked(command: Any, office: tuple[Office, str]) -> None:
    settle(office, "main", "second")

    code, out, _ = command("check", "second", "--json")

    assert code == 0
    assert "main" not in {word for each in json.loads(out)["checks"] for word in each["name"].split()}


def test_an_account_that_no_mapping_serves_is_not_found(command: Any, office: tuple[Office, str]) -> None:
    settle(office, "main")

    code, out, err = command("check", "mian")

    assert code != 0
    assert out == ""
    assert "main" in err


def test_nothing_to_check_is_no_success(command: Any, tmp_path: Path) -> None:
    (tmp_path / "pmsbridge.toml").write_text('[accounts.m]\nsystem = "sitelink"\n', encoding="utf-8")

    code, _, err = command("check")

    assert code == ConfigurationError.exit_code
    assert "nothing was asked" in err


# names of what comes along


def test_a_shipped_mapping_is_named_wherever_a_file_is(command: Any) -> None:
    assert command("lint", "buildium", "--production")[0] == 0
    assert "POST https://api.buildium.com/v1/leases/2001/notes" in command("try", "buildium", "add_note")[1]


def test_a_name_that_is_nearly_right_is_told(command: Any) -> None:
    code, _, err = command("lint", "buildum")

    assert code == ConfigurationError.exit_code
    assert "Did you mean buildium?" in err


def test_four_mappings_come_along() -> None:
    assert set(shipped_mappings()) == {"booqable", "buildium", "cubby", "storedge"}
