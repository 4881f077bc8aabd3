"""Build wheel and sdist, look inside, install the wheel apart from the checkout and test it there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
ROOM: Final = ROOT / "build" / "wheel-test"
SMOKE: Final = ("tests/unit/model", "tests/unit/test_errors.py", "tests/contract/test_package.py")
_WANTED: Final = (
    "pmsbridge/py.typed",
    "pmsbridge_sitelink/py.typed",
    "pmsbridge_tryton/py.typed",
    "pmsbridge/__init__.py",
    "pmsbridge/model/schemas.py",
    "pmsbridge/portal/reports/page.html",
    "pmsbridge/store/migrations/env.py",
    "pmsbridge/store/migrations/versions/r0001_first.py",
    "pmsbridge_sitelink/__init__.py",
    "pmsbridge_sitelink/sandbox/__main__.py",
    "pmsbridge_tryton/sandbox/constraints.txt",
    "pmsbridge_tryton/sandbox/seed.py",
    "pmsbridge_rest/__init__.py",
    "pmsbridge_rest/py.typed",
    "pmsbridge_rest/tools.py",
)
_FIRST_SCHEMA: Final = """
from pmsbridge.store import upgrade
from pmsbridge.store.database import reach_database
database = reach_database("sqlite:///pmsbridge.db")
with database.write() as connection:
    upgrade.migrate(connection, to="0001")
database.close()
"""
_PROVEN_AT_LEAST: Final = 50
_NEWEST_AT_LEAST: Final = 4
_ROOMS: Final = ("pmsbridge/", "pmsbridge_sitelink/", "pmsbridge_tryton/", "pmsbridge_rest/")
_ENTRY_POINTS: Final = (
    "pmsbridge = pmsbridge.cli:main",
    "[pmsbridge.adapters]",
    "sitelink = pmsbridge_sitelink:plugin",
    "tryton = pmsbridge_tryton:plugin",
    "rest = pmsbridge_rest:plugin",
    "[pmsbridge.sandboxes]",
    "sitelink = pmsbridge_sitelink.sandbox:plugin",
    "tryton = pmsbridge_tryton.sandbox:plugin",
    "[pmsbridge.mappings]",
    "rest = pmsbridge_rest.mapping_tools:plugin",
)
_CODE: Final = (
    ".py", ".pyi", ".wsdl", ".xsd", ".html", ".css", ".js", ".svg", ".json", ".toml", ".yaml", ".txt", ".ttf",
    "py.typed",
)  # fmt: skip


def _run(*command: str | Path, cwd: Path = ROOT, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=env, check=False, text=True, capture_output=True
    )
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def build() -> tuple[Path, Path]:
    """Build both; returns wheel and sdist."""
    shutil.rmtree(ROOM, ignore_errors=True)
    _run(sys.executable, "-m", "hatchling", "build", "-d", ROOM / "dist")
    return next((ROOM / "dist").glob("*.whl")), next((ROOM / "dist").glob("*.tar.gz"))


def faults_of_wheel(wheel: Path) -> list[str]:
    """What the wheel lacks, and what it should not hold."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        entries = next((archive.read(name).decode() for name in names if name.endswith("entry_points.txt")), "")
    found = [f"{name} is missing" for name in _WANTED if name not in names]
    for room in (ROOT / "adapters").glob("*/pmsbridge_*"):
        for contract in (*room.rglob("*.wsdl"), *room.rglob("*.yaml")):
            inside = contract.relative_to(room.parent).as_posix()
            found += [] if inside in names else [f"{inside} is missing"]
    for name in names:
        if ".dist-info/" in name:
            continue
        if not name.startswith(_ROOMS):
            found.append(f"{name} does not belong into the wheel")
        elif not name.endswith(_CODE) or "__pycache__" in name:
            found.append(f"{name} is no code and no contract")
    found += [f"entry point {line!r} is missing" for line in _ENTRY_POINTS if line not in entries]
    if not any(name.endswith("licenses/LICENSE") for name in names):
        found.append("the licence is missing")
    return found


def faults_of_sdist(sdist: Path) -> list[str]:
    """What the sdist lacks, and what it should not hold."""
    with tarfile.open(sdist) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    wanted = {"pyproject.toml", "LICENSE", "README.md", "src/pmsbridge/py.typed"}
    leaked = {
        name for name in names if name.startswith((".venv", "build/", ".git/", ".ci", ".make")) or name.endswith(".db")
    }
    return [f"sdist: {name} is missing" for name in sorted(wanted - names)] + [
        f"sdist: {name} leaked" for name in sorted(leaked)
    ]


def install(wheel: Path, sdist: Path) -> Path:
    """Install the wheel (and check that the sdist builds the same one) in a fresh environment; returns its Python."""
    venv = ROOM / "venv"
    _run(sys.executable, "-m", "venv", venv)
    python = venv / "bin" / "python"
    # Not compiled: most of what is installed is never loaded here.
    needed = ("--no-compile", "--require-hashes", "-r", ROOT / "constraints.txt")
    _run(python, "-m", "pip", "install", "--quiet", *needed)
    _run(python, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", ROOM / "from-sdist", sdist)
    again = next((ROOM / "from-sdist").glob("*.whl"))
    if _contents(again) != _contents(wheel):
        sys.exit("the wheel built from the sdist differs from the one built from the checkout")
    _run(python, "-m", "pip", "install", "--quiet", "--no-deps", wheel)
    return python


def _contents(wheel: Path) -> dict[str, int]:
    with zipfile.ZipFile(wheel) as archive:
        return {info.filename: info.CRC for info in archive.infolist()}


def test(python: Path) -> None:
    """Run the smoke tests and the command line against the installed wheel."""
    clean = {name: text for name, text in os.environ.items() if not name.startswith(("PYTHON", "PYTEST_"))}
    where = _run(
        python,
        "-c",
        "import pmsbridge, pmsbridge_sitelink as s; print(pmsbridge.__file__, s.__file__)",
        cwd=ROOM,
        env=clean,
    )
    if any(not path.startswith(str(ROOM)) for path in where.split()):
        sys.exit(f"the test would not see the wheel: {where}")
    _run(python.parent / "pmsbridge", "--help", cwd=ROOM, env=clean)
    _run(python.parent / "pmsbridge", "map", "lint", "buildium", "--production", cwd=ROOM, env=clean)
    proved = json.loads(_run(python.parent / "pmsbridge", "map", "prove", "cubby", "--json", cwd=ROOM, env=clean))
    if not proved["proved"] or proved["counts"]["ok"] < _PROVEN_AT_LEAST:
        sys.exit(f"the installed wheel does not prove a mapping: {proved['counts']}")
    upgrade(python, ROOM / "upgrade", clean)
    tests = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *SMOKE]
    if subprocess.run([str(part) for part in tests], cwd=ROOT, env=clean, check=False).returncode:
        sys.exit("the smoke tests fail against the wheel")


def upgrade(python: Path, room: Path, env: dict[str, str]) -> None:
    """Bring a database of the first schema to the newest one by the installed command; its steps are in the wheel."""
    shutil.rmtree(room, ignore_errors=True)
    room.mkdir(parents=True)
    _run(python, "-c", _FIRST_SCHEMA, cwd=room, env=env)
    command = python.parent / "pmsbridge"
    _run(command, "init", "--system", "sitelink", cwd=room, env=env)
    said = _run(command, "db", "upgrade", "--json", cwd=room, env=env)
    status = json.loads(_run(command, "db", "status", "--json", cwd=room, env=env))
    if status["schema"] != status["code"] or status["schema"] < _NEWEST_AT_LEAST:
        sys.exit(f"the installed wheel does not upgrade a database: {said} {status}")


def main() -> int:
    """Build, look inside, install, test."""
    wheel, sdist = build()
    faults = faults_of_wheel(wheel) + faults_of_sdist(sdist)
    if faults:
        sys.exit("\n".join(faults))
    test(install(wheel, sdist))
    print(
        f"{wheel.name} ({wheel.stat().st_size // 1024} KiB) and {sdist.name}: contents, installation, smoke tests pass"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
