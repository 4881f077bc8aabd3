"""Writes down which tests have proved a fact, and before which back office; only when a file is named for it.

What a test ran before is seen, not claimed: every adapter is watched, and a back office counts when it was asked or
written to while the test ran or was prepared. The preparation counts because a portal tells most from the copy that was
filled there, and whether a test has read this copy, and what of it came from whom, is not seen. So a number says that
the back office was part of the proof, and not that the test's own lines have asked it. A mark says ``on`` only where a
test runs before several and a fact is about one of them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Generator, Iterable
from functools import wraps
from pathlib import Path
from typing import Any

import pytest

from pmsbridge.cli.facts.listing import DOUBLE, OTHER_MAPPINGS
from pmsbridge.ports import books
from pmsbridge.ports.adapter import ReadPort

__all__ = ["record_facts"]

_RECORD_AT = "PMSBRIDGE_TEST_FACTS"
_ASKS_NOBODY = frozenset({"keeps_consent", "takes"})
"""What an adapter knows by itself."""


def _questions_of(port: type) -> Iterable[str]:
    return (name for name, value in vars(port).items() if callable(value) and not name.startswith("_"))


_PORTS = (
    ReadPort,
    *(value for name, value in vars(books).items() if name in books.__all__ and isinstance(value, type)),
)
_ASKED = frozenset({"execute", "probe"}.union(*map(_questions_of, _PORTS))) - _ASKS_NOBODY
"""What reaches a back office."""


def record_facts(config: pytest.Config) -> None:
    """Give every proof its facts; the process that reads the reports writes them to the file, when one is named."""
    config.pluginmanager.register(_Proofs(), "facts-of-tests")
    place = os.environ.get(_RECORD_AT)
    if place:
        config.pluginmanager.register(_Watch(), "facts-watch")
        if not hasattr(config, "workerinput"):
            config.pluginmanager.register(_Record(Path(place)), "facts-record")


class _Proofs:
    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            found = {
                name: str(mark.kwargs.get("on", "")) for mark in item.iter_markers("fact") for name in mark.args
            }  # fmt: skip
            if found:
                item.user_properties.append(("facts", found))


class _Watch:
    """Sees which back offices a test asks; a mark that names another one makes it fail."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def pytest_collection_finish(self) -> None:
        """Tests have been imported, and with them the adapters that they make."""
        for kind in _adapters():
            self._watch(kind)

    def _watch(self, kind: type) -> None:
        plain: Callable[[Any, str], Any] = vars(kind).get("__getattribute__", object.__getattribute__)
        seen = self._seen

        def watched(adapter: Any, name: str) -> Any:
            value = plain(adapter, name)
            if name not in _ASKED or not callable(value):
                return value

            @wraps(value)
            def asked(*given: Any, **named: Any) -> Any:
                seen.add(_office_of(adapter))
                return value(*given, **named)

            return asked

        kind.__getattribute__ = watched  # type: ignore[method-assign, assignment]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self) -> Generator[None, object, object]:
        self._seen.clear()
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        ended = yield
        told: dict[str, str] | None = dict(item.user_properties).get("facts")  # type: ignore[assignment]
        if told is not None:
            item.user_properties.append(("offices", sorted(self._seen)))
            if wrong := sorted({*told.values()} - {"", *self._seen}):
                pytest.fail(f"marked on {', '.join(wrong)}, which nobody asked")
        return ended


def _adapters() -> Iterable[type]:
    """The outermost class of each; what is built upon one is one."""
    from pmsbridge.testing.memory import MemoryAdapter
    from pmsbridge_rest.adapter import RestAdapter
    from pmsbridge_sitelink.adapter import SiteLinkAdapter
    from pmsbridge_tryton.adapter import TrytonAdapter

    return MemoryAdapter, RestAdapter, SiteLinkAdapter, TrytonAdapter


def _office_of(adapter: Any) -> str:
    """Its column in the table: a mapping that is not shipped, were it one line away from it, is another one."""
    from pmsbridge.testing.memory import MemoryAdapter
    from pmsbridge_rest.adapter import RestAdapter
    from pmsbridge_rest.shipped import file_of, shipped_mappings

    if isinstance(adapter, MemoryAdapter):
        return DOUBLE
    if isinstance(adapter, RestAdapter):
        file = file_of(adapter._connection.settings.mapping).resolve()
        shipped = (name for name, path in shipped_mappings().items() if path.resolve() == file)
        return next(shipped, OTHER_MAPPINGS)
    return str(adapter.system)


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
            self._prove(self._passed.setdefault(test, {}), told, dict(report.user_properties).get("offices", []))

    def _prove(self, held: dict[str, list[str]], told: dict[str, str], seen: Any) -> None:
        for name, on in sorted(told.items()):
            offices = held.setdefault(name, [])
            offices += [each for each in ([on] if on else seen) if each not in offices]

    def pytest_sessionfinish(self) -> None:
        proved = {test: held for test, held in sorted(self._passed.items()) if test not in self._spoiled}
        self._place.write_text(json.dumps(proved, indent=1), encoding="utf-8")
