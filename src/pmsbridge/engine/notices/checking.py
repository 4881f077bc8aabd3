"""Templates are judged before anybody clicks: every mistake names file, line and variable."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from jinja2 import TemplateError, TemplateSyntaxError, meta, nodes

from pmsbridge.engine.notices.formats import LANGUAGES, cleaned
from pmsbridge.engine.notices.phrases import OUR_FOLDER, Phrases, SilentTemplateError
from pmsbridge.engine.notices.samples import KINDS, REFERENCE, samples
from pmsbridge.errors import ConfigurationError
from pmsbridge.model.money import Money

__all__ = ["LAYOUTS", "LETTERS", "Layout", "check", "refuse_strangers"]

_UTC: Final = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class Layout:
    """A template around another one's words.

    Attributes:
        variables: Each with what it means.
        must_say: Those it cannot do without.
    """

    variables: Mapping[str, str]
    must_say: frozenset[str]
    samples: tuple[Mapping[str, object], ...]


_AROUND: Final = {"subject": "The subject so far.", "text": "The text so far."}
_WORDS: Final = {"subject": "A subject", "text": "A text.\nIts second line.", "facility_name": "North Yard"}
LAYOUTS: Final[Mapping[str, Layout]] = {
    "mail": Layout(
        {**_AROUND, "reference": "What the mail is found by again.", "facility_name": "Empty when it is not known."},
        frozenset({"subject", "text", "reference"}),
        ({**_WORDS, "reference": REFERENCE}, {**_WORDS, "reference": REFERENCE, "facility_name": ""}),
    ),
    "board": Layout(
        {**_AROUND, "has_mail": "False when nobody can be mailed.", "facility_name": "Empty when it is not known."},
        frozenset({"subject", "text", "has_mail"}),
        ({**_WORDS, "has_mail": True}, {**_WORDS, "has_mail": False}),
    ),
}
"""What goes around every notice: as a mail, and as a note and a bulletin post."""

_NAMES: Final = {
    "name": "What the customer is greeted by.",
    "facility": "The facility's name, else its code.",
    "business": "Whose letterhead it is (``portal.letterhead``), else the facility's name.",
    "phone": "The facility's telephone number; empty when it is not known.",
    "email": "The facility's e-mail address; empty when it is not known.",
}
_LINK: Final = {
    **_NAMES,
    "hours": "How many hours the link works.",
    "link": "The address that signs in; into the text.",
}
_CUSTOMER: Final = {
    "name": "Renée", "facility": "North Yard", "business": "Yards", "phone": "555-0100", "email": "desk@example.com",
    "hours": "48", "link": "{link}",
}  # fmt: skip
_BARE: Final = {**_CUSTOMER, "name": "", "phone": "", "email": ""}
_REQUEST: Final = {
    **_NAMES, "amount": "What is asked for.", "reason": "What for, in one line.",
    "text": "More words of the staff; empty for none.", "due_on": "A day; none when there is none in particular.",
}  # fmt: skip
_ASKED: Final = {
    **_CUSTOMER, "amount": Money.of("35.50", "USD"), "reason": "A broken lock", "text": "See the photo.",
    "due_on": date(2026, 12, 1),
}  # fmt: skip
_ASKED_BARELY: Final = {**_BARE, "amount": Money.of("35.50", "USD"), "reason": "Lock", "text": "", "due_on": None}
_REQUESTED: Final = Layout(_REQUEST, frozenset({"amount"}), (_ASKED, _ASKED_BARELY))
_WITH_LINK: Final = Layout(_LINK, frozenset({"link"}), (_CUSTOMER, _BARE))
LETTERS: Final[Mapping[str, Layout]] = {
    "letter_invite": _WITH_LINK,
    "letter_link": _WITH_LINK,
    "letter_password": _WITH_LINK,
    "letter_registered": Layout(_NAMES, frozenset(), (_CUSTOMER, _BARE)),
    "letter_payment_request": _REQUESTED,
    "letter_payment_request_withdrawn": _REQUESTED,
}
"""What is mailed to customers: an invitation, a link to sign in, one to choose a password, that they registered, what
they are asked to pay, and that they are not any more."""


def check(phrases: Phrases) -> None:
    """Read and try every template.

    Raises:
        ConfigurationError: One is missing or broken, uses a variable that it does not get, or leaves out one that its
            readers need. The message names the file and the line.
    """
    for kind in KINDS:
        known = frozenset(field.name for field in fields(kind))
        tries = tuple(cleaned(sample, _UTC, kind.paragraphs) for sample in samples(kind))
        _check(phrases, kind.name, known, kind.must_say, tries)
    for name, layout in LAYOUTS.items():
        _check(phrases, name, frozenset(layout.variables), layout.must_say, layout.samples)
    for name, letter in LETTERS.items():
        _check(phrases, name, frozenset(letter.variables), letter.must_say, letter.samples, readers="customers")
        _check_link(phrases, name, letter)


def refuse_strangers(folder: Path) -> None:
    """Refuse an operator's folder with files that would never be used; names that begin with "_" are the operator's.

    Raises:
        ConfigurationError: There is such a file, or no such folder.
    """
    if not folder.is_dir():
        message = f"{folder}: there is no such folder of templates"
        raise ConfigurationError(message, code="no_templates")
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.is_dir() or any(part.startswith((".", "_")) for part in inside.parts):
            continue
        known = {f"{language}/{file.name}" for language in LANGUAGES for file in (OUR_FOLDER / language).iterdir()}
        if inside.as_posix() not in known:
            close = difflib.get_close_matches(inside.as_posix(), known, n=1)
            hint = f" Did you mean {close[0]}?" if close else ""
            message = f"{path}: no template has that name, so it would never be used.{hint}"
            raise ConfigurationError(message, code="unknown_template")


def _check(
    phrases: Phrases,
    name: str,
    known: frozenset[str],
    must_say: frozenset[str],
    tries: tuple[Mapping[str, object], ...],
    readers: str = "staff",
) -> None:
    said: set[str] = set()
    for suffix in (".subject", ".text"):
        for used in _uses(phrases, _Place(phrases, f"{name}{suffix}.txt", 1), f"{name}{suffix}.txt", set()):
            if used.name not in known:
                hint = f"It gets: {', '.join(sorted(known))}."
                raise _wrong(used.place, f"{used.name!r} is no variable of this template. {hint}")
            said.add(used.name)
    if missing := sorted(must_say - said):
        place = _Place(phrases, f"{name}.text.txt", 1)
        raise _wrong(place, f"{readers} need to be told {', '.join(missing)}, and no template of {name!r} says it")
    for values in tries:
        _try(phrases, name, values)


def _check_link(phrases: Phrases, name: str, letter: Layout) -> None:
    """The link stands in the text, and only there: in a subject it would be seen by whoever looks at the mailbox."""
    for values in letter.samples:
        written, link = phrases.fill_strictly(name, values), str(values["link"])
        if link in written.subject:
            raise _wrong(_Place(phrases, f"{name}.subject.txt", 1), "the link belongs into the text")
        if "link" in letter.must_say and link not in written.text:
            raise _wrong(_Place(phrases, f"{name}.text.txt", 1), "the text does not always say the link")


def _try(phrases: Phrases, name: str, values: Mapping[str, object]) -> None:
    try:
        phrases.fill_strictly(name, values)
    except SilentTemplateError as error:
        raise _wrong(_Place(phrases, error.template, 1), str(error)) from None
    except Exception as error:  # noqa: BLE001 - a template may do anything to a value
        place = _place_of(error, phrases) or _Place(phrases, f"{name}.text.txt", 1)
        why = str(error) if isinstance(error, TemplateError) else type(error).__name__
        raise _wrong(place, why) from None


# -- where a mistake is ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Place:
    phrases: Phrases
    file: str
    line: int

    def __str__(self) -> str:
        return f"{_path(self.phrases, self.file)}, line {self.line}"


@dataclass(frozen=True, slots=True)
class _Use:
    name: str
    place: _Place


def _uses(phrases: Phrases, asked_at: _Place, file: str, seen: set[str]) -> Iterator[_Use]:
    """Variables that a template and what it includes take from outside."""
    if file in seen:
        return
    seen.add(file)
    tree = _parsed(phrases, asked_at, file)
    wanted = meta.find_undeclared_variables(tree)
    for found in tree.find_all(nodes.Name):
        if found.ctx == "load" and found.name in wanted:
            yield _Use(found.name, _Place(phrases, file, found.lineno))
    others: list[nodes.Include | nodes.Import | nodes.FromImport] = [*tree.find_all(nodes.Include)]
    others += [*tree.find_all(nodes.Import), *tree.find_all(nodes.FromImport)]
    for other in others:
        if isinstance(other.template, nodes.Const):
            used = list(_uses(phrases, _Place(phrases, file, other.lineno), str(other.template.value), seen))
            # What is imported does not see our variables; it is read all the same, so that its mistakes are found.
            yield from used if isinstance(other, nodes.Include) else ()


def _parsed(phrases: Phrases, asked_at: _Place, file: str) -> nodes.Template:
    environment = phrases.environment
    try:
        source, _, _ = environment.loader.get_source(environment, file)  # type: ignore[union-attr]
        return environment.parse(source, file)
    except TemplateSyntaxError as error:
        raise _wrong(_Place(phrases, file, error.lineno), error.message or "cannot be read") from None
    except TemplateError:
        raise _wrong(asked_at, f"there is no such template: {file}") from None
    except (OSError, UnicodeDecodeError):
        raise _wrong(_Place(phrases, file, 1), "cannot be read as UTF-8 text") from None


def _place_of(error: BaseException, phrases: Phrases) -> _Place | None:
    """The template's line among the frames of an error; None when none of them is a template's."""
    place = None
    trace = error.__traceback__
    while trace is not None:
        path = Path(trace.tb_frame.f_code.co_filename)
        if path.suffix == ".txt":
            place = _Place(phrases, path.name, trace.tb_lineno)
        trace = trace.tb_next
    return place


def _path(phrases: Phrases, file: str) -> str:
    """Where a template lies: the operator's own file, or ours."""
    try:
        _, path, _ = phrases.environment.loader.get_source(phrases.environment, file)  # type: ignore[union-attr]
    except (TemplateError, OSError, UnicodeDecodeError):
        path = None
    return str(path or f"{phrases.language}/{file}")


def _wrong(place: _Place, why: str) -> ConfigurationError:
    return ConfigurationError(f"{place}: {why}", code="bad_template")
