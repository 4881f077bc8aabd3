from __future__ import annotations

from pathlib import Path

import pytest

from pmsbridge.cli.demo.stage import set_stage
from pmsbridge.cli.demo.story import tell
from pmsbridge.cli.demo.telling import Teller
from tests.e2e.conftest import SECRETS, Ran, start

CARDS = ("4111111111111111", "5555555555554444")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "kept"


@pytest.fixture(scope="module")
def told(kept: Path) -> Ran:
    return start("demo", "--json", "--keep", str(kept), folder=kept.parent, seconds=120)


def test_the_story_holds(told: Ran) -> None:
    assert told.code == 0, told.out + told.err
    assert told.data["holds"] is True
    assert told.data["failed_checks"] == []


def test_the_judge_finds_every_payment_once(told: Ran) -> None:
    verdict = told.data["verdict"]

    assert (verdict["doubles"], verdict["lost"], verdict["unresolved"]) == (0, 0, 0)
    assert verdict["payments_in_the_books"] == verdict["payments_wanted"] == 4
    assert verdict["rentals_ended"] == 0
    assert verdict["books_balance"] is True


def test_the_lost_payment_was_found_by_looking(told: Ran) -> None:
    scene = next(scene for scene in told.data["scenes"] if "answer is lost" in scene["title"] and "payments" in scene)

    assert scene["outcomes"][0] == "pending"
    assert scene["outcomes"][-1] == "settled"
    assert scene["replayed"] is True
    assert scene["attached"] is True
    assert len(scene["payments"]) == 1


def test_the_story_is_quick_enough(told: Ran) -> None:
    assert told.data["seconds"] < 60


def test_no_secret_is_in_the_output_or_in_any_file(told: Ran, kept: Path) -> None:
    poison = [text.encode() for text in (*CARDS, *SECRETS)]
    places = {"stdout": told.out.encode(), "stderr": told.err.encode()}
    places |= {
        str(path.relative_to(kept)): path.read_bytes()
        for path in kept.rglob("*")
        if path.is_file() and not path.name.startswith("sandbox-")
    }

    assert any(name.endswith(".db") for name in places)
    assert [(name, each) for name, content in places.items() for each in poison if each in content] == []


def test_a_person_gets_a_story(tmp_path: Path) -> None:
    ran = start("demo", folder=tmp_path, seconds=120, env={"COLUMNS": "120"})

    assert ran.code == 0, ran.out + ran.err
    for words in (
        "The doctor looks in",
        "Bulletin board",
        "Notes on the account",
        "Mail to the facility",
        "doubles 0, lost 0",
    ):
        assert words in ran.out
    assert "Traceback" not in ran.err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_something_in_it_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")

    ran = start("demo", "--keep", str(tmp_path), "--json", folder=tmp_path)

    assert ran.code == 2
    assert "is not empty" in ran.data["error"]["message"]


@pytest.mark.parametrize("name", ["mine", "mine/below"])
def test_a_plain_file_is_no_folder_to_keep_things_in(tmp_path: Path, name: str) -> None:
    (tmp_path / "mine").write_text("x")

    ran = start("demo", "--keep", name, "--json", folder=tmp_path)

    assert ran.code == 2
    assert "cannot be used" in ran.data["error"]["message"]
    assert (tmp_path / "mine").read_text() == "x"


def test_the_judge_bites_when_the_back_office_holds_a_payment_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    teller = Teller(quiet=True)

    with set_stage("", None) as stage:

        def deliver_the_next_payment_twice() -> None:
            stage.control.inject(stage.payment_operations, "duplicate_delivery")

        monkeypatch.setattr(stage.control, "clear", deliver_the_next_payment_twice)
        verdict = tell(stage, teller)

    assert verdict["doubles"] >= 1
    assert not teller.holds
