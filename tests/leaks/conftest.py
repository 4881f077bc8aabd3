"""The canaries of this run."""

from __future__ import annotations

import pytest

from pmsbridge.testing.canaries import Canaries
from tests.leaks.plugin import canaries_of_this_run


@pytest.fixture(scope="session")
def canaries() -> Canaries:
    """The secrets of this run: whatever the tests write, the run itself looks for them, too."""
    return canaries_of_this_run()
