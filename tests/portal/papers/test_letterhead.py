"""Whose paper it is: settings of the operator, for everywhere and for one place."""

from __future__ import annotations

from pathlib import Path

import pytest

from pmsbridge.cli.setting_checks import setting_checks
from pmsbridge.errors import ConfigurationError
from pmsbridge.model.letterhead import Letterhead, PaperSize
from pmsbridge.settings import load_settings
from tests.portal.papers.test_drawing import png_of

SETTINGS = """
[accounts.main]
system = "memory"
[portal.letterhead]
name = "Northgate"
logo = "logo.png"
size = "letter"
{more}
[portal.places."main/L002".letterhead]
name = "Southgate"
fonts = ["further.ttf"]
"""


def written(folder: Path, more: str = "") -> Path:
    file = folder / "pmsbridge.toml"
    file.write_text(SETTINGS.format(more=more), encoding="utf-8")
    return file


def test_a_place_has_its_own_or_everybodys_and_files_lie_beside_the_settings(tmp_path: Path) -> None:
    portal = load_settings(written(tmp_path), {}).portal

    here, there = portal.rules("main", "L001").letterhead, portal.rules("main", "L002").letterhead

    assert here == Letterhead(name="Northgate", logo=str(tmp_path / "logo.png"), size=PaperSize.LETTER)
    assert there == Letterhead(name="Southgate", fonts=(str(tmp_path / "further.ttf"),))


@pytest.mark.parametrize("more", ['accent = "blue"', 'colour = "#000000"', "foot = 7"])
def test_a_letterhead_that_cannot_be_meant_is_refused(tmp_path: Path, more: str) -> None:
    with pytest.raises(ConfigurationError, match=r"portal\.letterhead"):
        load_settings(written(tmp_path, more), {})


def test_the_doctor_finds_what_a_customer_would_find_first(tmp_path: Path) -> None:
    settings = load_settings(written(tmp_path), {})

    found = {check.name: check.detail for check in setting_checks(settings, {})}

    assert set(found) == {"portal.letterhead", 'portal.places."main/L002".letterhead'}
    assert "logo.png" in found["portal.letterhead"]
    png_of(tmp_path / "logo.png")
    assert [check.name for check in setting_checks(settings, {})] == ['portal.places."main/L002".letterhead']
