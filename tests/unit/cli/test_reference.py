from __future__ import annotations

from pathlib import Path

import pytest

from pmsbridge.cli.reference import main, reference, renewed
from pmsbridge.settings.sections import Settings

DOCS = Path(__file__).resolve().parents[3] / "docs"


def test_the_page_says_what_the_commands_say() -> None:
    page = (DOCS / "cli.md").read_text(encoding="utf-8")

    assert renewed(page) == page


def test_a_page_that_differs_is_found_and_renewed(tmp_path: Path) -> None:
    page = tmp_path / "cli.md"
    page.write_text((DOCS / "cli.md").read_text(encoding="utf-8").replace("pmsbridge doctor", "pmsbridge docter"))

    before = main(["--check", str(page)])
    written = main(["--write", str(page)])

    assert (before, written, main(["--check", str(page)])) == (1, 0, 0)


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="no marks"):
        renewed("# nothing")


def test_every_command_is_in_the_reference() -> None:
    text = reference()

    for name in ("init", "doctor", "sync", "status", "sandbox", "demo", "schema", "actions list", "actions resolve"):
        assert f"### `pmsbridge {name}" in text


def test_every_setting_is_on_the_page() -> None:
    page = (DOCS / "configuration.md").read_text(encoding="utf-8")
    keys = {
        f"{section}.{name}"
        for section, field in Settings.model_fields.items()
        if section != "accounts"
        for name in getattr(field.annotation, "model_fields", {})
    }

    assert keys
    assert [key for key in sorted(keys) if f"`{key}`" not in page] == []
