"""For whoever writes a mapping: the kit of checks, run against the sandbox that is made of it.

::

    @pytest.fixture(scope="module")
    def subject() -> Iterator[Subject]:
        with opened_subject("vendor.yaml") as subject:
            yield subject


    class TestVendor(Conformance):
        "All checks of the kit."
"""

from __future__ import annotations

from pmsbridge_rest.testing.harness import OfficeClock, account_options, opened_subject
from pmsbridge_rest.testing.judging import OfficeJudge

__all__ = ["OfficeClock", "OfficeJudge", "account_options", "opened_subject"]
