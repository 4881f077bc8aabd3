"""Which story a back office can play: a storage tenant's day, or a customer of a rental yard."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from pmsbridge.cli.demo.stage import set_stage, story_data
from pmsbridge.cli.demo.story import tell
from pmsbridge.cli.demo.telling import Teller
from pmsbridge.cli.demo.yard.stage import set_yard
from pmsbridge.cli.demo.yard.story import tell_of_the_yard
from pmsbridge.cli.sandbox import named_sandbox, prepared
from pmsbridge.cli.screen import say
from pmsbridge.errors import ConfigurationError
from pmsbridge.registry import SandboxPlugin

__all__ = ["play"]


def play(back_office: str, keep: Path | None, teller: Teller) -> dict[str, Any]:
    """Tell the story of a back office; what the judge found at the end.

    Raises:
        ConfigurationError: It can play none, or a part is not installed.
        InputError: The folder to keep cannot be used.
        NotFoundError: No sandbox of that name is installed.
        UnavailableError: The back office cannot be built or started on this machine.
    """
    plugin = named_sandbox(back_office)
    wanted = str(story_data(plugin.name).get("story", _FIRST))
    if wanted not in _STORIES:
        message = f"the sandbox {plugin.name!r} asks for the story {wanted!r}; there is none of that name"
        raise ConfigurationError(message, code="no_story")
    prepared(plugin, say)
    return _STORIES[wanted](plugin, keep, teller)


def _a_tenants_day(plugin: SandboxPlugin, keep: Path | None, teller: Teller) -> dict[str, Any]:
    with set_stage(plugin.name, keep) as stage:
        return tell(stage, teller)


def _a_rental_yard(plugin: SandboxPlugin, keep: Path | None, teller: Teller) -> dict[str, Any]:
    with set_yard(plugin, keep) as stage:
        return tell_of_the_yard(stage, teller)


_FIRST: Final = "tenant"
_STORIES: Final[Mapping[str, Callable[[SandboxPlugin, Path | None, Teller], dict[str, Any]]]] = {
    _FIRST: _a_tenants_day, "yard": _a_rental_yard,
}  # fmt: skip
