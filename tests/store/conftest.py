"""The code of earlier releases, taken out of the history once for all tests of a process."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.store.releases import sources_of


@pytest.fixture(scope="session")
def first_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sources_of(tmp_path_factory.mktemp("first-release"), "first_release")


@pytest.fixture(scope="session")
def second_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sources_of(tmp_path_factory.mktemp("second-release"), "second_release")


@pytest.fixture(scope="session")
def third_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sources_of(tmp_path_factory.mktemp("third-release"), "third_release")


@pytest.fixture(scope="session")
def fourth_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sources_of(tmp_path_factory.mktemp("fourth-release"), "fourth_release")
