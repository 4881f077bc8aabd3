from __future__ import annotations

import os
from pathlib import Path

import pytest

from pmsbridge.errors import ConfigurationError
from pmsbridge.secrets import ReferenceSecrets, StoreSecrets

CANARY = "tr0ub4dor-canary"


def refusal(secrets: ReferenceSecrets, reference: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        secrets.get(reference)
    assert caught.value.__cause__ is None
    return str(caught.value)


def test_a_variable_is_read_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = ReferenceSecrets()
    monkeypatch.setenv("A_SECRET", CANARY)

    assert secrets.get("env:A_SECRET") == CANARY


def test_a_file_loses_one_line_end_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b" two words \r\n")
    (tmp_path / "two").write_bytes(b"x\n\n")
    secrets = ReferenceSecrets(folder=tmp_path)

    assert secrets.get("file:key") == " two words "
    assert secrets.get(f"file:{tmp_path}/two") == "x\n"


def test_a_missing_variable_or_file_is_named() -> None:
    secrets = ReferenceSecrets(env={"EMPTY": ""})

    assert "env:NOPE is not set" in refusal(secrets, "env:NOPE")
    assert "env:EMPTY is not set" in refusal(secrets, "env:EMPTY")
    assert "file:/nope/x cannot be read (No such file or directory)" in refusal(secrets, "file:/nope/x")


@pytest.mark.parametrize("reference", [CANARY, "env:", "env:tr0ub4dor-canary", "file:", "vault:tr0ub4dor-canary", ""])
def test_what_is_no_reference_is_refused_and_not_repeated(reference: str) -> None:
    message = refusal(ReferenceSecrets(env={}), reference)

    assert "looks like a secret itself" in message
    assert CANARY not in message


@pytest.mark.parametrize(
    ("content", "problem"), [(b"", "is empty"), (b"x" * 70_000, "larger"), (b"\xff\xfe", "not UTF-8")]
)
def test_a_file_that_holds_no_usable_secret_is_refused(tmp_path: Path, content: bytes, problem: str) -> None:
    (tmp_path / "key").write_bytes(content)

    assert problem in refusal(ReferenceSecrets(folder=tmp_path), "file:key")


@pytest.mark.skipif(os.name != "posix", reason="needs the file modes of POSIX")
def test_a_file_that_everybody_can_read_is_warned_about(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text(CANARY)
    secrets = ReferenceSecrets(folder=tmp_path)

    key.chmod(0o644)
    assert "chmod 600" in secrets.warning("file:key")
    key.chmod(0o600)
    assert secrets.warning("file:key") == ""
    assert secrets.warning("file:nope") == ""
    assert secrets.warning("env:X") == ""


def test_nothing_of_it_is_in_the_repr() -> None:
    assert CANARY not in repr(ReferenceSecrets(env={"X": CANARY}))


def test_a_bridge_that_asks_no_back_office_reads_the_store_s_secret_alone() -> None:
    env = {"STORE_PW": "fake-store-pw", "VENDOR_PW": "fake-vendor-pw"}
    secrets = StoreSecrets(ReferenceSecrets(env=env), "env:STORE_PW")

    assert secrets.get("env:STORE_PW") == "fake-store-pw"
    assert secrets.get("env:VENDOR_PW") == ""
    assert secrets.get("env:NOT_SET") == ""
    assert StoreSecrets(ReferenceSecrets(env=env), None).get("env:STORE_PW") == ""
