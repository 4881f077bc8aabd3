"""The vendor's rules in a mapping: each has an effect."""

from __future__ import annotations

from pathlib import Path

import pytest

import pmsbridge_rest
from pmsbridge.actions.effects import PaymentPart, TakePayment
from pmsbridge.model.money import Money
from pmsbridge.model.payments import ExternalPayment, StoredMethod
from pmsbridge.model.places import FacilityPolicy
from pmsbridge_rest.accepting import payment_means, takes
from pmsbridge_rest.mapping.actions import Policy
from pmsbridge_rest.mapping.document import Mapping
from pmsbridge_rest.mapping.reading import read_mapping

HARBOR = Path(__file__).parent / "harbor.yaml"
PACKAGE = Path(pmsbridge_rest.__file__).parent
RECORDS = "records_payments_only: true"
EITHER = "    accepts: {means.by: [external, stored]}\n"


def harbor(*, records_only: bool) -> Mapping:
    """The sample, taking what a gateway took and what is stored."""
    text = HARBOR.read_text(encoding="utf-8")
    assert RECORDS in text
    assert "    accepts: {means.by: external}\n" in text
    text = text.replace("    accepts: {means.by: external}\n", EITHER)
    text = text.replace(RECORDS, f"records_payments_only: {str(records_only).lower()}")
    return read_mapping(text.encode(), file="harbor.yaml")


def paid_by(means: ExternalPayment | StoredMethod) -> TakePayment:
    part = PaymentPart(rental_id="70", unit_id="u2", unit_number="002", amount=Money.of("1.00", "USD"))
    return TakePayment(account="main", facility="H1", tenant_id="7", parts=(part,), means=means, reference="PB-ABC123")


@pytest.mark.parametrize("key", sorted(Policy.model_fields))
def test_every_rule_is_one_of_the_facility_or_is_read(key: str) -> None:
    readers = [
        file.relative_to(PACKAGE)
        for file in PACKAGE.rglob("*.py")
        if f"policy.{key}" in file.read_text(encoding="utf-8")
    ]

    assert key in FacilityPolicy.model_fields or readers


def test_who_only_records_payments_is_asked_to_charge_nothing() -> None:
    both, records = harbor(records_only=False), harbor(records_only=True)
    taken, stored = paid_by(ExternalPayment(gateway="gate", reference="ch_1")), paid_by(StoredMethod(method_id="pm_1"))

    assert payment_means(both) == {"external", "stored"}
    assert payment_means(records) == {"external"}
    assert takes(both, stored)
    assert not takes(records, stored)
    assert takes(both, taken)
    assert takes(records, taken)
