"""Writes down which tests have proved a fact, and before which back office; only when a file is named for it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

__all__ = ["record_facts"]

_RECORD_AT = "PMSBRIDGE_TEST_FACTS"
_FOLDERS = {
    "tests/adapters/sitelink": "sitelink",
    "tests/adapters/tryton": "tryton",
    "tests/adapters/rest/wire": "rest",
    "tests/portal": "memory",
    "tests/engine": "memory",
}


def record_facts(config: pytest.Config) -> None:
    """Give every proof its facts; the process that reads the reports writes them to the file, when one is named."""
    config.pluginmanager.register(_Proofs(), "facts-of-tests")
    place = os.environ.get(_RECORD_AT)
    if place and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Record(Path(place)), "facts-record")


class _Proofs:
    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            found = {
                name: str(mark.kwargs.get("on", "")) or _office_of(item)
                for mark in item.iter_markers("fact") for name in mark.args
            }  # fmt: skip
            if found:
                item.user_properties.append(("facts", found))


class _Record:
    def __init__(self, place: Path) -> None:
        self._place = place
        self._passed: dict[str, dict[str, list[str]]] = {}
        self._spoiled: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        told: Any = dict(report.user_properties).get("facts")
        if told is None:
            return
        test = report.nodeid.partition("[")[0]
        if not report.passed:
            self._spoiled.add(test)
        elif report.when == "call":
            held = self._passed.setdefault(test, {})
            for name, office in sorted(told.items()):
                offices = held.setdefault(name, [])
                if office and office not in offices:
                    offices.append(office)

    def pytest_sessionfinish(self) -> None:
        proved = {test: held for test, held in sorted(self._passed.items()) if test not in self._spoiled}
        self._place.write_text(json.dumps(proved, indent=1), encoding="utf-8")


def _office_of(item: pytest.Item) -> str:
    """By the parameter ``back_office``, or by the folder; empty for a test without a back office."""
    spec = getattr(item, "callspec", None)
    if spec is not None and "back_office" in spec.params:
        return str(spec.params["back_office"])
    return next((office for folder, office in _FOLDERS.items() if item.nodeid.startswith(f"{folder}/")), "")
