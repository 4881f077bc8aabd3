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

from .recipe import DATABASE, MODULES, NoTrytonError, Recipe

__all__ = [
    "Tell", "activate", "alone", "built", "configuration", "installed", "made", "plant", "room", "run", "surroundings",
    "tell_nobody", "written_down",
]  # fmt: skip

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
    with alone(recipe.cache / "building.lock", tell):
        installed(recipe, tell)
        if not recipe.activated.is_file():
            tell(f"activating {len(MODULES)} modules and what they need (once, about a minute)")
            made(recipe.activated, lambda file: _activate_sqlite(recipe, file))
        if not recipe.books.is_dir():
            tell("seeding the books (once, about ten seconds)")
            made(recipe.books, lambda folder: _seed_sqlite(recipe, folder))
            _forget_old(recipe.cache)
    return recipe.books


def installed(recipe: Recipe, tell: Tell) -> None:
    """See to it that the environment is there; the caller is ``alone``."""
    if not recipe.installed_mark.is_file():
        tell("installing Tryton into an environment of its own (once, about half a minute)")
        _install(recipe)


def activate(recipe: Recipe, configuration_file: Path, database: str = DATABASE) -> None:
    """Activate the modules in an empty database."""
    with tempfile.TemporaryDirectory() as room:
        password = Path(room) / "password"
        password.write_text(_ADMINISTRATOR)
        run(
            [recipe.tool("trytond-admin"), "-c", str(configuration_file), "-d", database, "--email",
             "admin@example.com", "--activate-dependencies", "-u", *MODULES],
            {"TRYTONPASSFILE": str(password)},
        )  # fmt: skip


def plant(recipe: Recipe, configuration_file: Path, address: str, told: Path) -> None:
    """Fill the books of an activated database; ``told`` is written with what is in them."""
    run([recipe.tool("python"), str(recipe.seed), str(configuration_file), address, str(recipe.year), str(told)], {})


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
    run([sys.executable, "-m", "venv", str(home)], {})
    python = recipe.tool("python")
    try:
        run([python, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(recipe.constraints)], {})
    except NoTrytonError as problem:
        message = f"its packages cannot be installed from the package registry: {problem}"
        raise NoTrytonError(message) from None
    # Programs of an environment name their interpreter by its path, so it is made in its place, and marked when whole.
    recipe.installed_mark.touch()


def _activate_sqlite(recipe: Recipe, file: Path) -> None:
    with room() as folder:
        settings, database = _sqlite(folder)
        # The file must be there: its absence is taken for a database that nobody made.
        database.touch()
        activate(recipe, settings)
        written_down(database)
        shutil.copy(database, file)


def _seed_sqlite(recipe: Recipe, books: Path) -> None:
    with room() as folder:
        settings, database = _sqlite(folder)
        shutil.copy(recipe.activated, database)
        books.mkdir()
        plant(recipe, settings, f"sqlite:///{DATABASE}", books / "seed.json")
        written_down(database)
        shutil.copy(database, books / database.name)


def _sqlite(folder: Path) -> tuple[Path, Path]:
    """A configuration, and the file in which its database will be."""
    held = {"database": {"uri": "sqlite://", "path": folder}}
    return configuration(folder / "trytond.conf", held), folder / f"{DATABASE}.sqlite"


# -- how --------------------------------------------------------------------------------------------------------------


@contextmanager
def room() -> Iterator[Path]:
    """A folder for as long as the block runs."""
    with tempfile.TemporaryDirectory(prefix="pmsbridge-tryton-") as name:
        yield Path(name)


def made(target: Path, make: Callable[[Path], None]) -> None:
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
def alone(lock: Path, tell: Tell) -> Iterator[None]:
    """Let one process of this machine in at a time; a process that dies lets go."""
    try:
        import fcntl  # noqa: PLC0415 - there is none on Windows
    except ImportError:
        message = "it is built on Linux and macOS only"
        raise NoTrytonError(message) from None
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("waiting for another process that builds it")
            fcntl.flock(held, fcntl.LOCK_EX)
        yield


def surroundings() -> dict[str, str]:
    """The environment of the server's programs: nobody's settings of it, and days that begin with UTC's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TRYTON", "PYTHON", "PMSBRIDGE"))}
    return {**kept, "TZ": "UTC"}


def run(command: list[str], environment: Mapping[str, str]) -> None:
    """Run a program to its end.

    Raises:
        NoTrytonError: It is not there, takes for ever or fails; with its last words.
    """
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=_PATIENCE_SECONDS,
            env={**surroundings(), **environment},
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as problem:
        message = f"{Path(command[0]).name} does not run ({type(problem).__name__})"
        raise NoTrytonError(message) from None
    if done.returncode != 0:
        said = done.stderr.strip() or done.stdout.strip()
        message = f"{' '.join(Path(word).name for word in command[:3])} failed: {said[-1200:]}"
        raise NoTrytonError(message)


def _forget_old(cache: Path) -> None:
    """Remove what nobody has asked for in a month."""
    oldest = time.time() - _OLDEST_DAYS * 86400
    for path in cache.iterdir():
        if path.name.startswith("books-") and path.stat().st_mtime < oldest:
            shutil.rmtree(path, ignore_errors=True)
