"""Values that must never be found again, and the search for them in everything that was written.

A canary is an obviously fake secret: a card number with a right check digit, a password, a gate code. A test takes
canaries through a portal with everything turned on that writes (logs, telemetry, reports, databases) and then asks::

    canaries = Canaries(seed=7)
    ...                                      # pay with canaries["card.visa16"], sign in with canaries["gate.code"]
    assert canaries.scan(Path("the/folder")) == []

A value is found in every encoding of ``forms``: grouped by anything, percent-encoded, as entities or escapes, in
base64 at each of the three offsets, in hexadecimal, UTF-16, other scripts' digits, split over lines.

How it is fast: a block of bytes is read twice, once without everything but letters and digits, once without
everything but digits. In those two streams the encodings of one value are the same few strings whatever stood between
the characters. All canaries of a run share eight digits, or eight letters, so the streams are searched for those only;
the whole value is compared where they are found. A short value is reported only where it stands alone, and a security
code, which is three or four digits, only behind its name.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

from pmsbridge.testing.canary_faces import faces
from pmsbridge.testing.canary_forms import (
    SCRIPTS,
    SEPARATORS,
    STREAMED,
    Encoded,
    condensed,
    digits_of,
    forms,
    groups_of,
    in_script,
)

__all__ = ["Canaries", "Canary", "Hit", "forms"]

_BLOCK_BYTES: Final = 8 << 20
_OVERLAP_BYTES: Final = 4096
_MOST_HITS: Final = 50
_LONG_DIGITS: Final = 13
_CORE: Final = 8
_REACH: Final = 420

_CARDS: Final = (
    ("visa13", "4222", 13), ("visa16", "4111", 16), ("visa19", "4012", 19), ("mastercard16", "5105", 16),
    ("mastercard2", "2223", 16), ("amex15", "3782", 15), ("discover16", "6011", 16), ("discover19", "6500", 19),
    ("diners14", "3600", 14), ("jcb16", "3530", 16), ("maestro17", "6759", 17), ("maestro18", "6304", 18),
)  # fmt: skip
_WORDS: Final = (
    ("password.web", "P3"), ("password.office", "Q4"), ("password.smtp", "S5"), ("password.database", "D6"),
    ("token.licence", "K7"), ("token.api", "A8"), ("token.link", "M9"), ("gate.word", "G2"),
)  # fmt: skip
_LETTERS: Final = "abcdefghjkmnpqrstvwyz"
_LABELS: Final = (re.compile(rb"cv[vc]"), re.compile(rb"secrityc"))
_LABEL_TAIL: Final = rb"(?:2|ode|code|number|value|str|bytearrayb|b|amp|qot){0,4}"


@dataclass(frozen=True, slots=True)
class Canary:
    """One fake secret. Its repr shows the name only.

    Attributes:
        name: "card.visa16", "cvv.3", "gate.code", "password.smtp" ...
        value: The secret text.
    """

    name: str
    value: str

    def __repr__(self) -> str:
        return f"<canary {self.name}>"


@dataclass(frozen=True, slots=True)
class Hit:
    """A canary that was found. Never holds the secret.

    Attributes:
        canary: Its name.
        form: How it is written: a name of ``forms``, or the family of encodings when it is none of these exactly.
        where: The file, or what was scanned.
        offset: Where it begins, in bytes.
        before: What stands in front of it, digits masked: the name of a field, as a rule.
    """

    canary: str
    form: str
    where: str
    offset: int
    before: str

    def __str__(self) -> str:
        return f"{self.canary} as {self.form} in {self.where} at byte {self.offset}, after {self.before!r}"


class Canaries(Mapping[str, str]):
    """A set of fake secrets and the search for them. The same seed draws the same values."""

    def __init__(self, seed: int) -> None:
        """Draw the values.

        Args:
            seed: Any whole number; a run that draws its own shows that nothing depends on one value.
        """
        draw = random.Random(seed)  # noqa: S311 - fake secrets, to be drawn again from the same seed
        self._digits = "".join(draw.sample("0123456789", _CORE))
        self._word = "".join(_mixed(draw))
        self._values = dict(_numbers(self._digits, draw))
        self._values |= {name: self._word + tail for name, tail in _WORDS}
        self._values |= {"cvv.3": str(draw.randrange(301, 699)), "cvv.4": str(draw.randrange(3001, 6999))}
        self._long = [(name, value) for name, value in self._values.items() if value.isdigit() and len(value) > _CORE]
        self._searches = list(self._all_searches())
        self._scripts = [(form, in_script(self._digits[:4], zero).encode()) for form, zero in SCRIPTS.items()]
        self._codes = [(name, re.compile(_LABEL_TAIL + self._values[name].encode())) for name in ("cvv.3", "cvv.4")]
        self._edges = [
            (name, (value[:6] + value[-6:]).encode())
            for name, value in self._values.items()
            if name.startswith(("card.", "bank.account"))
        ]

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"<{len(self)} canaries>"

    def all(self) -> tuple[Canary, ...]:
        """Every canary with its name."""
        return tuple(Canary(name, value) for name, value in self._values.items())

    # -- searching -----------------------------------------------------------------------------------------------

    def scan(self, data: object, where: str = "", *, ignoring: tuple[str, ...] = ()) -> list[Hit]:
        """Where the canaries are in ``data``; empty when they are nowhere.

        Args:
            data: Bytes, text, a file or a folder (every file below it), an exception (its whole chain, with the
                local variables of every frame), or any object (its repr, attributes, dumps, pickle and copies).
            where: What to call it in a hit; by default the path or the type.
            ignoring: Parts of file names; the local variables of code in such files are the caller's own.

        At most 50 hits are told for one file or object.
        """
        return list(self._hits(data, where, ignoring))

    def _hits(self, data: object, where: str, ignoring: tuple[str, ...]) -> Iterator[Hit]:
        if isinstance(data, (bytes, bytearray, memoryview)):
            yield from self._in_block(bytes(data), where or "bytes", 0)
        elif isinstance(data, str):
            yield from self._in_block(data.encode("utf-8", "surrogatepass"), where or "text", 0)
        elif isinstance(data, Path):
            yield from self._in_path(data)
        else:
            name = where or type(data).__name__
            for face, text in faces(data, ignoring=ignoring):
                yield from self._in_block(text, f"{name}: {face}", 0)

    def _in_path(self, path: Path) -> Iterator[Hit]:
        if path.is_dir():
            for child in sorted(path.rglob("*")):
                if child.is_file() and not child.is_symlink():
                    yield from self._in_file(child)
        else:
            yield from self._in_file(path)

    def _in_file(self, path: Path) -> Iterator[Hit]:
        seen: set[tuple[str, int]] = set()
        with path.open("rb") as file:
            start, kept = 0, b""
            while block := file.read(_BLOCK_BYTES):
                for hit in self._in_block(kept + block, str(path), start - len(kept)):
                    if (hit.canary, hit.offset) not in seen:
                        seen.add((hit.canary, hit.offset))
                        yield hit
                start += len(block)
                kept = block[-_OVERLAP_BYTES:]

    def _in_block(self, block: bytes, where: str, start: int) -> Iterator[Hit]:
        letters = condensed(block)
        digits = digits_of(letters)
        found: dict[tuple[int, str], str] = {}
        for name, family, offset in chain(
            self._in_streams(block, letters, digits), self._in_scripts(block), self._behind_labels(block, letters)
        ):
            form = _exact_form(self._values[name], family, block, offset)
            if form is not None:
                found.setdefault((offset, name), form)
            if len(found) >= _MOST_HITS:
                break
        for (offset, name), form in sorted(found.items()):
            yield Hit(name, form, where, start + offset, self._before(block, offset))

    def _in_streams(self, block: bytes, letters: bytes, digits: bytes) -> Iterator[tuple[str, str, int]]:
        for search in self._searches:
            stream = digits if search.of_digits else letters
            if search.sign not in stream:  # several times as fast as a pattern that looks for the same
                continue
            for core in search.core.finditer(stream):
                low = max(0, core.start() - _REACH)
                for name, whole in search.wholes:
                    for match in whole.finditer(stream, low, core.end() + _REACH):
                        if match.start() <= core.start() < match.end():
                            yield name, search.form, _raw_offset(block, match.start(), of_digits=search.of_digits)
        for name, edges in self._edges:
            if (at := digits.find(edges)) >= 0:
                yield name, "first six and last six digits", _raw_offset(block, at, of_digits=True)

    def _in_scripts(self, block: bytes) -> Iterator[tuple[str, str, int]]:
        if block.isascii():
            return
        for form, half in self._scripts:
            at = -1
            while (at := block.find(half, at + 1)) >= 0:
                text = block[max(0, at - 40) : at + 160].decode(errors="ignore")
                digits = "".join(str(int(character)) for character in text if character.isdecimal())
                yield from ((name, form, at) for name, value in self._long if value in digits)

    def _behind_labels(self, block: bytes, letters: bytes) -> Iterator[tuple[str, str, int]]:
        for label in chain.from_iterable(pattern.finditer(letters) for pattern in _LABELS):
            for name, code in self._codes:
                if code.match(letters, label.end()):
                    yield name, "behind its name", _raw_offset(block, label.start(), of_digits=False)

    def _before(self, block: bytes, offset: int) -> str:
        text = re.sub(rb"[0-9]", b"#", block[max(0, offset - 40) : offset]).decode("latin-1")
        return "[another secret]" if self._word.lower() in text.lower() else text

    # -- what is searched for ------------------------------------------------------------------------------------

    def _all_searches(self) -> Iterator[_Search]:
        numbers = dict(self._long)
        words = {name: value for name, value in self._values.items() if not value.isdigit()}
        for encoded in STREAMED:
            yield from _searches(encoded, self._digits, numbers)
            yield from _searches(encoded, self._word, words)


@dataclass(frozen=True, slots=True)
class _Search:
    """One encoding of the shared characters, and of the values that hold them.

    Attributes:
        sign: Where this is not, the core is not.
    """

    form: str
    of_digits: bool
    sign: bytes
    core: re.Pattern[bytes]
    wholes: tuple[tuple[str, re.Pattern[bytes]], ...]


def _searches(encoded: Encoded, core: str, values: Mapping[str, str]) -> Iterator[_Search]:
    if not (core.isdigit() or encoded.words_too):
        return
    # Digits are searched among digits alone, unless their encoding has letters.
    of_digits = encoded.only_digits(core)
    pieces = [_piece(encoded, variant, of_digits=of_digits) for variant in range(encoded.variants)]
    # A value and the characters all share begin at different offsets of base64.
    wholes = tuple(
        (name, re.compile(pattern))
        for name, value in values.items()
        for pattern in dict.fromkeys(_with_gaps(piece, value, encoded) for piece in pieces)
    )
    for sign, pattern in dict.fromkeys(_core_pattern(piece, core, encoded) for piece in pieces):
        yield _Search(encoded.form, of_digits, sign, re.compile(pattern), wholes)


def _piece(encoded: Encoded, variant: int, *, of_digits: bool) -> Callable[[str], bytes]:
    def piece(text: str) -> bytes:
        stream = condensed(encoded.write(text, variant))
        return digits_of(stream) if of_digits else stream

    return piece


def _core_pattern(piece: Callable[[str], bytes], core: str, encoded: Encoded) -> tuple[bytes, bytes]:
    """What it begins with, to the letter, and the whole."""
    if not (core.isdigit() and encoded.has_gaps):
        return piece(core), re.escape(piece(core))
    # Groups of four end in its middle, groups of six after three quarters of it.
    first, second, last = piece(core[:4]), piece(core[4:6]), piece(core[6:])
    return first, first + rb"(?:" + second + rb".{0,12}?|.{0,12}?" + second + rb")" + last


def _with_gaps(piece: Callable[[str], bytes], value: str, encoded: Encoded) -> bytes:
    if not (value.isdigit() and encoded.has_gaps) or len(value) < _LONG_DIGITS:
        return re.escape(piece(value))
    # An encoded separator leaves digits of its own between two groups.
    return b"|".join(rb".{0,12}?".join(piece(group) for group in groups) for groups in groups_of(value))


def _raw_offset(block: bytes, place: int, *, of_digits: bool) -> int:
    """Where the ``place``-th kept byte of a stream stands in the block."""
    low, high = 0, len(block)
    while low < high:
        middle = (low + high) // 2
        stream = condensed(block[: middle + 1])
        if len(digits_of(stream) if of_digits else stream) > place:
            high = middle
        else:
            low = middle + 1
    return low


def _exact_form(value: str, family: str, block: bytes, offset: int) -> str | None:
    """The name of the form at a place; None for a short number that is only a part of a longer one."""
    window = block[max(0, offset - 24) : offset + 400]
    is_short = value.isdigit() and len(value) < _LONG_DIGITS
    for form, text in forms(value).items():
        at = window.find(text)
        is_bare = form == "plain" or form in SEPARATORS
        if at >= 0 and not (is_short and is_bare and not _stands_alone(window, at, len(text))):
            return form
    return None if is_short and len(value) > _CORE and family not in SCRIPTS else family


def _stands_alone(window: bytes, at: int, size: int) -> bool:
    around = window[max(0, at - 1) : at] + window[at + size : at + size + 1]
    return not any(48 <= byte <= 57 for byte in around)  # noqa: PLR2004 - the ASCII digits


# -- drawing ----------------------------------------------------------------------------------------------------------


def _mixed(draw: random.Random) -> Iterator[str]:
    """Eight letters and digits that no ordinary text holds; in both cases, to be seen when one is folded."""
    for place in range(_CORE):
        letter = draw.choice(_LETTERS)
        yield draw.choice("23456789") if place in {2, 5} else letter.upper() if place % 2 else letter


def _numbers(core: str, draw: random.Random) -> Iterator[tuple[str, str]]:
    """Numbers that share eight digits and go on differently, so that none is the beginning of another."""
    routing = str(-sum(int(digit) * (3, 7, 1)[place % 3] for place, digit in enumerate(core)) % 10)
    others = draw.sample([digit for digit in "0123456789" if digit != routing], 9)
    for name, first, size in _CARDS:
        room = size - 1 - len(first) - _CORE
        body = first + core + "".join([*others[:1], *draw.choices("0123456789", k=room)])[:room]
        yield f"card.{name}", body + _check_digit(body)
    yield "bank.account", core + others[1] + "".join(draw.choices("0123456789", k=8))
    yield "bank.routing", core + routing
    yield "gate.code", core + others[2] + draw.choice("0123456789")
    yield "person.ssn", "9" + core


def _check_digit(body: str) -> str:
    """The Luhn digit that makes ``body`` a card number."""
    doubled = (sum(divmod(int(digit) * (2 - place % 2), 10)) for place, digit in enumerate(reversed(body)))
    return str(-sum(doubled) % 10)
