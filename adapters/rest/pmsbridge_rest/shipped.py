"""Mapping files that come with the adapter, by name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from pmsbridge.errors import ConfigurationError
from pmsbridge_rest.mapping.problems import did_you_mean

__all__ = ["file_of", "shipped_mappings"]

_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,60}")
_FOLDER: Final = Path(__file__).parent / "mappings"


def shipped_mappings() -> dict[str, Path]:
    """File by name."""
    files = sorted(_FOLDER.glob("*.yaml"))
    return {path.stem: path for path in files if not path.name.endswith(".office.yaml")}


def file_of(word: str) -> Path:
    """The mapping file that a setting means: a shipped one by its name, else a path.

    Raises:
        ConfigurationError: It looks like a name, and none of that name is shipped.
    """
    if not _NAME.fullmatch(word):
        return Path(word)
    known = shipped_mappings()
    if word in known:
        return known[word]
    hint = did_you_mean(word, known) if known else "None is shipped."
    message = f"mapping: {word!r} is not shipped. {hint} For a file of your own write its path, such as ./{word}.yaml"
    raise ConfigurationError(message, code="no_mapping")
