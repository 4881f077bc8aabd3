"""What a mapping does not accept is refused before anything is stored, or asked of staff."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from pmsbridge.errors import IneligibleError, UnsupportedError
from pmsbridge.model.documents import NoteKind
from pmsbridge.model.payments import ExternalPayment, StoredMethod
from pmsbridge.model.people import ConsentChannel, ConsentPurpose
from pmsbridge.ports.outcome import Outcome
from tests.facts.portal import MONEY, Portal, before_mapping
from tests.facts.test_storage_tenant import new_card

HARBOR = Path(__file__).parent.parent / "adapters/rest/harbor.yaml"
TODAY = date(2026, 11, 21)


@pytest.fixture
def cubby(tmp_path: Path) -> Iterator[Portal]:
    with before_mapping(tmp_path, "cubby") as made:
        yield made


def test_a_card_that_no_mapping_takes_is_wiped_and_no_payment_is_stored(cubby: Portal) -> None:
    session, typed = cubby.session, new_card()
    row = session.account().current[0]

    with pytest.raises(IneligibleError) as refused:
        session.pay_rental(row.id, typed, key="click-0001")

    assert (refused.value.code, typed.is_wiped) == ("means_not_taken", True)
    assert (cubby.bridge.runtime.actions(), cubby.changes()) == ((), 0)


@pytest.mark.parametrize(("name", "means"), [("cubby", MONEY), ("buildium", StoredMethod(method_id="4001"))])
def test_means_that_a_mapping_does_not_accept_are_refused_and_nothing_is_stored(
    tmp_path: Path, name: str, means: ExternalPayment | StoredMethod
) -> None:
    with before_mapping(tmp_path, name) as portal:
        session = portal.session
        row = session.account().current[0]

        with pytest.raises(IneligibleError) as refused:
            session.pay_rental(row.id, means, key="click-0001")

        assert refused.value.code == "means_not_taken"
        assert (portal.bridge.runtime.actions(), portal.changes()) == ((), 0)


def test_a_note_that_a_mapping_does_not_accept_is_refused_and_nothing_is_stored(tmp_path: Path) -> None:
    accepting = HARBOR.read_text(encoding="utf-8").replace(
        "  add_note:\n", "  add_note:\n    accepts: {note_kind: [general, maintenance]}\n", 1
    )
    (mapping := tmp_path / "harbor.yaml").write_text(accepting, encoding="utf-8")
    with before_mapping(tmp_path, str(mapping)) as portal:
        session = portal.session
        row = session.account().current[0]

        with pytest.raises(UnsupportedError) as refused:
            session.add_note(row.id, "The lock sticks.", kind=NoteKind.ACCESS_PROBLEM, key="click-0001")

        assert refused.value.code == "not_taken"
        assert (portal.bridge.runtime.actions(), portal.changes()) == ((), 0)
        assert session.add_note(row.id, "The lock sticks.", key="click-0002").outcome is Outcome.SETTLED


def test_a_notice_beside_the_wish_that_a_mapping_does_not_accept_refuses_no_wish(tmp_path: Path) -> None:
    accepting = HARBOR.read_text(encoding="utf-8").replace(
        "  add_note:\n", "  add_note:\n    accepts: {note_kind: maintenance}\n", 1
    )
    (mapping := tmp_path / "harbor.yaml").write_text(accepting, encoding="utf-8")
    with before_mapping(tmp_path, str(mapping)) as portal:
        session = portal.session
        row = session.account().current[0]

        asked = session.request_move_out(row.id, TODAY + timedelta(days=40), key="click-0001")

        assert asked.outcome is not Outcome.NOT_SENT


def test_another_day_of_autopay_that_the_back_office_does_not_take_is_refused_and_nothing_is_stored(
    cubby: Portal,
) -> None:
    session = cubby.session
    row = session.account().current[0]
    method = StoredMethod(method_id="4001")

    with pytest.raises(IneligibleError):
        session.set_autopay(row.id, on=True, method=method, days_after_due=3, key="click-0001")

    assert (cubby.bridge.runtime.actions(), cubby.changes()) == ((), 0)


def test_an_answer_about_consent_that_the_mapping_does_not_accept_is_asked_of_staff(cubby: Portal) -> None:
    session, (adapter,) = cubby.session, cubby.bridge.adapters.values()

    own = session.set_consent(ConsentChannel.EMAIL, ConsentPurpose.MARKETING, granted=False, key="click-0001")
    other = session.set_consent(ConsentChannel.SMS, ConsentPurpose.SERVICE_REMINDERS, granted=True, key="click-0002")

    assert (own.outcome, own.emulated) == (Outcome.SETTLED, False)
    assert (other.outcome, other.emulated) == (Outcome.SETTLED, True)
    assert adapter.keeps_consent(ConsentChannel.EMAIL, ConsentPurpose.MARKETING)  # type: ignore[attr-defined]
    assert not adapter.keeps_consent(ConsentChannel.SMS, ConsentPurpose.SERVICE_REMINDERS)  # type: ignore[attr-defined]


def test_what_is_accepted_is_not_refused(cubby: Portal) -> None:
    session = cubby.session
    row = session.account().current[0]

    paid = session.pay_rental(row.id, StoredMethod(method_id="4001"), key="click-0001")
    leaving = session.request_move_out(row.id, date(2027, 1, 15), key="click-0002")

    assert (paid.outcome, leaving.outcome) == (Outcome.SETTLED, Outcome.SETTLED)
