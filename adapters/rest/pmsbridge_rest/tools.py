"""The tools of the mapping format, as the command line finds them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from collections.abc import Mapping as Table
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from pmsbridge.actions.effects import effect_from_json
from pmsbridge.errors import ConfigurationError
from pmsbridge_rest.lint import lint
from pmsbridge_rest.lint.against_examples import load_examples
from pmsbridge_rest.mapping.connection import Evidence
from pmsbridge_rest.mapping.document import Mapping
from pmsbridge_rest.mapping.reading import load_mapping
from pmsbridge_rest.mapping.schema import mapping_schema
from pmsbridge_rest.previewing import preview
from pmsbridge_rest.scaffold import scaffold
from pmsbridge_rest.shipped import file_of
from pmsbridge_rest.spec import load_spec

__all__ = ["MappingTools"]

_NOT_A_WORD: Final = re.compile(r"[^a-z0-9]+")


class MappingTools:
    """Looks at mapping files, and plays them; sends nothing."""

    name = "rest"

    def lint(
        self, file: Path, *, production: bool = False, openapi: Path | None = None, examples: Path | None = None
    ) -> list[dict[str, Any]]:
        """What is wrong or doubtful in a mapping file, in its order.

        Args:
            file: The mapping, or the name of a shipped one.
            production: It is to be used for real tenants.
            openapi: The vendor's document; None for the one that the mapping names, if it names one that is there.
            examples: The vendor's examples; None likewise.

        Raises:
            ConfigurationError: The file or the document cannot be read.
        """
        file = _found(file)
        content = _content(file)
        openapi, examples = openapi or _beside(file, "openapi"), examples or _beside(file, "examples")
        spec = None if openapi is None else load_spec(openapi)
        published = None if examples is None else load_examples(examples)
        found = lint(content, production=production, spec=spec, examples=published)
        return [asdict(each) for each in found]

    def actions(self, file: Path) -> list[str]:
        """The actions of a mapping.

        Raises:
            ConfigurationError: The mapping cannot be used.
        """
        return list(load_mapping(_found(file)).actions)

    def preview(
        self, file: Path, action: str, *, effect: Path | None = None, options: Table[str, str] | None = None
    ) -> list[dict[str, Any]]:
        """The requests of an action, to the letter; nothing is sent.

        Args:
            file: The mapping.
            action: Which of its actions.
            effect: A file with the effect as JSON; None for a made-up one.
            options: The account's options.

        Raises:
            ConfigurationError: The mapping cannot be used, or the effect cannot be said to this back office.
        """
        mapping = load_mapping(_found(file))
        _check_options(mapping, options or {})
        given = None
        if effect is not None:
            given = _effect(effect)
            if given.kind != action:
                message = f"{effect}: not an effect of kind {action}"
                raise ConfigurationError(message, code="no_effect")
        return [asdict(each) for each in preview(mapping, action, effect=given, option=options)]

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of a mapping, with every key's documentation."""
        return mapping_schema()

    def scaffold(self, openapi: Path, *, name: str = "", evidence: str = "third_party_spec") -> str:
        """A draft of a mapping from an OpenAPI document.

        Raises:
            ConfigurationError: The document cannot be read, or there is no such evidence.
        """
        words = [each.value for each in Evidence]
        if evidence not in words:
            message = f"evidence: not one of {', '.join(words)}"
            raise ConfigurationError(message, code="no_evidence")
        spec = load_spec(openapi)
        short = _NOT_A_WORD.sub("_", (name or openapi.stem).lower()).strip("_")[:40]
        short = short if short[:1].isalpha() else f"vendor_{short}"[:40]
        return scaffold(spec, name=short, file=openapi.name, evidence=Evidence(evidence))

    def prove(self, file: Path, *, vendor: Path | None = None) -> Iterator[dict[str, Any]]:
        """Every promise of a mapping, held against the back office that is made of it, each as soon as it is known.

        Args:
            file: The mapping, or the name of a shipped one.
            vendor: The mapping that the back office is made of, where that is another.

        Raises:
            ConfigurationError: A mapping cannot be used, or cannot be played.
        """
        from pmsbridge_rest.testing.proving import proved  # noqa: PLC0415 - loads a server that only this needs

        yield from proved(_found(file), vendor=vendor)

    def play(self, file: Path, *, port: int, ready: Callable[[str, Table[str, Any], Table[str, str]], None]) -> None:
        """Serve the back office of a mapping on loopback until interrupted.

        Args:
            file: The mapping, or the name of a shipped one.
            port: 0 takes a free one.
            ready: Told once that it listens: its address, an account's options, and its worthless secrets by name.

        Raises:
            ConfigurationError: The mapping cannot be used, or cannot be played.
            OSError: The port cannot be had.
        """
        from pmsbridge_rest.testing.playing import play  # noqa: PLC0415 - loads a server that only this needs

        found = _found(file)
        play(found, called=str(found.resolve()) if found == file else str(file), port=port, ready=ready)


def _found(file: Path) -> Path:
    """The file itself; a shipped mapping where there is none and it looks like a name."""
    return file if file.exists() else file_of(str(file))


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        message = f"{file}: cannot be read ({error.strerror}). Name a mapping file."
        raise ConfigurationError(message, code="no_mapping") from None


def _beside(file: Path, which: str) -> Path | None:
    """What a mapping's contract names, beside its file; None when it names nothing, or it is not there."""
    try:
        named = str(getattr(load_mapping(file).contract, which))
    except ConfigurationError:
        return None
    path = file.parent / named
    return path if named and path.is_file() else None


def _check_options(mapping: Mapping, options: Table[str, str]) -> None:
    for name, text in options.items():
        known = mapping.connection.options.get(name)
        if known is None:
            names = ", ".join(mapping.connection.options) or "none"
            message = f"--set {name}: the mapping has no such option (it has {names})"
            raise ConfigurationError(message, code="no_option")
        if not re.fullmatch(known.pattern, text):
            message = f"--set {name}: does not look like what the mapping wants ({known.pattern})"
            raise ConfigurationError(message, code="no_option")


def _effect(file: Path) -> Any:  # noqa: ANN401 - any effect
    try:
        return effect_from_json(file.read_bytes())
    except OSError as error:
        message = f"{file}: cannot be read ({error.strerror}). Name a file with an effect as JSON."
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False)[0]
        message = f"{file}: not an effect ({'.'.join(map(str, problem['loc']))}: {problem['msg']})"
    raise ConfigurationError(message, code="no_effect")
