"""Installing, activating and seeding: each once, whoever asks first; the others wait, and find it done.

What is complete is renamed into place, so a build that was killed leaves nothing that is taken for one.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.servers.tryton.recipe import DATABASE, MODULES, NoTrytonError, Recipe

__all__ = ["Tell", "activate", "built", "configuration", "plant", "tell_nobody", "written_down"]

Tell = Callable[[str], None]
"""Hears what takes long, before it begins."""

_ADMINISTRATOR: Final = "admin-of-tests-only"
_PATIENCE_SECONDS: Final = 1200
_OLDEST_DAYS: Final = 30


def tell_nobody(_what: str) -> None:
    """Keep progress to oneself."""


def built(recipe: Recipe, tell: Tell = tell_nobody) -> Path:
    """The folder of the seeded SQLite database and ``seed.json``; builds whatever is missing.

    Raises:
        NoTrytonError: The packages cannot be installed here, or the server's own tools fail.
    """
    if recipe.books.is_dir():
        recipe.books.touch()
        return recipe.books
    with _alone(recipe.cache / "building.lock", tell):
        if not recipe.installed_mark.is_file():
            tell("installing Tryton into an environment of its own (once, about half a minute)")
            _install(recipe)
        if not recipe.activated.is_file():
            tell(f"activating {len(MODULES)} modules and what they need (once, about a minute)")
            _made(recipe.activated, lambda file: _activate_sqlite(recipe, file))
        if not recipe.books.is_dir():
            tell("seeding the books (once, about ten seconds)")
            _made(recipe.books, lambda folder: _seed_sqlite(recipe, folder))
            _forget_old(recipe.cache)
    return recipe.books


def activate(recipe: Recipe, configuration_file: Path, database: str = DATABASE) -> None:
    """Activate the modules in an empty database."""
    with tempfile.TemporaryDirectory() as room:
        password = Path(room) / "password"
        password.write_text(_ADMINISTRATOR)
        _run(
            [recipe.tool("trytond-admin"), "-c", str(configuration_file), "-d", database, "--email",
             "admin@example.com", "--activate-dependencies", "-u", *MODULES],
            {"TRYTONPASSFILE": str(password)},
        )  # fmt: skip


def plant(recipe: Recipe, configuration_file: Path, address: str, told: Path) -> None:
    """Fill the books of an activated database; ``told`` is written with what is in them."""
    _run([recipe.tool("python"), str(recipe.seed), str(configuration_file), address, str(recipe.year), str(told)], {})


def configuration(file: Path, sections: Mapping[str, Mapping[str, object]]) -> Path:
    """Write a server's configuration file."""
    lines = [
        line
        for name, held in sections.items()
        for line in (f"[{name}]", *(f"{key} = {value}" for key, value in held.items()), "")
    ]
    file.write_text("\n".join(lines))
    return file


def written_down(database: Path) -> None:
    """Bring everything into the database's one file; what lies beside it would be mixed into a copy."""
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()


# -- steps ------------------------------------------------------------------------------------------------------------


def _install(recipe: Recipe) -> None:
    home = recipe.environment
    shutil.rmtree(home, ignore_errors=True)
    _run([sys.executable, "-m", "venv", str(home)], {})
    python = recipe.tool("python")
    _run([python, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(recipe.constraints)], {})
    # Programs of an environment name their interpreter by its path, so it is made in its place, and marked when whole.
    recipe.installed_mark.touch()


def _activate_sqlite(recipe: Recipe, file: Path) -> None:
    with _room() as room:
        settings = _sqlite(room)
        # The file must be there: its absence is taken for a database that nobody made.
        (room / f"{DATABASE}.sqlite").touch()
        activate(recipe, settings)
        written_down(room / f"{DATABASE}.sqlite")
        shutil.copy(room / f"{DATABASE}.sqlite", file)


def _seed_sqlite(recipe: Recipe, folder: Path) -> None:
    with _room() as room:
        settings = _sqlite(room)
        shutil.copy(recipe.activated, room / f"{DATABASE}.sqlite")
        folder.mkdir()
        plant(recipe, settings, f"sqlite:///{DATABASE}", folder / "seed.json")
        written_down(room / f"{DATABASE}.sqlite")
        shutil.copy(room / f"{DATABASE}.sqlite", folder / f"{DATABASE}.sqlite")


def _sqlite(room: Path) -> Path:
    return configuration(room / "trytond.conf", {"database": {"uri": "sqlite://", "path": room}})


# -- how --------------------------------------------------------------------------------------------------------------


@contextmanager
def _room() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="pmsbridge-tryton-") as name:
        yield Path(name)


def _made(target: Path, make: Callable[[Path], None]) -> None:
    """Have something made beside its place, and moved there when it is whole."""
    beside = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        make(beside)
        beside.rename(target)
    finally:
        if beside.is_dir():
            shutil.rmtree(beside, ignore_errors=True)
        beside.unlink(missing_ok=True)


@contextmanager
def _alone(lock: Path, tell: Tell) -> Iterator[None]:
    """Let one process of this machine in at a time; a process that dies lets go."""
    import fcntl  # there is none on Windows, where the rest of the suite runs

    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("waiting for another process that builds it")
            fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _run(command: list[str], environment: Mapping[str, str]) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TRYTON", "PYTHON", "PMSBRIDGE"))}
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=_PATIENCE_SECONDS,
            env={**kept, **environment},
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as problem:
        message = f"{Path(command[0]).name} does not run ({type(problem).__name__})"
        raise NoTrytonError(message) from None
    if done.returncode != 0:
        message = f"{' '.join(Path(word).name for word in command[:3])} failed: {done.stderr.strip()[-1200:]}"
        raise NoTrytonError(message)


def _forget_old(cache: Path) -> None:
    """Remove what nobody has asked for in a month."""
    oldest = time.time() - _OLDEST_DAYS * 86400
    for path in cache.iterdir():
        if path.name.startswith("books-") and path.stat().st_mtime < oldest:
            shutil.rmtree(path, ignore_errors=True)
