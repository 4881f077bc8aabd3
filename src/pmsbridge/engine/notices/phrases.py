"""The templates of one language: ours, and an operator's in their place, file by file."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from jinja2 import ChoiceLoader, FileSystemLoader, StrictUndefined, Template
from jinja2.sandbox import ImmutableSandboxedEnvironment

from pmsbridge.actions.scribe import Notice, Written
from pmsbridge.engine.notices.formats import cleaned, one_line, shown
from pmsbridge.logging import get_logger

__all__ = ["OUR_FOLDER", "Phrases", "SilentTemplateError", "built_in"]

_log = get_logger(__name__)
OUR_FOLDER: Final = Path(__file__).parent / "templates"
_SUFFIXES: Final = (".subject", ".text")


class SilentTemplateError(Exception):
    """A template said nothing.

    Attributes:
        template: Its file's name.
    """

    def __init__(self, template: str) -> None:
        super().__init__("it says nothing")
        self.template = template


class Phrases:
    """Writes notices in one language. The same facts always give the same text.

    Attributes:
        language: "en" or "fr".
        environment: Where the templates are found; they can reach nothing but their variables.
    """

    def __init__(self, language: str, folder: Path | None = None) -> None:
        """Nothing is read yet.

        Args:
            language: Which.
            folder: An operator's own templates of this language; a file that is not there is taken from ours.
        """
        self.language = language
        self._ours = built_in(language) if folder is not None else None
        places = [FileSystemLoader(place) for place in (folder, OUR_FOLDER / language) if place is not None]
        self.environment = ImmutableSandboxedEnvironment(
            loader=ChoiceLoader(places), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
            autoescape=False, auto_reload=False, cache_size=-1, finalize=self.shown,
        )  # fmt: skip
        self.environment.filters["shown"] = self.shown

    def shown(self, value: object) -> object:
        """A value as the language writes it."""
        return shown(value, self.language)

    def template(self, name: str) -> Template:
        """One file, "contact_changed.text". Raises what Jinja raises."""
        return self.environment.get_template(f"{name}.txt")

    def write(self, notice: Notice, zone: ZoneInfo) -> Written:
        """A notice in words."""
        return self.fill(notice.name, cleaned(notice, zone, notice.paragraphs))

    def fill(self, name: str, values: Mapping[str, object]) -> Written:
        """Both templates of a name. What an operator's own cannot say, ours says: no click fails for a text."""
        try:
            return self.fill_strictly(name, values)
        except Exception as error:
            if self._ours is None:
                raise
            _log.warning("own_template_failed", template=name, language=self.language, error=type(error).__name__)
            return self._ours.fill_strictly(name, values)

    def fill_strictly(self, name: str, values: Mapping[str, object]) -> Written:
        """Both templates of a name.

        Raises:
            SilentTemplateError: One of them says nothing.
            jinja2.TemplateError: One of them is wrong.
        """
        subject, text = (self.template(name + suffix).render(values) for suffix in _SUFFIXES)
        written = Written(one_line(subject), _tidy(text))
        for said, suffix in zip((written.subject, written.text), _SUFFIXES, strict=True):
            if not said:
                raise SilentTemplateError(name + suffix + ".txt")
        return written


@lru_cache(maxsize=8)
def built_in(language: str) -> Phrases:
    """Our own templates; read once per process, and never changed after that."""
    return Phrases(language)


def _tidy(text: str) -> str:
    """No blanks at line ends, no empty lines at either end."""
    return "\n".join(line.rstrip() for line in text.strip().splitlines())
