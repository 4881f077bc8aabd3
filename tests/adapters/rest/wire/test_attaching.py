"""What a tenant hands in, on its way to a back office that a mapping describes: streamed, once, with its caps."""

from __future__ import annotations

import hashlib
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pmsbridge.errors import IneligibleError, InputError
from pmsbridge.portal.bridge import Bridge
from pmsbridge.portal.session import TenantSession
from pmsbridge.ports.outcome import Outcome
from pmsbridge.settings import AccountSettings, Settings
from pmsbridge.store.database import open_database
from pmsbridge.testing.memory import TestClock
from pmsbridge_rest.adapter import create
from pmsbridge_rest.sandbox.control import SandboxControl
from pmsbridge_rest.sandbox.process import spawn
from tests.adapters.rest.wire.office import FakeSecrets

QUARRY = Path(__file__).parent.parent / "quarry.yaml"
MIB = 1024 * 1024
BLOCK = 4096


class Generated:
    """A PDF of made-up bytes, read like a file, that is nowhere as a whole."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.at = 0

    def read(self, size: int, /) -> bytes:
        """The next bytes; never the same in two places."""
        count = min(size, self.size - self.at)
        blocks = range(self.at // BLOCK, (self.at + count) // BLOCK + 1)
        made = b"".join(hashlib.sha256(b"%d" % block).digest() * (BLOCK // 32) for block in blocks)
        piece = made[self.at % BLOCK :][:count]
        piece = b"%PDF-" + piece[5:] if not self.at else piece
        self.at += count
        return piece


def digest_of(size: int) -> str:
    made, stream = hashlib.sha256(), Generated(size)
    while piece := stream.read(64 * 1024):
        made.update(piece)
    return made.hexdigest()


@dataclass
class Yard:
    """A portal, and a back office in another process."""

    bridge: Bridge
    office: SandboxControl
    clock: TestClock
    tenant: str
    rental: str

    @property
    def session(self) -> TenantSession:
        return self.bridge.tenant("F1", self.tenant)

    def papers(self) -> list[str]:
        """Digests of the files that the back office has."""
        return [done["what"] for done in self.office.state()["done"] if done["kind"] == "attach_document"]

    def later(self, **by: int) -> None:
        self.clock.advance(timedelta(**by))
        self.bridge.runtime.run_due()


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    with spawn(QUARRY) as office:
        account: dict[str, Any] = office.account()
        clock = TestClock(datetime.now(UTC))
        options = {
            "mapping": str(QUARRY), "options": account["options"], "base_url": office.base_url,
            "secrets": {name: f"env:{name.upper()}" for name in account["secrets"]},
            "facilities": account["facilities"],
        }  # fmt: skip
        adapter = create("main", options, secrets=FakeSecrets(**account["secrets"]), clock=clock)
        with Bridge(
            Settings(accounts={"main": AccountSettings(system="quarry")}),
            database=open_database(f"sqlite:///{tmp_path}/bridge.db"), adapters={"main": adapter}, mailer=None,
            clock=clock,
        ) as bridge:  # fmt: skip
            found = bridge.tenant("F1", "1001").account()
            yield Yard(bridge, office, clock, "1001", found.rentals[0].id)
        adapter.close()


def test_what_a_tenant_hands_in_arrives_byte_by_byte(yard: Yard) -> None:
    view = yard.session.attach_document("lease.pdf", Generated(5 * MIB), key="click-0001", rental_id=yard.rental)

    assert view.outcome is Outcome.SETTLED
    assert yard.papers() == [digest_of(5 * MIB)]
    again = yard.session.attach_document("lease.pdf", Generated(5 * MIB), key="click-0001", rental_id=yard.rental)
    assert (again.replayed, again.action_id) == (True, view.action_id)
    with pytest.raises(InputError) as refused:
        yard.session.attach_document("lease.pdf", Generated(5 * MIB + 1), key="click-0001", rental_id=yard.rental)
    assert refused.value.code == "key_reused"
    assert len(yard.papers()) == 1


def test_memory_does_not_grow_with_the_file(yard: Yard) -> None:
    yard.session.attach_document("small.pdf", Generated(100_000), key="click-0001")
    tracemalloc.start()
    try:
        view = yard.session.attach_document("large.pdf", Generated(16 * MIB), key="click-0002")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert view.outcome is Outcome.SETTLED
    assert yard.papers()[-1] == digest_of(16 * MIB)
    assert peak < 1.5 * MIB, f"{peak:,} bytes at the most"


@pytest.mark.parametrize("kind", ["drop_after", "truncate"])
def test_a_file_whose_answer_was_lost_is_there_once(yard: Yard, kind: str) -> None:
    yard.office.inject("attach_document.upload", kind)

    view = yard.session.attach_document("lease.pdf", Generated(MIB), key="click-0001")
    assert view.outcome is Outcome.PENDING
    for _ in range(4):
        yard.later(minutes=5)

    assert yard.session.action(view.action_id).outcome is Outcome.SETTLED
    assert yard.papers() == [digest_of(MIB)]


def test_a_file_that_never_arrived_is_sent_once_more_from_its_beginning(yard: Yard) -> None:
    yard.office.inject("attach_document.upload", "drop_before")

    view = yard.session.attach_document("lease.pdf", Generated(MIB), key="click-0001")
    for _ in range(4):
        yard.later(minutes=5)

    assert yard.session.action(view.action_id).outcome is Outcome.SETTLED
    assert yard.papers() == [digest_of(MIB)]


def test_what_the_back_office_takes_not_is_refused_before_it_is_stored(yard: Yard) -> None:
    offers = {offer.kind.value: offer for offer in yard.session.available_actions()}

    assert offers["attach_document"].facts["largest_file"] == "18000000"
    with pytest.raises(IneligibleError) as refused:
        yard.session.attach_document("large.pdf", Generated(18_000_001), key="click-0001")
    with pytest.raises(InputError) as over:
        yard.session.attach_document("huge.pdf", Generated(20 * MIB + 1), key="click-0002")

    assert (refused.value.code, over.value.code) == ("file_too_large", "file_too_large")
    assert yard.bridge.runtime.actions() == ()
    assert yard.papers() == []
