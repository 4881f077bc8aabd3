from __future__ import annotations

import ast
import importlib
import inspect
import os
import pkgutil
import re
import socket
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest
import pytest_socket

import pmsbridge
from pmsbridge import errors
from pmsbridge.errors import PmsBridgeError

PINNED = Path(__file__).with_name("public_names.txt")
HEAVY = (
    "argon2", "zeep", "lxml", "apscheduler", "httpx", "sqlalchemy", "requests", "rich", "typer", "smtplib", "fpdf",
    "PIL",
)  # fmt: skip


def python(program: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a fresh interpreter that sees what this one sees, wherever it was started."""
    found = os.pathsep.join(path for path in sys.path if path)
    return subprocess.run(
        [sys.executable, *options, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": found},
    )


def drawn_tree() -> dict[str, str]:
    """Child by parent, as drawn at the head of the errors module."""
    parents: dict[str, str] = {}
    path: list[str] = []
    for line in (inspect.getdoc(errors) or "").splitlines():
        found = re.match(r"^ *(?P<lead>[│├└─ ]*?)(?P<name>[A-Z]\w+Error)\b", line)
        if found is None or line.startswith("Only"):
            continue
        depth = len(found["lead"].replace("    ", " " * 4)) // 4
        path = [*path[:depth], found["name"]]
        if depth:
            parents[found["name"]] = path[depth - 1]
    return parents


def all_errors(root: type[PmsBridgeError] = PmsBridgeError) -> Iterator[type[PmsBridgeError]]:
    for kind in root.__subclasses__():
        if kind.__module__.startswith("pmsbridge"):
            yield kind
            yield from all_errors(kind)


def test_the_public_names_are_pinned() -> None:
    pinned = PINNED.read_text(encoding="utf-8").split()

    assert sorted(pmsbridge.__all__) == pinned, (
        f"pmsbridge.__all__ and {PINNED.name} differ. A name that leaves breaks portals, one that comes stays for "
        f"years: if you mean it, change {PINNED.name} and add a fragment to changes/."
    )


def test_there_are_at_most_25_public_names_and_each_is_there() -> None:
    assert len(pmsbridge.__all__) <= 25
    for name in pmsbridge.__all__:
        assert getattr(pmsbridge, name).__doc__, f"{name} says nothing"
    with pytest.raises(AttributeError, match="nothing_such"):
        _ = pmsbridge.nothing_such


def test_importing_pmsbridge_loads_no_network_database_clockwork_or_screen() -> None:
    loaded = python("import sys, pmsbridge; print(*{n.split('.')[0] for n in sys.modules})").stdout.split()

    assert not set(HEAVY) & set(loaded)


def test_importing_pmsbridge_starts_no_thread_and_opens_no_socket() -> None:
    program = (
        "import socket, threading\n"
        "def refuse(*a, **k): raise SystemExit('a socket at import')\n"
        "socket.socket.connect = socket.socket.bind = refuse\n"
        "import pmsbridge\n"
        "assert threading.active_count() == 1, threading.enumerate()\n"
    )

    assert python(program).returncode == 0


def test_importing_pmsbridge_takes_less_than_two_seconds_of_the_processor(
    record_property: Callable[[str, object], None],
) -> None:
    program = "import time; t = time.process_time(); import pmsbridge; print(time.process_time() - t)"
    taken = statistics.median(float(python(program).stdout) for _ in range(3))

    record_property("import_seconds", f"{taken:.3f}")
    assert taken < 2, f"import pmsbridge took {taken:.2f} s"


def test_the_error_tree_is_drawn_as_it_is() -> None:
    real = {
        kind.__name__: kind.__mro__[1].__name__
        for name in errors.__all__
        if (kind := getattr(errors, name)) is not PmsBridgeError
    }

    assert drawn_tree() == real


def test_every_error_of_the_package_says_what_is_true_and_has_an_exit_code() -> None:
    for module in pkgutil.walk_packages(pmsbridge.__path__, "pmsbridge."):
        # The second is a script that Alembic runs with a context of its own.
        if not module.name.endswith(("__main__", "migrations.env")):
            importlib.import_module(module.name)

    for kind in all_errors():
        assert kind.__doc__, kind
        assert kind.__name__.endswith("Error")
        assert kind.exit_code > 1


def test_entry_points_name_what_they_say() -> None:
    (adapter,) = entry_points(group="pmsbridge.adapters", name="sitelink")
    (sandbox,) = entry_points(group="pmsbridge.sandboxes", name="sitelink")

    assert adapter.load().system == "sitelink"
    assert sandbox.load() is not None


def test_all_packages_are_typed_and_have_the_distributions_version() -> None:
    for name in ("pmsbridge", "pmsbridge_sitelink", "pmsbridge_tryton", "pmsbridge_rest"):
        package = importlib.import_module(name)
        assert package.__file__ is not None
        assert Path(package.__file__).with_name("py.typed").is_file()
    assert re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", version("pmsbridge"))


def test_a_public_signature_names_no_library_type() -> None:
    foreign = re.compile(r"\b(httpx|zeep|lxml|sqlalchemy|apscheduler)\b")
    for name in pmsbridge.__all__:
        thing = getattr(pmsbridge, name)
        members = inspect.getmembers(thing, inspect.isfunction) if isinstance(thing, type) else []
        for member, function in members:
            if member.startswith("_"):
                continue
            shown = str(inspect.signature(function)).replace("sqlalchemy.engine.base.Connection", "")
            assert not foreign.search(shown), f"{name}.{member}{shown}"


def test_every_module_parses_on_the_oldest_supported_python() -> None:
    for name in ("pmsbridge", "pmsbridge_sitelink", "pmsbridge_tryton", "pmsbridge_rest"):
        package = importlib.import_module(name)
        assert package.__file__ is not None
        for path in Path(package.__file__).parent.rglob("*.py"):
            ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 11))


def test_no_test_reaches_beyond_loopback() -> None:
    blocked = pytest.raises(pytest_socket.SocketConnectBlockedError)
    with socket.socket() as line, pytest.warns(UserWarning, match="192"), blocked:
        line.connect(("192.0.2.1", 9))
