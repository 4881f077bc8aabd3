from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from pmsbridge import errors
from pmsbridge.cli import app as tree
from pmsbridge.cli import schema
from pmsbridge.cli.running import EXIT_BUG, EXIT_INTERRUPTED, EXIT_USAGE, run

Failing = Callable[[BaseException], None]
CANARY_CARD = "4111111111111111"

ERRORS = [
    (errors.InputError("field", "is wrong"), 2),
    (errors.NotFoundError("facility", "is not configured"), 2),
    (errors.IneligibleError("no", code="nothing_due", unblock="Use prepay."), 3),
    (errors.ConfigurationError("no"), 4),
    (errors.UnsupportedError("no"), 5),
    (errors.RejectedError("no"), 6),
    (errors.UnavailableError("no", retry_after=timedelta(seconds=5)), 7),
    (errors.OutcomeUnknownError("no"), 8),
]


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Failing:
    def _failing(error: BaseException) -> None:
        def boom() -> None:
            raise error

        monkeypatch.setattr("pmsbridge.model.schemas.json_schemas", boom)

    return _failing


@pytest.mark.parametrize(("error", "code"), ERRORS, ids=lambda each: type(each).__name__)
def test_every_error_class_has_its_exit_code(
    failing: Failing, capsys: pytest.CaptureFixture[str], error: Exception, code: int
) -> None:
    failing(error)

    assert run(["schema"]) == code
    caught = capsys.readouterr()
    assert caught.out == ""
    assert str(error) in caught.err
    assert "Traceback" not in caught.err


def test_exit_codes_are_those_of_the_error_tree() -> None:
    listed = {type(error): code for error, code in ERRORS}

    assert listed == {kind: kind.exit_code for kind in listed}
    assert set(listed) == {getattr(errors, name) for name in errors.__all__ if name != "PmsBridgeError"}


def test_an_error_is_one_json_object_when_json_was_asked_for(
    failing: Failing, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(errors.IneligibleError("Nothing is due.", code="nothing_due", unblock="Use prepay."))

    assert run(["schema", "--json"]) == 3
    caught = capsys.readouterr()
    assert json.loads(caught.out) == {
        "error": {"type": "IneligibleError", "code": "nothing_due", "message": "Nothing is due.", "exit_code": 3}
    }
    assert "Use prepay." in caught.err


def test_a_defect_of_ours_shows_a_place_but_no_value(failing: Failing, capsys: pytest.CaptureFixture[str]) -> None:
    failing(KeyError(CANARY_CARD))

    assert run(["schema", "--json"]) == EXIT_BUG
    caught = capsys.readouterr()
    assert "KeyError at" in caught.err
    assert "PMSBRIDGE_DEBUG=1" in caught.err
    assert CANARY_CARD not in caught.out + caught.err
    assert "Traceback" not in caught.err


def test_debug_shows_a_traceback_without_values(
    failing: Failing, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PMSBRIDGE_DEBUG", "1")
    failing(ValueError(f"card {CANARY_CARD} and password=tr0ub4dor"))

    assert run(["schema"]) == EXIT_BUG
    err = capsys.readouterr().err
    assert "Traceback (most recent call last):" in err
    assert "in boom" in err
    assert CANARY_CARD not in err
    assert "tr0ub4dor" not in err


def test_an_interrupt_ends_without_a_word(failing: Failing, capsys: pytest.CaptureFixture[str]) -> None:
    failing(KeyboardInterrupt())

    assert run(["schema"]) == EXIT_INTERRUPTED
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("args", "word"),
    [
        (["nope"], "No such command"),
        (["schema", "--nope"], "No such option"),
        (["actions", "resolve", "act_x"], "Missing option"),
        (["sandbox", "sitelink", "--port", "many"], "valid integer"),
        (["actions", "list", "--outcome", "paid"], "paid"),
    ],
)
def test_a_mistyped_command_line_is_a_usage_error(
    args: list[str], word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*args, "--json"]) == EXIT_USAGE
    caught = capsys.readouterr()
    assert word in caught.err
    assert json.loads(caught.out)["error"]["code"] == "usage"


def test_a_card_number_typed_as_an_argument_is_not_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema", "Money", CANARY_CARD]) == EXIT_USAGE
    assert CANARY_CARD not in capsys.readouterr().err


def test_version_and_help_need_no_settings(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("pmsbridge ")
    assert run(["--help"]) == 0
    assert "doctor" in capsys.readouterr().out


def test_no_pretty_traceback_could_show_locals() -> None:
    assert tree.app.pretty_exceptions_enable is False
    assert schema.__all__
