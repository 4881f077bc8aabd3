"""A mapping that does not tell the truth about its vendor is found out by the kit, on the vendor's own sandbox."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from pmsbridge.errors import PmsBridgeError
from pmsbridge.testing.conformance import Conformance
from pmsbridge_rest.shipped import file_of
from pmsbridge_rest.testing import opened_subject

HARBOR = Path(__file__).parent.parent / "adapters" / "rest" / "harbor.yaml"
PAYMENTS_LOOK = """          by: client_reference
          look_up:
            get: "/leases/{effect.parts[0].rental_id}/payments"
            paginate: pages
            match: {reference: "{effect.reference}", amount_cents: "{effect.total|cents}"}
            outputs: {payment: id}
"""
CHECKS: Mapping[str, str] = {
    "done once": "test_done_once_is_there_once",
    "the look": "test_a_look_finds_what_was_done_and_not_what_was_never_sent",
    "bad weather": "test_bad_weather_never_makes_the_adapter_tell_a_falsehood",
    "the key": "test_a_key_that_makes_a_repetition_harmless_does",
    "an account": "test_an_account_adds_up_and_belongs_together",
    "a ledger": "test_a_ledger_adds_up_to_its_balance",
    "a fetch": "test_a_fetch_brings_records_of_its_kind_and_says_when_it_is_whole",
}


@dataclass(frozen=True)
class Lie:
    """One sentence of a mapping that is not so.

    Attributes:
        says: What it comes to.
        check: Which check finds it out, and ``said`` in which words.
        truth: The sentence as it should be; ``told`` as it is told.
    """

    says: str
    check: str
    said: str
    truth: str
    told: str


_BY_REFERENCE = '{reference: "{effect.reference}", amount_cents: "{effect.total|cents}"}'
_UNITS = '  units:\n    all: {get: "/sites/{option.site}/units", paginate: pages'
_DAY = "\n          paid_on"
LIES = {
    "idempotency": Lie(
        "a key that the vendor does not know", "the key", "done 2 times",
        PAYMENTS_LOOK, "          by: header\n          name: Idempotency-Key\n",
    ),
    "look": Lie(
        "a look that never finds", "the look", "the look says Absent",
        _BY_REFERENCE, _BY_REFERENCE.replace("{reference:", "{refernce:"),
    ),
    "error class": Lie(
        "an error after which something may have happened is called a refusal", "bad weather",
        "RejectedError for something done 1 times",
        "{when: {body: {error.code: LOCKED}}, means: period_locked}", "{when: {status: 500}, means: validation}",
    ),
    "absence": Lie(
        "not there is called never done, of something that is there", "bad weather", "absent for good",
        'text: {contains: "[{effect.reference}]"}', 'text: {contains: "<{effect.reference}>"}',
    ),
    "money": Lie(
        "dollars where cents are wanted", "done once", "take_payment: RejectedError",
        f'"{{effect.total|cents}}"{_DAY}', f'"{{effect.total|amount_text}}"{_DAY}',
    ),
    "unknown key": Lie(
        "a key that the vendor does not take", "done once", "add_note: RejectedError",
        "internal: true}", "private: true}",
    ),
    "address": Lie(
        "an address that is none of the vendor's", "done once", "schedule_move_out: ",
        'put: "/leases/{effect.rental_id}/leaving"', 'put: "/leases/{effect.rental_id}/moving"',
    ),
    "sign": Lie(
        "a sign the wrong way round", "a ledger", "cannot lower the debt",
        "effect: {at: amount_cents, codec: cents}", "effect: {at: amount_cents, codec: owed}",
    ),
    "rows": Lie(
        "a filter that leaves everything out", "a fetch", "nothing came", _UNITS, _UNITS + ", where: {status: gone}"
    ),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_a_lie_is_found_out(tmp_path: Path, lie: Lie) -> None:
    text = HARBOR.read_text(encoding="utf-8")
    assert lie.truth in text, lie.says
    lying = tmp_path / "lying.yaml"
    owed = "  owed: {kind: money, spelt: cents, negate: true}\n"
    lying.write_text(text.replace(lie.truth, lie.told).replace("codecs:\n", f"codecs:\n{owed}", 1), encoding="utf-8")

    with (
        opened_subject(lying, vendor=HARBOR) as subject,
        pytest.raises((AssertionError, PmsBridgeError)) as caught,
    ):
        getattr(Conformance(), CHECKS[lie.check])(subject)

    assert lie.said in str(caught.value)


def test_a_field_that_a_whole_put_forgets_is_missed(tmp_path: Path) -> None:
    text = file_of("buildium").read_text(encoding="utf-8")
    assert "            - Comment\n" in text
    lying = tmp_path / "lying.yaml"
    lying.write_text(text.replace("            - Comment\n", ""), encoding="utf-8")

    with (
        opened_subject(lying, vendor="buildium") as subject,
        pytest.raises(AssertionError, match=r"change_contact: OutcomeUnknownError.*Comment"),
    ):
        Conformance().test_done_once_is_there_once(subject)


def test_the_truth_is_not_found_out(tmp_path: Path) -> None:
    honest = tmp_path / "honest.yaml"
    honest.write_text(HARBOR.read_text(encoding="utf-8"), encoding="utf-8")

    with opened_subject(honest, vendor=HARBOR) as subject:
        for check in CHECKS.values():
            getattr(Conformance(), check)(subject)
