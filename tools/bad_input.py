"""Bad input, tried: every case runs against a sandbox, and what it was answered becomes ``docs/bad-input.md``.

A case passes only when the answer has the class and code it should have, the back office holds exactly what it held
before, and no canary (card number, password, licence key) is in the answer, its chain, the output or a log line. At the
end the journal's files are searched for the canaries too. Run ``python -m tools.bad_input --write`` to write the page,
``--check`` to compare it.
"""

from __future__ import annotations

import argparse
import io
import json
import logging
import os
import re
import sys
import textwrap
import traceback
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from unittest import mock

import structlog

from pmsbridge import ActionView, Bridge
from pmsbridge.cli.init import write_sandbox_settings
from pmsbridge.errors import PmsBridgeError
from pmsbridge.logging import configure
from pmsbridge.secrets import ReferenceSecrets
from pmsbridge.settings import load_settings
from pmsbridge.store.database import open_database
from pmsbridge.testing.memory import TestClock
from pmsbridge.webhooks import new_secret
from pmsbridge_sitelink.adapter import create
from pmsbridge_sitelink.sandbox import SandboxServer
from tools.bad_input_cases import CANARIES, CASES, LICENCE, PASSWORD, TODAY, Case, Ran, World

ROOT: Final = Path(__file__).resolve().parent.parent
PAGE: Final = ROOT / "docs" / "bad-input.md"
_NOW: Final = datetime(2026, 6, 15, 14, 0, tzinfo=UTC)
_SEED: Final = 2
_GAPS: Final = re.compile(r"[ .\-]")
_WIDTH: Final = 118


@dataclass(frozen=True, slots=True)
class Answer:
    """What a mistake was answered.

    Attributes:
        kind: Class and code of the error, or outcome and code of the action.
        text: The message, and what would unblock it.
        exit_code: Of a command; None for a call.
    """

    kind: str
    text: str
    exit_code: int | None = None
    everything: str = field(default="", repr=False)


@contextmanager
def stage() -> Iterator[World]:
    """A sandbox and a bridge on it, for all cases."""
    with ExitStack() as tidy, mock.patch.dict(os.environ):
        for name in [name for name in os.environ if name.startswith("PMSBRIDGE_")]:
            del os.environ[name]
        folder = Path(tidy.enter_context(TemporaryDirectory(prefix="bad-input-")))
        office = tidy.enter_context(SandboxServer(seed=_SEED, today=TODAY, units=40, sites=2))
        for code in ("L001", "L002"):
            office.control.state(code)  # a site's books are made when it is first asked for
        write_sandbox_settings(folder / "pmsbridge.toml", "sitelink", office.base_url)
        (folder / "wrong-password").write_text(PASSWORD, encoding="utf-8")
        (folder / "wrong-licence").write_text(LICENCE, encoding="utf-8")
        (folder / "hook").write_text(new_secret(), encoding="utf-8")
        clock = TestClock(_NOW)
        bridge = tidy.enter_context(_bridge(folder / "pmsbridge.toml", clock))
        tidy.enter_context(_logging_as_before())
        yield World(office.control, folder, clock, bridge, tidy)


def _bridge(path: Path, clock: TestClock) -> Bridge:
    """Like ``Bridge.from_config``, with a clock that stands still: the page is the same every day."""
    settings = load_settings(path)
    secrets = ReferenceSecrets(folder=settings.folder)
    adapters = {
        name: create(name, account.options, secrets=secrets, clock=clock) for name, account in settings.accounts.items()
    }
    database = open_database(settings.store.address(secrets))
    return Bridge(settings, database=database, adapters=adapters, mailer=None, clock=clock)


@contextmanager
def _logging_as_before() -> Iterator[None]:
    """What a command or a case changed about logging ends with the stage."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.reset_defaults()


@contextmanager
def _listening(heard: io.StringIO) -> Iterator[None]:
    """Every log line of every library at the lowest level: ours as they leave us, the others also as they were made."""
    configure(level="DEBUG", stream=heard)
    handler, root = logging.StreamHandler(heard), logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)


def tried(world: World, case: Case) -> Answer:
    """Run one case.

    Raises:
        AssertionError: The answer, the books or the silence is not as it should be.
    """
    before, world.said, heard = _books(world), "", io.StringIO()
    with _listening(heard):
        answer = _answer(world, case)
    problems = [f"answered {answer.kind!r}, not {case.wanted!r}: {answer.text}"] if answer.kind != case.wanted else []
    problems += ["the back office changed"] if _books(world) != before else []
    told = f"{answer.everything}\n{world.said}\n{heard.getvalue()}"
    problems += [
        f"{canary[:4]}... was repeated" for canary in CANARIES if canary in told or canary in _GAPS.sub("", told)
    ]
    if problems:
        message = f"{case.given} ({case.call}): {'; '.join(problems)}"
        raise AssertionError(message)
    return answer


def poisoned_files(world: World) -> list[str]:
    """Files of the journal that hold a canary."""
    files = sorted(world.folder.glob("pmsbridge.db*"))
    return [path.name for path in files if any(canary.encode() in path.read_bytes() for canary in CANARIES)]


def _books(world: World) -> Mapping[str, Any]:
    """Everything the back office holds, without its clock."""
    return {name: part for name, part in world.control.state().items() if name != "now"}


def _answer(world: World, case: Case) -> Answer:
    try:
        result = case.do(world)
    except Exception as error:  # noqa: BLE001 - whatever is raised is the answer
        return _from_error(world, error)
    if isinstance(result, Ran):
        return _from_command(world, result)
    if isinstance(result, ActionView):
        step = result.principal[0]
        return Answer(f"{result.outcome} {step.code}", _clean(world, step.message), None, result.model_dump_json())
    return Answer(f"no error but {type(result).__name__}", "", None, repr(result))


def _from_error(world: World, error: Exception) -> Answer:
    code = getattr(error, "code", "") if isinstance(error, PmsBridgeError) else ""
    text = " ".join(part for part in (str(error), str(getattr(error, "unblock", ""))) if part)
    chain = "".join(traceback.format_exception(error))
    everything = "\n".join((repr(error), repr(error.args), chain, repr(vars(error))))
    return Answer(f"{type(error).__name__} {code}".rstrip(), _clean(world, text), None, everything)


def _from_command(world: World, ran: Ran) -> Answer:
    error = ran.data.get("error")
    if error is not None:
        return Answer(f"{error['type']} {error['code']}", _clean(world, error["message"]), ran.code, json.dumps(error))
    failed = next(check for check in ran.data["checks"] if check["status"] == "failed")
    text = " ".join(part if part.endswith((".", "?")) else f"{part}." for part in (failed["detail"], failed["remedy"]))
    return Answer(f"failed {failed['name']}", _clean(world, text), ran.code, json.dumps(ran.data))


def _clean(world: World, text: str) -> str:
    """Without what differs from run to run."""
    plain = text.replace(f"{world.folder}{os.sep}", "")
    return re.sub(r"127\.0\.0\.1:[0-9]+", "127.0.0.1:8790", plain)


# -- the page ---------------------------------------------------------------------------------------------------------

_HEAD: Final = """\
# Bad input, tried

This page is written by `tools/bad_input.py`. It runs every case below against a sandbox and writes down what was
answered, to the letter. A case passes only when

- the answer has the class and the code it should have,
- the back office holds exactly what it held before,
- no card number, password or licence key is in the answer, in the chain of exceptions behind it, in the output, or
  in a log line of any library at any level; and none is in the journal's files afterwards.

What each class means: [errors](errors.md). The tenant, the card and every name here belong to the sandbox.
"""


def page(answers: Mapping[Case, Answer]) -> str:
    """The page in Markdown."""
    lines, group = [_HEAD], ""
    for case, answer in answers.items():
        if case.group != group:
            group = case.group
            lines.append(f"## {group}\n")
        kind = " ".join(f"`{word}`" for word in answer.kind.split(" ", 1))
        ended = f", exit code {answer.exit_code}" if answer.exit_code is not None else ""
        lines.append(f"**{case.given}**: `{case.call}` → {kind}{ended}\n")
        lines.append(_quoted(answer.text) + "\n")
    lines.append(f"{len(answers)} cases.\n")
    return "\n".join(lines)


def _quoted(text: str) -> str:
    rows = [row for line in text.splitlines() for row in textwrap.wrap(line, _WIDTH)]
    return "```text\n" + "\n".join(rows) + "\n```"


def all_answers() -> dict[Case, Answer]:
    """Run every case on one stage.

    Raises:
        AssertionError: A case is not answered as it should be, or a file of the journal holds a canary.
    """
    with stage() as world:
        answers = {case: tried(world, case) for case in CASES}
        if poisoned := poisoned_files(world):
            message = f"a canary is in {', '.join(poisoned)}"
            raise AssertionError(message)
    return answers


def main() -> int:
    """Write or check; returns the exit code."""
    parser = argparse.ArgumentParser(description="bad input, tried")
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--write", action="store_true")
    mode.add_argument("--check", action="store_true")
    given = parser.parse_args()
    text = page(all_answers())
    if given.write:
        PAGE.write_text(text, encoding="utf-8")
    fresh = PAGE.is_file() and PAGE.read_text(encoding="utf-8") == text
    print(f"{PAGE.name}: {len(CASES)} cases, {'fresh' if fresh else 'outdated; run python -m tools.bad_input --write'}")
    return 0 if fresh else 1


if __name__ == "__main__":
    sys.exit(main())
