"""What came of following the newcomer's page with a vendor that has no mapping: one that passes the kit on its sandbox.

It is not shipped: its vendor's writes are a beta, and nobody tried them. The document itself is not ours to keep.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pmsbridge.actions.effects import TakePayment
from pmsbridge.errors import OutcomeUnknownError
from pmsbridge.ports.capability import Support
from pmsbridge.testing.conformance import Conformance, Subject
from pmsbridge_rest.lint import lint
from pmsbridge_rest.testing import opened_subject

HERE = Path(__file__).parent
MAPPING = HERE / "propertyware.yaml"


class TestPropertyware(Conformance):
    """The kit, run against a sandbox that is made of the mapping."""

    @pytest.fixture(scope="class")
    @classmethod
    def subject(cls) -> Iterator[Subject]:
        with opened_subject(MAPPING) as subject:
            yield subject


def test_the_lint_finds_nothing_to_say_even_before_production() -> None:
    assert lint(MAPPING.read_bytes(), production=True) == []


def test_what_is_promised_is_what_the_document_has_calls_for() -> None:
    with opened_subject(MAPPING) as subject:
        rows = subject.adapter.capabilities

    assert {kind for kind, row in rows.items() if row.support is Support.NATIVE} == {
        "take_payment", "change_contact", "add_note",
    }  # fmt: skip


@contextmanager
def told_wrong(folder: Path, right: str, wrong: str) -> Iterator[Subject]:
    """The sandbox is the right mapping's; the adapter reads one with another line."""
    text = MAPPING.read_text(encoding="utf-8")
    assert text.count(right) == 1
    broken = folder / "propertyware.yaml"
    broken.write_text(text.replace(right, wrong), encoding="utf-8")
    with opened_subject(broken, vendor=MAPPING) as subject:
        yield subject


@pytest.mark.parametrize(
    ("right", "wrong", "found"),
    [
        ('{refNo: "{attempt.reference}", amount', '{id: "{attempt.reference}", amount', "take_payment"),
        ("\"join(' ', comments[].text)\"", "subject", "add_note"),
    ],
)
def test_the_kit_finds_a_look_that_is_wrong(tmp_path: Path, right: str, wrong: str, found: str) -> None:
    with (
        told_wrong(tmp_path, right, wrong) as subject,
        pytest.raises(AssertionError, match=f"{found}: done, and the look says Absent"),
    ):
        Conformance().test_a_look_finds_what_was_done_and_not_what_was_never_sent(subject)


def test_a_field_that_a_whole_put_forgets_is_found_by_the_adapter_itself(tmp_path: Path) -> None:
    with (
        told_wrong(tmp_path, "            - comments\n", "") as subject,
        pytest.raises(OutcomeUnknownError, match="other values in comments"),
    ):
        Conformance().test_a_look_finds_what_was_done_and_not_what_was_never_sent(subject)


def test_a_payment_is_one_that_was_taken_elsewhere() -> None:
    with opened_subject(MAPPING) as subject:
        (payment,) = [each.effect for each in subject.examples if isinstance(each.effect, TakePayment)]

    assert payment.means.by == "external"
