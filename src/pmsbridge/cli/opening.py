"""From the command line to settings and an open bridge."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from pmsbridge.errors import ConfigurationError, NotFoundError
from pmsbridge.logging import configure
from pmsbridge.settings import Settings, load_settings

if TYPE_CHECKING:
    from pmsbridge import Bridge
    from pmsbridge.store.stored import StoredAction

__all__ = ["Chosen", "chosen", "open_bridge", "read_settings", "stored_action"]


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the options before the command say.

    Attributes:
        config: The settings file given with ``--config``; None when the usual places are searched.
    """

    config: Path | None


def chosen(context: typer.Context) -> Chosen:
    """The options before the command."""
    found = context.find_object(Chosen)
    return found if found is not None else Chosen(None)


def read_settings(context: typer.Context, *, tells_failures: bool = False) -> Settings:
    """The settings, with logging set up as they say.

    Args:
        context: The command's.
        tells_failures: The command itself says what failed, so warnings are left out unless more than those was asked
            for.

    Raises:
        ConfigurationError: They are missing or wrong.
    """
    settings = load_settings(chosen(context).config)
    level = "error" if tells_failures and settings.log.level == "warning" else settings.log.level
    configure(level=level, json=settings.log.is_json)
    return settings


@contextmanager
def open_bridge(
    context: typer.Context, *, tells_failures: bool = False, asks_back_offices: bool = True
) -> Iterator[Bridge]:
    """An open bridge, closed again at the end; arguments as for ``read_settings`` and ``Bridge.from_config``.

    Raises:
        ConfigurationError: The settings, a secret, an adapter or the store is wrong. Or a command that only looks finds
            no store: it makes none, for an empty one would look like a journal in which nothing ever happened.
    """
    settings = read_settings(context, tells_failures=tells_failures)
    if not asks_back_offices:
        _refuse_missing_store(settings)
    from pmsbridge import Bridge

    with Bridge.from_config(settings.file, asks_back_offices=asks_back_offices) as bridge:
        yield bridge


def _refuse_missing_store(settings: Settings) -> None:
    file = settings.store.file
    if file is not None and not file.exists():
        message = (
            f"{settings.file or 'the environment'}: store.url: there is no database at {file}. Correct it; or, where"
            " nothing was ever stored, run 'pmsbridge doctor', which makes an empty one."
        )
        raise ConfigurationError(message, code="no_store")


def stored_action(bridge: Bridge, action_id: str) -> StoredAction:
    """The action that a person named.

    Raises:
        NotFoundError: There is none; says where the ids are listed.
    """
    try:
        return bridge.journal.action(action_id)
    except NotFoundError as error:
        code = error.code
    raise NotFoundError(
        "action",
        "there is no action of that id",
        shape=f"text of {len(action_id)} characters",
        remedy="An id is act_ and 24 letters and digits; list them with: pmsbridge actions list",
        code=code,
    )
