"""Which call of a mapping a vendor's example is of: by method and by every step of the path."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote, urlsplit

from pmsbridge_rest.mapping.document import Mapping
from pmsbridge_rest.mapping.requests import Call
from pmsbridge_rest.mapping.templates import Place, parse_template
from pmsbridge_rest.mapping.walking import sections_of

__all__ = ["call_of", "calls_of"]

_WORD: Final = re.compile(r"[a-z]{2,}([-_][a-z]+)*")
"""A step such as ``search`` or ``set-rate``: the name of an operation, and no id."""

_HOST: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")
"""Of a full address all that comes before the path; vendors write places of their own there, in whatever brackets."""

_END: Final = re.compile("[?#]")

Step = tuple[str | Place, ...]


def calls_of(mapping: Mapping) -> Iterator[Call]:
    """Every call that a mapping makes, but for those that log in."""
    return (each for key, each in sections_of(mapping) if isinstance(each, Call) and key[0] != "auth")


def call_of(mapping: Mapping, method: str, path: str) -> list[Call]:
    """The calls that an example is of: those at the most exact address that it fits; none where it fits none.

    The path may begin at the host, within the base address's own path, or below it; a full address has the whole of
    that path, whatever its host: vendors publish examples of test systems, too. A place stands for one step, or a part
    of one; where an id is asked for, a step that is a plain word is the name of another operation. A base address that
    begins with a place for its host stands for any number of steps.

    Args:
        mapping: Whose calls.
        method: "GET" ...
        path: As the vendor published it: a path, or a full address.
    """
    host = _HOST.match(path)
    given = [unquote(step) for step in _END.split(path[host.end() if host else 0 :])[0].strip("/").split("/")]
    address = urlsplit(mapping.connection.base_url)
    is_open = not address.netloc
    base = _steps(address.path)[1 if is_open else 0 :]
    starts = range(1 if host else len(base) + 1)
    fitting: list[tuple[int, Call]] = []
    for call in calls_of(mapping):
        if call.method == method.upper():
            own = _steps(call.path)
            below = [base[start:] + own for start in starts]
            places = [_places(steps, given[-len(steps) or None :] if is_open else given) for steps in below]
            fitting += [(each, call) for each in places if each is not None]
    fewest = min((places for places, _ in fitting), default=0)
    return [call for places, call in fitting if places == fewest]


def _steps(path: str) -> list[Step]:
    """The steps of a path, each in texts and places; a slash within a place's name parts nothing."""
    found: list[list[str | Place]] = [[]]
    for piece in parse_template(path.strip("/")):
        if isinstance(piece, Place):
            found[-1].append(piece)
            continue
        first, *others = piece.split("/")
        found[-1] += [first] if first else []
        found += [[each] if each else [] for each in others]
    return [tuple(step) for step in found if step]


def _places(steps: list[Step], given: list[str]) -> int | None:
    """How many steps are places; None where a path does not fit."""
    if len(steps) != len(given) or not all(map(_fits, steps, given)):
        return None
    return sum(any(isinstance(piece, Place) for piece in step) for step in steps)


def _fits(step: Step, text: str) -> bool:
    pattern = "".join(".+" if isinstance(piece, Place) else re.escape(piece) for piece in step)
    if not re.fullmatch(pattern, text):
        return False
    (first, *others) = step
    is_id = not others and isinstance(first, Place) and first.root not in {"option", "facility"}
    return not (is_id and _WORD.fullmatch(text))
