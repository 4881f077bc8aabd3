"""The page of figures in a real browser, in both of its faces."""

from __future__ import annotations

import shutil
import subprocess
from datetime import date
from pathlib import Path

import pytest
from PIL import Image

from pmsbridge.portal.exporting import as_html
from pmsbridge.portal.figures import CustomerFigures
from tests import builders as make

NAMES = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next((found for name in NAMES if (found := shutil.which(name))), None)
SINCE, UNTIL = date(2026, 1, 1), date(2026, 12, 31)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no browser on this machine: chromium is not installed"),
]


def page(folder: Path) -> Path:
    rows = [
        CustomerFigures(
            tenant_id=f"T{number}", since=SINCE, until=UNTIL, rentals=1, longest_days=number * 90, average_days=50,
            paid=make.usd(f"{number}00.00"), charges=10, late_charges=number % 4,
        )
        for number in range(1, 9)
    ]  # fmt: skip
    file = folder / "report.html"
    file.write_text(as_html(rows, place="North Yard", since=SINCE, until=UNTIL), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("scheme", "ground", "bar"), [(1, (255, 255, 255), (47, 93, 148)), (0, (20, 24, 29), (127, 176, 232))],
    ids=["light", "dark"],
)  # fmt: skip
def test_the_charts_are_drawn_in_light_and_in_dark(
    tmp_path: Path, scheme: int, ground: tuple[int, int, int], bar: tuple[int, int, int]
) -> None:
    shot = tmp_path / "shot.png"
    ran = subprocess.run(
        [str(BROWSER), "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile",
         "--host-resolver-rules=MAP * ~NOTFOUND", "--window-size=1200,1500", "--enable-logging=stderr",
         f"--blink-settings=preferredColorScheme={scheme}", f"--screenshot={shot}", page(tmp_path).as_uri()],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip

    assert shot.exists(), ran.stderr[-2000:]
    assert "CONSOLE" not in ran.stderr  # no script was refused, nothing was asked for in vain
    with Image.open(shot) as picture:
        seen = {colour: count for count, colour in picture.convert("RGB").getcolors(maxcolors=1 << 24) or []}
    assert max(seen, key=lambda colour: seen[colour]) == ground
    assert seen.get(bar, 0) > 20_000
