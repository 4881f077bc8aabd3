"""A rent book as the back office of the commands under test: no network, a real adapter found by its entry point."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pmsbridge.cli.running import run
from pmsbridge.store.database import open_database

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "third_party_adapter"
BOOK: dict[str, Any] = {
    "name": "Chez Zoë",
    "email": "staff@example.com",
    "tenants": [{"id": "t1", "first": "Łukasz", "last": "Wójcik", "email": "l@example.com", "phone": "01 02 03 04 05"}],
    "rentals": [
        {"id": "r1", "tenant": "t1", "unit": "015", "rent": "80.00", "owes": "80.00", "paid_through": "2026-10-31"},
    ],
    "notes": [],
    "messages": [],
}


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """The one JSON object on standard output; anything else there fails the test."""
        assert self.out.count("\n") == 1
        return json.loads(self.out)


Command = Callable[..., Ran]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs one command in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PMSBRIDGE_CONFIG", raising=False)

    def _command(*args: str) -> Ran:
        capsys.readouterr()
        code = run(list(args))
        caught = capsys.readouterr()
        return Ran(code, caught.out, caught.err)

    return _command


@pytest.fixture
def rentbook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A rent book with its settings and an empty store in the current folder, and its adapter installed."""
    info = tmp_path / "site" / "pmsbridge_rentbook-0.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pmsbridge-rentbook\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("[pmsbridge.adapters]\nrentbook = pmsbridge_rentbook:plugin\n")
    monkeypatch.syspath_prepend(info.parent)
    monkeypatch.syspath_prepend(EXAMPLE)
    book = tmp_path / "rentbook.json"
    book.write_text(json.dumps(BOOK), encoding="utf-8")
    (tmp_path / "pmsbridge.toml").write_text(
        '[accounts.home]\nsystem = "rentbook"\n[accounts.home.options]\n'
        f'path = "{book}"\nfacility = "HOME"\nzone = "Europe/Paris"\ncurrency = "EUR"\n'
    )
    open_database(f"sqlite:///{tmp_path}/pmsbridge.db").close()
    yield book
    for name in [name for name in sys.modules if name.startswith("pmsbridge_rentbook")]:
        del sys.modules[name]
