"""The kit says so when it had nothing to look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, ClassVar, cast
from unittest import SkipTest

import pytest

from pmsbridge.errors import UnsupportedError
from pmsbridge.model.payments import PaymentMethod
from pmsbridge.ports.capability import Capability, Dedup, Support
from pmsbridge.testing.conformance import Conformance, Example, Subject, Weather
from tests import builders as make
from tests.unit.model.specimens import METHOD, PAY

ROW = Capability("take_payment", Support.NATIVE, Dedup.NATURAL_KEY, True, True, "a test")


def subject(row: Capability = ROW, **example: Any) -> Subject:
    adapter = SimpleNamespace(capabilities={row.effect: row})
    judge = SimpleNamespace(reset=lambda: pytest.fail("it looked at something"))
    return Subject(
        adapter=cast("Any", adapter), judge=cast("Any", judge), examples=[Example(PAY, **example)], facility="F1",
        tenant_id="T1", unknown_tenant_id="T9",
    )  # fmt: skip


CHECKS: list[Callable[[Conformance, Subject], None]] = [
    Conformance.test_a_key_that_makes_a_repetition_harmless_does,
    Conformance.test_a_sealed_value_is_needed_and_wiped,
    Conformance.test_what_staff_enter_meanwhile_is_never_called_ours,
    Conformance.test_ours_is_never_called_absent_for_what_staff_enter_meanwhile,
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_check_without_an_example_is_skipped_and_not_passed(check: Callable[[Conformance, Subject], None]) -> None:
    with pytest.raises(SkipTest, match="no example"):
        check(Conformance(), subject())


def test_a_check_with_an_example_looks_at_it() -> None:
    with pytest.raises(pytest.fail.Exception, match="it looked"):
        CHECKS[0](Conformance(), subject(replace(ROW, dedup=Dedup.VENDOR_KEY)))
    for check in CHECKS[2:]:
        with pytest.raises(pytest.fail.Exception, match="it looked"):
            check(Conformance(), subject(by_staff=lambda: None))


def test_what_cannot_be_looked_for_is_not_said_to_be_found() -> None:
    with pytest.raises(SkipTest, match="can be looked for"):
        Conformance().test_a_look_finds_what_was_done_and_not_what_was_never_sent(
            subject(replace(ROW, can_probe=False))
        )


def test_only_the_weather_that_is_asked_for_is_tried() -> None:
    judge = SimpleNamespace(weathers=frozenset({Weather.BUSY, Weather.REFUSED, Weather.FAULT}))
    whole = replace(subject(), judge=cast("Any", judge))

    assert whole.weather == [Weather.BUSY, Weather.FAULT, Weather.REFUSED]
    assert replace(whole, weathers=frozenset({Weather.FAULT, Weather.GARBLED})).weather == [Weather.FAULT]


@pytest.mark.parametrize("untold", [["R1"], ["R2"], ["R1", "R2"]])
def test_a_ledger_that_is_not_told_of_one_rental_leaves_none_of_the_others_unchecked(untold: list[str]) -> None:
    """Every ledger told here is empty, and every rental owes."""

    def ledger(_facility: str, _tenant_id: str, rental_id: str) -> list[object]:
        if rental_id in untold:
            raise UnsupportedError("it does not tell movements", code="no_ledger_entries")
        return []

    account = make.account(make.row("R1"), make.row("R2"))
    adapter = SimpleNamespace(account=lambda *_: account, ledger=ledger)
    made = replace(subject(), adapter=cast("Any", adapter), judge=cast("Any", SimpleNamespace(reset=lambda: None)))
    if len(untold) == len(account.rentals):
        with pytest.raises(SkipTest, match="tells no movements"):
            Conformance().test_a_ledger_adds_up_to_its_balance(made)
        return
    with pytest.raises(AssertionError, match="moved"):
        Conformance().test_a_ledger_adds_up_to_its_balance(made)


class Telling:
    """An adapter that tells what is stored to pay with, truly or not."""

    tells_payment_methods = True
    capabilities: ClassVar[dict[str, Capability]] = {}

    def __init__(self, **methods: list[PaymentMethod]) -> None:
        self._methods = methods

    def payment_methods(self, _facility: str, tenant_id: str) -> list[PaymentMethod]:
        return self._methods.get(tenant_id, [])


def stored(number: str, tenant_id: str) -> PaymentMethod:
    return METHOD.changed(ref=METHOD.ref.changed(id=number), tenant_id=tenant_id)


def told(adapter: object) -> None:
    judge = SimpleNamespace(reset=lambda: None)
    made = Subject(
        adapter=cast("Any", adapter), judge=cast("Any", judge), examples=[], facility="F1", tenant_id="T1",
        unknown_tenant_id="T9",
    )  # fmt: skip
    Conformance().test_what_is_stored_to_pay_with_is_one_tenants_and_masked(made)


def test_an_adapter_that_tells_each_tenant_their_own_methods_passes() -> None:
    told(Telling(T1=[stored("M1", "T1"), stored("M2", "T1")]))
    with pytest.raises(SkipTest, match="does not tell what is stored"):
        told(SimpleNamespace())  # one that does not tell is not asked


@pytest.mark.parametrize(
    ("methods", "words"),
    [
        ({"T1": [stored("M1", "T2")]}, "of another tenant"),
        ({"T1": [stored("M1", "T1"), stored("M1", "T1")]}, "comes twice"),
        ({"T1": [], "T9": [stored("M9", "T9")]}, "a stranger's methods"),
    ],
)
def test_an_adapter_that_tells_of_others_is_found_out(methods: dict[str, list[PaymentMethod]], words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        told(Telling(**methods))
