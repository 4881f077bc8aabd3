"""Fills the templates of an account's credentials: secrets by their references, options, parts of a request."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from pmsbridge.errors import ConfigurationError
from pmsbridge.ports.adapter import Secrets
from pmsbridge_rest.mapping.templates import Place, parse_template

__all__ = ["Words"]

REDACTED: Final = "[redacted]"
_SHORTEST: Final = 6
_MOST_TOKENS: Final = 8


class Words:
    """Looks secrets up each time it is asked, so that a new one is used at once; shows none.

    Args:
        secrets: Where references are looked up.
        references: Reference by the secret's name in the mapping.
        options: The account's options that are not a facility's own.
    """

    def __init__(
        self, secrets: Secrets, references: Mapping[str, str], options: Mapping[str, str] | None = None
    ) -> None:
        self._secrets = secrets
        self._references = dict(references)
        self._options = dict(options or {})
        self._given: deque[str] = deque(maxlen=_MOST_TOKENS)

    def __repr__(self) -> str:
        return f"<words: {', '.join(sorted(self._references))}>"

    def secret(self, name: str) -> str:
        """The secret of a name.

        Raises:
            ConfigurationError: The account's settings have no reference for it, or nothing is behind it.
        """
        if name not in self._references:
            message = f"secrets.{name}: is missing. Write the reference of the secret, such as env:NAME."
            raise ConfigurationError(message, code="secret_missing")
        return self._secrets.get(self._references[name])

    def given(self, token: str) -> None:
        """Remember a token that the back office gave us, to take it out of its words."""
        if token not in self._given:
            self._given.append(token)

    def scrubbed(self, text: str) -> str:
        """The text without our credentials: back offices repeat keys in their errors."""
        known = [*self._given]
        for name in self._references:
            with suppress(ConfigurationError):
                known.append(self.secret(name))
        for word in sorted((one for one in known if len(one) >= _SHORTEST), key=len, reverse=True):
            text = text.replace(word, REDACTED)
        return text

    def text(self, template: str, parts: Mapping[str, bytes] | None = None) -> str:
        """A template, filled.

        Raises:
            ConfigurationError: A place has no value here.
        """
        return self.content(template, parts).decode("utf-8")

    def content(self, template: str, parts: Mapping[str, bytes] | None = None) -> bytes:
        """A template, filled; a part of a request stands in it byte by byte.

        Args:
            template: With places of ``secret``, ``option`` and ``step``.
            parts: What ``step`` has, by name.
        """
        pieces = parse_template(template)
        return b"".join(self._place(one, parts or {}) if isinstance(one, Place) else one.encode() for one in pieces)

    def filled(self, structure: Any) -> Any:  # noqa: ANN401 - tables and lists of texts
        """A body of templates, filled; keys stay as they are."""
        if isinstance(structure, str):
            return self.text(structure)
        if isinstance(structure, Mapping):
            return {key: self.filled(each) for key, each in structure.items()}
        if isinstance(structure, list | tuple):
            return [self.filled(each) for each in structure]
        return structure

    def _place(self, place: Place, parts: Mapping[str, bytes]) -> bytes:
        name = place.path.partition(".")[2]
        if place.codec:
            raise _no_value(place)
        if place.root == "secret":
            return self.secret(name).encode()
        if place.root == "option" and name in self._options:
            return self._options[name].encode()
        if place.root == "step" and name in parts:
            return parts[name]
        raise _no_value(place)


def _no_value(place: Place) -> ConfigurationError:
    message = f"{{{place.path}}} has no value among credentials; secret, option and, in signatures, step do"
    return ConfigurationError(message, code="bad_place")
