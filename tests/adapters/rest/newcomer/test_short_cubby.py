"""A real vendor in 150 lines: payments, autopay, move-outs, contact edits, notes and tasks, of those that Cubby has.

The kit judges it by the sandbox of the mapping that is shipped, which was not made of it; what it sends is held against
the vendor's own examples. The shipped mapping has what is left out here: consents, months ahead, searches, and more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmsbridge.ports.capability import Support
from pmsbridge.testing.conformance import Conformance, Subject
from pmsbridge_rest.filling import CannotSayError
from pmsbridge_rest.lint import lint
from pmsbridge_rest.mapping.document import Mapping
from pmsbridge_rest.mapping.reading import load_mapping, read_mapping
from pmsbridge_rest.promises import capabilities_of
from pmsbridge_rest.testing import opened_subject
from tests.adapters.rest.vendors.documents import examples
from tests.adapters.rest.vendors.keys import EXAMPLES, kept
from tests.adapters.rest.vendors.said import Said, asked, effects, reads
from tests.adapters.rest.vendors.strictness import keys_unknown_to, of, unknown_keys

FILE = Path(__file__).parent / "short_cubby.yaml"
TEXT = FILE.read_text(encoding="utf-8")
MAPPING = load_mapping(FILE)
ASKED_FOR = ("take_payment", "set_autopay", "schedule_move_out", "change_contact", "add_note", "post_bulletin")
IDS = st.from_regex(r"[a-z]{2,8}_[A-Za-z0-9]{6,12}", fullmatch=True)
MOST_LINES, WIDEST = 150, 160


class TestShortCubby(Conformance):
    """The kit, run against a sandbox that is made of the shipped mapping."""

    @pytest.fixture(scope="class")
    @classmethod
    def subject(cls) -> Iterator[Subject]:
        with opened_subject(FILE, vendor="cubby") as subject:
            yield subject


def test_it_is_one_short_file_with_nothing_to_say_against() -> None:
    lines = TEXT.splitlines()

    assert len(lines) <= MOST_LINES
    assert max(map(len, lines)) <= WIDEST
    assert lint(TEXT.encode(), production=True) == []


def test_it_does_by_itself_all_six_that_a_tenant_asks_for() -> None:
    rows = capabilities_of(MAPPING)

    assert {kind for kind, row in rows.items() if row.support is Support.NATIVE} == set(ASKED_FOR)


def strangers(each: Said, mapping: Mapping = MAPPING) -> list[str]:
    """By the table of keys, which every clone has, and by the examples that it is made of, where they are."""
    return keys_unknown_to(kept()["cubby"], mapping.contract, each)


def strangers_to_the_examples(each: Said) -> list[str]:
    fitting = of(examples(EXAMPLES["cubby"]), each, prefix="/v1")
    assert fitting, f"no example of {each.method} {each.path}"
    found = unknown_keys(each.body, [one["request"] for one in fitting])
    return [path for path in found if not MAPPING.contract.accepts(path)]


@pytest.mark.parametrize("judge", [strangers, strangers_to_the_examples])
@pytest.mark.parametrize("kind", ASKED_FOR)
def test_what_is_sent_is_what_the_vendor_knows(kind: str, judge: Any) -> None:
    count = Counter[str]()

    @given(effect=effects(MAPPING, kind, IDS))
    def check(effect: Any) -> None:
        try:
            for each in asked(MAPPING, effect):
                assert judge(each) == []
                count[each.where] += 1
        except CannotSayError:
            count["refused before a byte leaves"] += 1

    check()
    assert any(count[where] for where in count if "refused" not in where)


@pytest.mark.parametrize("judge", [strangers, strangers_to_the_examples])
def test_what_is_read_is_asked_for_as_the_vendor_knows_it(judge: Any) -> None:
    assert [stranger for each in reads(MAPPING) for stranger in judge(each)] == []


PAID = 'amount: "{effect.total|cents}"}\n'
NOTED = 'text: "{effect.text} [{attempt.reference}]"}\n'


@pytest.mark.parametrize(
    ("right", "wrong", "found"),
    [
        (PAID, PAID.replace("}\n", ', moveOutDate: "{today}"}\n'), "take_payment.pay: moveOutDate is unknown"),
        (PAID, PAID.replace("cents", "amount_text"), "take_payment.pay: amount is text, not number"),
        (NOTED, NOTED.replace("}\n", ", token: x}\n"), "add_note.note: token is unknown"),
    ],
)
def test_a_line_that_the_vendor_does_not_know_is_found(right: str, wrong: str, found: str) -> None:
    assert TEXT.count(right) == 1
    told = read_mapping(TEXT.replace(right, wrong).encode(), file="wrong.yaml")
    seen: set[str] = set()

    @given(effect=effects(told, found.partition(".")[0], IDS))
    def look(effect: Any) -> None:
        try:
            seen.update(stranger for each in asked(told, effect) for stranger in strangers(each, told))
        except CannotSayError:
            return

    look()
    assert seen == {found}


def test_the_kit_finds_a_look_that_is_wrong(tmp_path: Path) -> None:
    right = 'match: {amount: "{effect.total|cents}", '
    assert TEXT.count(right) == 1
    broken = tmp_path / "cubby.yaml"
    broken.write_text(TEXT.replace(right, f"{right}paymentId: nobody, "), encoding="utf-8")

    with (
        opened_subject(broken, vendor="cubby") as subject,
        pytest.raises(AssertionError, match="take_payment: done, and the look says Absent"),
    ):
        Conformance().test_a_look_finds_what_was_done_and_not_what_was_never_sent(subject)
