from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.stage import Stage


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    url: str = request.getfixturevalue("postgres_journal") if request.param == "postgresql" else ""
    scene = Stage(tmp_path, url)
    yield scene
    scene.close()
