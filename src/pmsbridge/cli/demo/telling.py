"""How the story is told: to a person as it happens, or to a machine as one object at the end."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.markup import escape

from pmsbridge.cli.screen import consoles, jsonable, print_table

__all__ = ["Scene", "Teller"]


@dataclass(slots=True)
class Scene:
    """One part of the story.

    Attributes:
        facts: What happened, for a machine.
        checks: What must be true for the story to hold, and whether it was.
    """

    number: int
    title: str
    facts: dict[str, Any] = field(default_factory=dict)
    checks: dict[str, bool] = field(default_factory=dict)

    @property
    def as_facts(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {"number": self.number, "title": self.title, **self.facts, "checks": dict(self.checks)}


class Teller:
    """Tells scenes and keeps what they found.

    Attributes:
        scenes: In the order they were told.
    """

    def __init__(self, *, quiet: bool) -> None:
        """Tell a person, or stay quiet but for the titles on standard error."""
        self._out: Console | None
        self._out, self._err = consoles()
        if quiet:
            self._out = None
        self._began = time.monotonic()
        self.scenes: list[Scene] = []

    @property
    def error_console(self) -> Console:
        """Where progress goes."""
        return self._err

    @property
    def seconds(self) -> int:
        """How long the story has taken."""
        return round(time.monotonic() - self._began)

    @property
    def holds(self) -> bool:
        """Every check of every scene was true."""
        return all(all(scene.checks.values()) for scene in self.scenes)

    @property
    def failed(self) -> list[str]:
        """The checks that were not true."""
        return [
            f"{s.number}. {s.title}: {text}" for s in self.scenes for text, is_true in s.checks.items() if not is_true
        ]

    def scene(self, title: str) -> Scene:
        """Begin the next scene."""
        made = Scene(len(self.scenes) + 1, title)
        self.scenes.append(made)
        console = self._out or self._err
        console.print(
            f"\n[bold cyan]{made.number}. {escape(title)}[/]" if self._out else f"{made.number}. {escape(title)}"
        )
        return made

    def say(self, *lines: str) -> None:
        """Sentences of the story."""
        if self._out is not None:
            for line in lines:
                self._out.print(f"   {escape(line)}", soft_wrap=False)

    def show(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """A table of the story."""
        if self._out is not None:
            print_table(title, columns, rows, self._out)

    def check(self, text: str, *, holds: bool) -> None:
        """Something that must be true; told with a mark."""
        self.scenes[-1].checks[text] = holds
        if self._out is not None:
            self._out.print(f"   [{'green' if holds else 'bold red'}]{'✔' if holds else '✘'}[/] {escape(text)}")

    def end(self) -> None:
        """The last line."""
        count = sum(len(scene.checks) for scene in self.scenes)
        held = "The story holds" if self.holds else "THE STORY DOES NOT HOLD"
        self.say("", f"{held}: {len(self.scenes)} scenes, {count} checks, {self.seconds} s.")

    def note(self, **facts: object) -> None:
        """Facts of the current scene, for a machine."""
        self.scenes[-1].facts.update({name: jsonable(value) for name, value in facts.items()})

    def as_facts(self, **more: object) -> Mapping[str, Any]:
        """The whole story as JSON holds it."""
        return {
            "holds": self.holds,
            "failed_checks": self.failed,
            "seconds": self.seconds,
            **{name: jsonable(value) for name, value in more.items()},
            "scenes": [scene.as_facts for scene in self.scenes],
        }
