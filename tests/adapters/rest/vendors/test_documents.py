"""A run without the vendors' documents says which tests it left out, what is missing, and how to give it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.adapters.rest.vendors import documents


def test_what_is_missing_is_named_with_the_folder_and_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "_NAMED", str(tmp_path))
    (tmp_path / "there.json").write_text("{}", encoding="utf-8")

    assert documents.missing("there.json") == ""
    assert documents.missing("v1.json") == (
        f"the vendor's document v1.json is not in {tmp_path}; name the folder that has it: "
        "PMSBRIDGE_VENDOR_DOCUMENTS=FOLDER make test"
    )
    with pytest.raises(pytest.skip.Exception, match=r"v1\.json is not in"):
        documents.document("v1.json")


def test_a_folder_that_is_named_and_is_none_is_a_mistake_and_no_reason_to_skip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "_NAMED", str(tmp_path / "nowhere"))

    with pytest.raises(ValueError, match="there is no such folder"):
        documents.document("v1.json")


def test_the_end_of_a_run_counts_what_was_not_run() -> None:
    reasons = ["('x.py', 30, \"Skipped: the vendor's document b.json is not in /a; name ...\")"] * 2
    reasons += ["('x.py', 30, \"Skipped: the vendor's document a.json is not in /a; name ...\")", "needs node"]

    assert documents.told(["needs node"]) == ""
    assert documents.told(reasons) == (
        "NOT RUN: 3 tests against documents of vendors (a.json, b.json): "
        "PMSBRIDGE_VENDOR_DOCUMENTS=FOLDER make test runs them"
    )
