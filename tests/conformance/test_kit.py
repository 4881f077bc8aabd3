"""The kit says so when it had nothing to look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast
from unittest import SkipTest

import pytest

from pmsbridge.ports.capability import Capability, Dedup, Support
from pmsbridge.testing.conformance import Conformance, Example, Subject
from tests.unit.model.specimens import PAY

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
    for check in CHECKS[1:]:
        with pytest.raises(pytest.fail.Exception, match="it looked"):
            check(Conformance(), subject(by_staff=lambda: None))
