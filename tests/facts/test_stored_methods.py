"""Ways to pay that are stored: told masked, and charged only for whom they are stored and while they are good."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from pmsbridge.errors import IneligibleError, NotFoundError, UnavailableError, UnsupportedError
from pmsbridge.model.payments import MethodKind, StoredMethod
from pmsbridge.model.sealed import CardBrand, CardFace
from pmsbridge.ports.outcome import Outcome
from tests.facts.portal import Portal, before_mapping, in_memory

LONG_AGO = date(2026, 10, 31)


@pytest.fixture(params=["memory", "cubby", "storedge"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Portal]:
    name = str(request.param)
    with in_memory(tmp_path) if name == "memory" else before_mapping(tmp_path, name) as made:
        yield made


@pytest.fixture
def remembered(tmp_path: Path) -> Iterator[Portal]:
    with in_memory(tmp_path) as made:
        yield made


def expire(shop: Portal) -> None:
    """The card of whoever signs in ended last month."""
    if shop.mapped is not None:
        shop.enter("payment_methods", "4001", face__expires_on=LONG_AGO)
        return
    assert shop.office is not None
    methods = shop.office.books.methods
    code, method = methods[0]
    assert isinstance(method.face, CardFace)
    methods[0] = code, method.changed(face=method.face.changed(expires_on=LONG_AGO))


def test_what_is_stored_is_told_with_its_last_digits_and_no_more(shop: Portal) -> None:
    (method,) = shop.session.payment_methods()

    assert (method.kind, method.last4) == (MethodKind.CARD, "1111")
    assert isinstance(method.face, CardFace)
    assert method.face.brand is CardBrand.VISA
    assert method.expires_on is not None
    assert (method.expires_on.month, method.expires_on.day) == (12, 31)
    assert method.tenant_id == shop.busy
    assert method.is_usable
    assert method.pays_on_demand
    assert "4111" not in method.model_dump_json()


@pytest.mark.fact("S0.20", "S0.22", on="rest")
def test_a_unit_is_paid_by_what_is_stored(shop: Portal) -> None:
    session = shop.session
    (method,) = session.payment_methods()
    row = next(row for row in session.account().current if row.balances.payable_now.is_positive)

    view = session.pay_rental(row.id, StoredMethod(method_id=method.id), key="click-0001")

    assert view.outcome is Outcome.SETTLED
    assert session.rental(row.id).balances.payable_now.is_zero
    assert shop.changes() == 1


def test_a_card_that_has_ended_is_denied_and_nothing_is_sent(shop: Portal) -> None:
    expire(shop)
    session = shop.session
    (method,) = session.payment_methods()
    row = session.account().current[0]

    with pytest.raises(IneligibleError) as denied:
        session.pay_rental(row.id, StoredMethod(method_id=method.id), key="click-0001")

    assert denied.value.code == "method_expired"
    assert denied.value.unblock
    assert shop.changes() == 0


def test_what_is_stored_for_another_tenant_is_not_charged(shop: Portal) -> None:
    (foreign,) = shop.of(shop.other).payment_methods()
    row = shop.session.account().current[0]

    with pytest.raises(NotFoundError):
        shop.session.pay_rental(row.id, StoredMethod(method_id=foreign.id), key="click-0001")

    assert shop.changes() == 0


def test_the_same_click_again_is_answered_though_the_card_has_ended_meanwhile(shop: Portal) -> None:
    (method,) = shop.session.payment_methods()
    row = shop.session.account().current[0]
    paid = shop.session.pay_rental(row.id, StoredMethod(method_id=method.id), key="click-0001")
    expire(shop)

    again = shop.session.pay_rental(row.id, StoredMethod(method_id=method.id), key="click-0001")

    assert again.action_id == paid.action_id
    assert shop.changes() == 1


def test_while_nobody_tells_what_is_stored_nothing_is_charged(remembered: Portal) -> None:
    assert remembered.office is not None
    row = remembered.session.account().current[0]
    remembered.office.failing_reads = 9

    with pytest.raises(UnavailableError):
        remembered.session.pay_rental(row.id, StoredMethod(method_id="M1"), key="click-0001")

    assert remembered.changes() == 0


def test_what_is_not_good_any_more_for_another_reason_is_denied(remembered: Portal) -> None:
    assert remembered.office is not None
    methods = remembered.office.books.methods
    for bad in ({"is_usable": False}, {"pays_on_demand": False}):
        code, method = methods[0]
        methods[0] = code, method.changed(**{"is_usable": True, "pays_on_demand": True, **bad})

        with pytest.raises(IneligibleError) as denied:
            remembered.session.pay_all(StoredMethod(method_id="M1"), key="click-0001")
        assert denied.value.code == "method_not_usable"


def test_a_mapping_that_reads_no_methods_says_so(tmp_path: Path) -> None:
    with before_mapping(tmp_path, "buildium") as shop, pytest.raises(UnsupportedError):
        shop.session.payment_methods()
