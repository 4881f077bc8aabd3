"""The story of the rental yard on a real ERP; judged by that server's books, not by what the story says."""

from __future__ import annotations

import socket
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pmsbridge.cli.demo import stories
from pmsbridge.cli.demo.telling import Teller
from pmsbridge.cli.demo.yard.stage import YardStage, set_yard
from pmsbridge.cli.demo.yard.story import judged, tell_of_the_yard
from pmsbridge.cli.init import write_sandbox_settings
from pmsbridge.cli.sandbox import named_sandbox, prepared, sandbox
from pmsbridge.errors import ConfigurationError, UnavailableError
from pmsbridge_tryton.sandbox import serve
from pmsbridge_tryton.sandbox.recipe import NoTrytonError, recipe
from pmsbridge_tryton.sandbox.serving import running_tryton
from pmsbridge_tryton.sandbox.yard import Yard


@dataclass
class Told:
    """The story, and the yard as it was left."""

    teller: Teller
    verdict: dict[str, Any]
    stage: YardStage

    @property
    def yard(self) -> Yard:
        found: Yard = self.stage.control._yard  # type: ignore[attr-defined]
        return found

    def facts(self, title: str) -> dict[str, Any]:
        return next(scene.facts for scene in self.teller.scenes if title in scene.title)


@pytest.fixture(scope="module")
def told() -> Iterator[Told]:
    plugin, teller = named_sandbox("tryton"), Teller(quiet=True)
    try:
        prepared(plugin, lambda what: None)
    except UnavailableError as problem:
        pytest.skip(f"needs Tryton: {problem}")
    with set_yard(plugin, None) as stage:
        yield Told(teller, tell_of_the_yard(stage, teller), stage)


@pytest.mark.slow
def test_the_story_of_the_yard_holds(told: Told) -> None:
    assert told.teller.failed == []
    assert len(told.teller.scenes) == 11


@pytest.mark.slow
def test_the_books_hold_one_payment_of_the_invoice_and_it_is_settled(told: Told) -> None:
    renter = told.yard.known(int(told.stage.renter_id))
    repair, paid = told.yard.payments(renter)

    assert repair["reference"] == "CHEQUE-1"
    assert (paid["state"], paid["amount"]) == ("succeeded", Decimal(told.facts("The statement")["paid"]))
    assert told.yard.owed(int(told.stage.invoice_id)) == 0
    assert (told.verdict["doubles"], told.verdict["lost"], told.verdict["unresolved"]) == (0, 0, 0)


@pytest.mark.slow
def test_the_books_hold_the_call_off_and_what_came_back(told: Told) -> None:
    contract = int(told.stage.contract_id.partition(",")[2])
    reference = told.facts("Calling")["reference"]
    back = [
        line for line in told.yard.lines(contract) if line["product."]["code"] == "GEN-20"
    ]  # fmt: skip

    assert sum(reference in note and "call-off" in note for note in told.yard.notes("sale.rental", contract)) == 1
    assert all(line["actual_end"] is not None for line in back)
    assert told.facts("acknowledges")["states"][:2] == ["requested", "acknowledged"]


@pytest.mark.slow
def test_who_was_let_in_at_the_counter_is_known_after_the_next_copy(told: Told) -> None:
    facts = told.facts("has not opened the portal")

    assert (facts["before"], facts["between"]) == (None, None)
    assert facts["after"] == told.stage.people["not_let_in"]["tenant_id"]


@pytest.mark.parametrize(
    ("amounts", "owed", "unresolved", "failed"),
    [(["50"], "0", 0, 0), (["50", "50"], "0", 0, 1), ([], "50", 0, 2), (["40"], "10", 0, 2), (["50"], "0", 1, 1)],
)
def test_the_judge_of_the_yard_bites(amounts: list[str], owed: str, unresolved: int, failed: int) -> None:
    rows = [{"id": str(place), "amount": amount} for place, amount in enumerate(amounts, start=2)]
    control = SimpleNamespace(
        payments=lambda _id: [{"id": "1", "amount": "120"}, *rows], owed=lambda _id: owed, calls=lambda: 7
    )
    counts = SimpleNamespace(by_outcome={"pending": unresolved})
    stage = SimpleNamespace(
        control=control, renter_id="5", invoice_id="9", owed=lambda: Decimal(owed),
        bridge=SimpleNamespace(journal=SimpleNamespace(counts=lambda: counts)),
    )  # fmt: skip
    teller = Teller(quiet=True)

    judged(cast("YardStage", stage), teller, Decimal(50), [{"id": "1", "amount": "120"}])

    assert len(teller.failed) == failed


def test_a_real_server_goes_by_the_machines_date_and_takes_no_port_that_is_taken() -> None:
    with pytest.raises(NoTrytonError, match="date"):
        serve(port=0, seed=1, units=1, sites=1, today=date(2026, 3, 1))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server = running_tryton(recipe(), Path("/nowhere"), port=taken.getsockname()[1])
        with pytest.raises(OSError, match="in use"):
            server.__enter__()


def test_a_sandbox_that_cannot_run_is_told_by_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(**_how: object) -> None:
        raise RuntimeError("the server does not answer")

    plugin = SimpleNamespace(name="tryton", serve=fails, spawn=None)
    monkeypatch.setattr("pmsbridge.cli.sandbox.named_sandbox", lambda _name: plugin)

    with pytest.raises(UnavailableError, match="does not answer"):
        sandbox("tryton", port=0, seed=1, units=1, sites=1, today=None)


def test_settings_for_it_are_written_with_the_seeded_password(tmp_path: Path) -> None:
    write_sandbox_settings(tmp_path / "pmsbridge.toml", "tryton", "http://127.0.0.1:9")

    account = tomllib.loads((tmp_path / "pmsbridge.toml").read_text())["accounts"]["demo"]
    assert account["options"]["password"] == "file:tryton-password"
    assert account["options"]["url"] == "http://127.0.0.1:9"
    assert (tmp_path / "tryton-password").read_text().strip()


def test_a_story_that_nobody_tells_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stories, "story_data", lambda _name: {"story": "opera"})

    with pytest.raises(ConfigurationError, match="opera"):
        stories.play("", None, Teller(quiet=True))


def test_a_back_office_that_cannot_be_built_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_tell: object) -> None:
        raise RuntimeError("its packages cannot be installed: no network")

    plugin = SimpleNamespace(name="tryton", prepare=fails, serve=None, spawn=None)
    monkeypatch.setattr(stories, "named_sandbox", lambda _name: plugin)

    with pytest.raises(UnavailableError, match="no network"):
        stories.play("tryton", None, Teller(quiet=True))


def test_a_back_office_that_does_not_start_says_why() -> None:
    def spawn() -> None:
        raise RuntimeError("the server does not answer")

    plugin = SimpleNamespace(name="tryton", spawn=spawn)

    with pytest.raises(UnavailableError, match="does not answer"), set_yard(cast("Any", plugin), None):
        pass
