"""Reading the settings: find the file, read it exactly, let the environment win, and name every mistake's place."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import EnvSettingsSource
from pydantic_settings.exceptions import SettingsError

from pmsbridge.errors import ConfigurationError
from pmsbridge.settings.problems import Origin, describe, unknown_variable
from pmsbridge.settings.sections import Settings

__all__ = ["FILE_NAME", "find_file", "load_settings"]

FILE_NAME: Final = "pmsbridge.toml"
_PREFIX: Final = "PMSBRIDGE_"
_FILE_VARIABLE: Final = "PMSBRIDGE_CONFIG"
_TOML_PLACE: Final = re.compile(r"\(at (line \d+, column \d+|end of document)\)$")


def load_settings(path: Path | None = None, env: Mapping[str, str] | None = None) -> Settings:
    """Read the settings.

    Args:
        path: The file; None looks at ``PMSBRIDGE_CONFIG``, then for ``pmsbridge.toml`` in the current folder.
        env: The environment; None takes the process's own. ``PMSBRIDGE_MAIL__HOST`` sets ``mail.host`` over the file.

    Raises:
        ConfigurationError: The file is missing or is no TOML, or some values are wrong: one error names the file, and
            for each mistake its dotted key, the shape of what was given and the remedy. No value is repeated.
    """
    environment = os.environ if env is None else env
    file = find_file(path, environment)
    in_file = _read(file) if file else {}
    from_environment = _Environment(environment).values()
    origin = Origin(str(file) if file else "the environment", environment)
    problems, settings = "", None
    try:
        settings = Settings(**_merged(in_file, from_environment))
    except ValidationError as error:
        problems = describe(error, _merged(in_file, from_environment), origin)
    if settings is None:
        # After the handler: an error raised within it keeps the library's, which holds what was typed.
        raise ConfigurationError(problems, code="settings")
    if not settings.accounts:
        message = f"{origin.place}: accounts: no account is set. Add a table [accounts.NAME] with a system."
        raise ConfigurationError(message, code="settings")
    return settings.read_from(file)


def find_file(path: Path | None, env: Mapping[str, str]) -> Path | None:
    """The settings file: the given one, else the one ``PMSBRIDGE_CONFIG`` names, else ``pmsbridge.toml`` here.

    Returns:
        None when there is none but the environment sets an account.

    Raises:
        ConfigurationError: The named file does not exist, or nothing is set at all.
    """
    named = path or (Path(env[_FILE_VARIABLE]) if env.get(_FILE_VARIABLE) else None)
    file = (named or Path(FILE_NAME)).expanduser().absolute()
    if file.is_file():
        return file
    if named is not None:
        message = f"{file}: no such file. Run 'pmsbridge init {file}' to write one, or name another."
        raise ConfigurationError(message, code="no_settings")
    if any(name.upper().startswith(f"{_PREFIX}ACCOUNTS") for name in env):
        return None
    message = f"no {FILE_NAME} in {Path.cwd()}. Run 'pmsbridge init' to write one, or name one with --config."
    raise ConfigurationError(message, code="no_settings")


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"), parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        # The parser's own text may quote the file, and its error holds all of it; only the place is taken from it.
        place = _TOML_PLACE.search(str(error))
        where = place[1] if place else "an unknown line"
        problem = f"not valid TOML at {where}. Text stands in quotes, and a key stands once per table."
        code = "settings_syntax"
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        problem, code = f"cannot be read ({why}).", "no_settings"
    message = f"{file}: {problem}"
    raise ConfigurationError(message, code=code)


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Tables are merged key by key; every other value of ``above`` replaces the one of ``below``."""
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        result[key] = _merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return result


class _Environment(EnvSettingsSource):
    """The environment handed over instead of the process's own; decimals in JSON values stay exact."""

    def __init__(self, env: Mapping[str, str]) -> None:
        super().__init__(Settings)
        self._given = {name: value for name, value in env.items() if name.upper().startswith(_PREFIX)}
        self.env_vars = {name.lower(): value for name, value in self._given.items()}

    def values(self) -> dict[str, Any]:
        """Nested values by section.

        Raises:
            ConfigurationError: A variable names no section, or holds broken JSON.
        """
        self._refuse_unknown_sections()
        try:
            return self()
        except SettingsError:
            message = f"{', '.join(sorted(self._json_suspects()))}: not valid JSON for a whole section."
        raise ConfigurationError(message, code="settings")

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:  # noqa: ANN401, ARG002 - its own
        """JSON with exact decimals."""
        return json.loads(value, parse_float=Decimal)

    def _refuse_unknown_sections(self) -> None:
        for name in sorted(self._given):
            section, nested, _ = name[len(_PREFIX) :].lower().partition("__")
            if nested and section not in Settings.model_fields:
                raise ConfigurationError(unknown_variable(name, section), code="settings")

    def _json_suspects(self) -> list[str]:
        return [name for name in self._given if name[len(_PREFIX) :].lower().split("__")[0] in Settings.model_fields]
