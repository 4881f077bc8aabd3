"""A page of docs/portals told head by head: its blocks run here, and a test judges the back office's books in between.

So a portal's story is written once, where its reader finds it. What a reader has running is there for a test, too: a
back office, and a mail server that keeps what it is handed in the folder ``mails``.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from mailbox import Maildir
from pathlib import Path
from typing import Any, Final

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Mailbox

from pmsbridge import Bridge
from pmsbridge.cli.running import run

__all__ = ["PAGES", "Story", "told"]

PAGES: Final = Path(__file__).resolve().parents[3] / "docs" / "portals"
_HEAD: Final = re.compile(r"^## (.+)$", re.MULTILINE)
_BLOCK: Final = re.compile(r"^```(?P<language>\w+)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE: Final = "# file: "
_MORE: Final = "# add to: "
_ILLUSTRATIONS: Final = {"text", "toml", "json", "xml"}
_WRITTEN_MAIL_PORT: Final = "8025"


@dataclass(slots=True)
class Story:
    """One page on its way.

    Attributes:
        folder: Where its reader works.
        instead: What a reader would find elsewhere than it is written: addresses, numbers.
        here: What the blocks have made so far, by name.
        left: Heads that were not told yet, each with its text.
    """

    folder: Path
    instead: Mapping[str, str]
    left: list[tuple[str, str]]
    here: dict[str, Any] = field(default_factory=lambda: {"__name__": "__page__"})

    def tell(self, head: str) -> dict[str, Any]:
        """Run the blocks below a head, which must be the next one; what the page has made so far."""
        following, text = self.left.pop(0)
        assert following == head, f"{head!r} is not what comes next: {following!r}"
        ran = 0
        for block in _BLOCK.finditer(text):
            ran += self._run(block["language"], block["code"], f"<{head}, block {ran + 1}>")
        assert ran, f"below {head!r} nothing runs"
        return self.here

    def _run(self, language: str, code: str, place: str) -> bool:
        """Whether a block is one that runs."""
        for written, there in self.instead.items():
            code = code.replace(written, there)
        if code.startswith(_FILE):
            (self.folder / code.split()[2]).write_text(code, encoding="utf-8")
        elif code.startswith(_MORE):
            with (self.folder / code.split()[3]).open("a", encoding="utf-8") as file:
                file.write(f"\n{code}")
        elif language == "python":
            exec(compile(code, place, "exec", dont_inherit=True), self.here)  # noqa: S102 - the page's own code
        elif language == "sh":
            self._in_a_shell(code)
        else:
            assert language in _ILLUSTRATIONS, f"{place}: nothing runs {language}"
            return False
        return True

    def _in_a_shell(self, code: str) -> None:
        for line in code.splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["pmsbridge"]:
                assert run(words[1:]) == 0, line
            else:
                subprocess.run(["bash", "-euc", line], check=True, stdin=subprocess.DEVNULL, cwd=self.folder)

    def mails(self, to: str) -> list[str]:
        """Texts of the mails to somebody that nobody took out of the box, oldest first."""
        box = Maildir(self.folder / "mails")
        found = [box[key] for key in sorted(box.keys(), key=_place_in_line) if box[key]["To"] == to]
        return [bytes(mail.get_payload(decode=True)).decode() for mail in found]


def _place_in_line(key: str) -> int:
    """Of a mail: each name holds a number that the box counts on."""
    return int(key.partition("Q")[2].partition(".")[0])


@contextmanager
def told(page: str, folder: Path, instead: Mapping[str, str]) -> Iterator[Story]:
    """A page of docs/portals, to be told to its end; its bridges are closed, whatever happens.

    Args:
        page: Its name, without ``.md``.
        folder: Where its reader works: the current one.
        instead: By what is written, what stands there instead.
    """
    text = (PAGES / f"{page}.md").read_text(encoding="utf-8")
    _, *parts = _HEAD.split(text)
    heads = list(zip(parts[::2], parts[1::2], strict=True))
    for beside in PAGES.glob("*.yaml"):  # what a reader takes from beside the page
        shutil.copy(beside, folder)
    with _postbox(folder / "mails") as port:
        story = Story(folder, {**instead, _WRITTEN_MAIL_PORT: str(port)}, heads)
        try:
            yield story
        finally:
            for made in story.here.values():
                if isinstance(made, Bridge):
                    made.close()
    assert [head for head, _ in story.left] == []


class _OnAFreePort(Controller):
    def _trigger_server(self) -> None:
        self.port = int(self.server.sockets[0].getsockname()[1])  # type: ignore[union-attr]
        super()._trigger_server()  # type: ignore[no-untyped-call]


@contextmanager
def _postbox(folder: Path) -> Iterator[int]:
    """A mail server that keeps every mail in a folder; the port it listens on."""
    controller = _OnAFreePort(Mailbox(folder), hostname="127.0.0.1", port=0)
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()
