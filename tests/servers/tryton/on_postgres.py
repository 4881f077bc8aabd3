"""The same books in PostgreSQL, where writers do not wait for each other: built once, kept as a dump, then copied."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from pmsbridge_tryton.sandbox.building import Tell, activate, alone, configuration, made, plant, room, run, tell_nobody
from pmsbridge_tryton.sandbox.building import installed as installed_environment
from pmsbridge_tryton.sandbox.recipe import NoTrytonError, Recipe, mark
from pmsbridge_tryton.sandbox.serving import Conf, TrytonServer, running_tryton
from tests.servers.postgres import NoPostgresError, PostgresServer, _tools, _user

__all__ = ["books_on_postgres", "dump_of", "running_on_postgres"]

_NUMBERS: Final = count(1)
_TEMPLATE: Final = "tryton_books"


@contextmanager
def running_on_postgres(
    recipe: Recipe, postgres: PostgresServer, conf: Conf | None = None, tell: Tell = tell_nobody
) -> Iterator[TrytonServer]:
    """A server on a database of its own, for as long as the block runs.

    Raises:
        NoTrytonError: It cannot be built, kept or started here.
    """
    template = _template(recipe)
    books = books_on_postgres(recipe, postgres, tell)
    name = f"tryton_{os.getpid()}_{next(_NUMBERS)}"
    _create(postgres, name, template)
    try:
        with running_tryton(recipe, books, conf, database=name, address=_address(postgres)) as server:
            yield server
    finally:
        postgres.drop_database(postgres.url(name))


def books_on_postgres(recipe: Recipe, postgres: PostgresServer, tell: Tell = tell_nobody) -> Path:
    """The folder of the dump and ``seed.json``; afterwards the books are a database of this PostgreSQL.

    Raises:
        NoTrytonError: They cannot be built or kept here.
    """
    template = _template(recipe)
    folder = dump_of(recipe)
    with alone(recipe.cache / "building.lock", tell):
        installed_environment(recipe, tell)
        if not folder.is_dir():
            tell("activating and seeding Tryton in PostgreSQL (once, about two minutes)")
            made(folder, lambda part: _build(recipe, postgres, template, part))
    if not _is_there(postgres, template):
        _create(postgres, template, "template0")
        restored = [str(_tool("pg_restore")), "--no-owner", "--dbname", postgres.conninfo(template)]
        run([*restored, str(folder / "books.dump")], {})
    return folder


def dump_of(recipe: Recipe) -> Path:
    """The folder where the dump is, or will be; one for each installation of PostgreSQL, whose dumps may differ.

    Raises:
        NoTrytonError: This machine has no tool that dumps.
    """
    return recipe.books.with_name(f"{recipe.books.name}-postgres-{mark(str(_tool('pg_dump')).encode())}")


def _template(recipe: Recipe) -> str:
    return f"{_TEMPLATE}_{recipe.series.replace('.', '_')}_{os.getpid()}"


def _build(recipe: Recipe, postgres: PostgresServer, template: str, folder: Path) -> None:
    if _is_there(postgres, template):
        postgres.drop_database(postgres.url(template))
    _create(postgres, template, "template0")
    folder.mkdir()
    with room() as place:
        file = configuration(place / "trytond.conf", {"database": {"uri": _address(postgres)}})
        activate(recipe, file, template)
        plant(recipe, file, _address(postgres) + template, folder / "seed.json")
    run([str(_tool("pg_dump")), "-Fc", "--file", str(folder / "books.dump"), postgres.conninfo(template)], {})


def _tool(name: str) -> Path:
    try:
        beside = _tools(_user()) / name
    except NoPostgresError:
        beside = Path(name)
    found = beside if beside.is_file() else Path(shutil.which(name) or "")
    if not found.is_file():
        message = f"there is no {name} on this machine"
        raise NoTrytonError(message)
    return found


def _address(postgres: PostgresServer) -> str:
    return f"postgresql://{postgres.user}@{postgres.host}:{postgres.port}/"


def _is_there(postgres: PostgresServer, name: str) -> bool:
    with postgres.connect() as connection:
        return connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is not None


def _create(postgres: PostgresServer, name: str, template: str) -> None:
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
    try:
        with postgres.connect() as connection:
            connection.execute(statement)
    except psycopg.Error as problem:
        message = f"PostgreSQL makes no database ({type(problem).__name__})"
        raise NoTrytonError(message) from None
