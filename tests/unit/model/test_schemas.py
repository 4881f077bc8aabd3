from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from pmsbridge.model import schemas
from pmsbridge.model.schemas import drift, json_schemas, write
from tests.unit.model.specimens import SPECIMENS


@cache
def all_schemas() -> dict[str, dict[str, Any]]:
    """Made once: it takes a quarter of a second."""
    return json_schemas()


def test_every_noun_effect_and_plan_has_a_schema() -> None:
    found = json_schemas()

    assert {
        "Money",
        "Tenant",
        "Rental",
        "LedgerEntry",
        "Invoice",
        "Payment",
        "TakePayment",
        "Effect",
        "Means",
        "Plan",
    } <= set(found)
    assert not {"Value", "Record", "EffectBody"} & set(found)
    assert list(found) == sorted(found)
    assert all(schema["title"] and schema["$schema"] for schema in found.values())


def test_money_is_text_in_a_schema() -> None:
    assert json_schemas()["Money"]["properties"]["amount"]["type"] == "string"


@pytest.mark.parametrize("record", SPECIMENS, ids=lambda record: type(record).__name__)
def test_a_schema_names_exactly_the_fields_that_are_written(record: object) -> None:
    schema = all_schemas()[type(record).__name__]
    written = set(json.loads(record.model_dump_json(by_alias=True)))  # type: ignore[attr-defined]

    assert written == set(schema["properties"]) - {"token"}
    assert schema["additionalProperties"] is False


def test_no_schema_has_a_place_for_a_token() -> None:
    assert "token" not in json_schemas()["PaymentMethod"]["properties"]


def test_what_is_written_does_not_drift(tmp_path: Path) -> None:
    assert write(tmp_path) == len(json_schemas())
    assert drift(tmp_path) == []
    assert write(tmp_path) == len(list(tmp_path.iterdir()))


def test_a_missing_a_stale_and_a_changed_schema_are_named(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "money.json").unlink()
    (tmp_path / "ghost.json").write_text("{}")
    (tmp_path / "tenant.json").write_text((tmp_path / "tenant.json").read_text().replace("language", "tongue"))

    assert drift(tmp_path) == ["ghost.json has no model", "money.json is missing", "tenant.json differs from its model"]
    write(tmp_path)
    assert drift(tmp_path) == []


def test_the_command_writes_checks_and_fails_on_a_difference(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert schemas.main(["--write", str(tmp_path)]) == 0
    assert schemas.main(["--check", str(tmp_path)]) == 0
    (tmp_path / "plan.json").write_text("{}")

    assert schemas.main(["--check", str(tmp_path)]) == 1
    assert "plan.json differs" in capsys.readouterr().err


def test_two_models_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from pmsbridge.model import finding, places

    monkeypatch.setattr(finding, "__all__", [*finding.__all__, "Unit"])
    monkeypatch.setattr(finding, "Unit", type("Unit", (places.Unit,), {"__module__": "x"}), raising=False)

    with pytest.raises(ValueError, match="two public models are named Unit"):
        json_schemas()
