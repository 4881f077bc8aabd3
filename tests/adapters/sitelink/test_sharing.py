"""Several processes use one account: the back office, which refuses a log-on during another, is the judge."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from pmsbridge_sitelink.sandbox import SandboxControl

READER = """
import sys
from pmsbridge import Bridge, UnavailableError
from pmsbridge.registry import build_adapter

with Bridge.from_config(sys.argv[1]) as bridge:
    adapter = bridge.adapters["sandbox"]
    if sys.argv[2] == "alone":
        account = bridge.settings.accounts["sandbox"]
        from pmsbridge.secrets import ReferenceSecrets
        adapter = build_adapter("sandbox", account.system, account.options, secrets=ReferenceSecrets())
    print("ready", flush=True)
    sys.stdin.readline()
    codes = []
    for _ in range(4):
        try:
            list(adapter.units("L001", available_only=True))
            codes.append("ok")
        except UnavailableError as error:
            codes.append(error.code)
    adapter.close()
print(*codes)
"""


def read_in_processes(settings: Path, how: str) -> list[str]:
    """What three processes got that read at the same time."""
    command = [sys.executable, "-c", READER, str(settings), how]
    with ExitStack() as held:
        readers = [held.enter_context(_reader(command)) for _ in range(3)]
        for reader in readers:
            assert reader.stdout is not None
            assert reader.stdout.readline() == "ready\n"
        for reader in readers:
            assert reader.stdin is not None
            reader.stdin.write("go\n")
            reader.stdin.flush()
        answers = [reader.communicate(timeout=90)[0] for reader in readers]
    return " ".join(answers).split()


@contextmanager
def _reader(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def slow_office(sitelink_office: SandboxControl, sitelink_settings: Path) -> Path:
    """A settings file of an office that takes its time and bears one call at a time; the settings file."""
    sitelink_office.settings(overlap_refused=True)
    sitelink_office.inject("*", "delay", seconds=0.2, count=0)
    text = sitelink_settings.read_text(encoding="utf-8")
    sitelink_settings.write_text(text + "\n[accounts.sandbox.options.limits]\nread_attempts = 1\n", encoding="utf-8")
    return sitelink_settings


def test_processes_that_share_a_database_never_log_on_at_once(slow_office: Path) -> None:
    assert read_in_processes(slow_office, "together") == ["ok"] * 12


@pytest.mark.slow
def test_without_the_gate_the_back_office_refuses_some_of_them(slow_office: Path) -> None:
    """The control: what the test before shows would not show by luck."""
    assert "general_exception" in read_in_processes(slow_office, "alone")
