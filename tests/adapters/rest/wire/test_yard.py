"""What contract customers need, before a second back office: an equipment yard that a mapping describes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from pmsbridge.errors import IneligibleError, NotFoundError, RejectedError, UnsupportedError
from pmsbridge.model.documents import DocumentKind, SignatureState
from pmsbridge.model.rental import RentalKind, RentalState
from pmsbridge.model.requests import CallOffReason, CallOffState, RequestState
from pmsbridge.portal.bridge import Bridge
from pmsbridge.portal.session import TenantSession
from pmsbridge.ports.books import CallOffPort
from pmsbridge.ports.outcome import Outcome
from pmsbridge.settings import AccountSettings, Settings
from pmsbridge.store.database import open_database
from pmsbridge.testing.memory import TestClock
from pmsbridge_rest.adapter import create
from pmsbridge_rest.tools import MappingTools
from tests.adapters.rest.wire.office import Answer, FakeSecrets, run
from tests.adapters.rest.wire.quarry_office import PDF, TOKEN, QuarryOffice

QUARRY = Path(__file__).parent.parent / "quarry.yaml"
TODAY, SOON = date(2026, 11, 21), date(2026, 11, 25)


@dataclass
class Yard:
    """A portal on the vendor, the vendor behind its back, and the portal's clock."""

    bridge: Bridge
    office: QuarryOffice
    clock: TestClock

    @property
    def session(self) -> TenantSession:
        return self.of("7")

    def of(self, customer: str) -> TenantSession:
        return self.bridge.tenant("Y1", customer)

    def writes(self) -> list[str]:
        return [seen.path for seen in self.office.seen if seen.method != "GET"]


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    clock = TestClock(datetime(2026, 11, 21, 18, tzinfo=UTC))
    with run(QuarryOffice()) as office:
        options = {
            "mapping": str(QUARRY), "options": {"company": "acme"}, "base_url": office.url,
            "secrets": {"token": "env:TOKEN"}, "facilities": [{"code": "Y1", "zone": "America/Chicago"}],
        }  # fmt: skip
        adapter = create("main", options, secrets=FakeSecrets(token=TOKEN), clock=clock)
        with Bridge(
            Settings(accounts={"main": AccountSettings(system="quarry")}),
            database=open_database(f"sqlite:///{tmp_path}/bridge.db"), adapters={"main": adapter}, mailer=None,
            clock=clock,
        ) as bridge:  # fmt: skip
            yield Yard(bridge, office, clock)
        adapter.close()


def code_of(session: TenantSession, contract: str, item: str, quantity: int, wanted: date) -> str:
    """Why a call-off is refused."""
    with pytest.raises(IneligibleError) as refused:
        session.request_call_off(contract, item, quantity, wanted, key=f"click-{item}-{quantity}-{wanted}")
    return refused.value.code


@pytest.mark.fact("S2.4", "S2.25")
def test_contracts_are_listed_with_number_state_and_what_is_out(yard: Yard) -> None:
    rentals = {row.id: row.rental for row in yard.session.account().rentals}

    assert {(one.number, one.kind, one.state) for one in rentals.values()} == {
        ("C-0001", RentalKind.CONTRACT, RentalState.ACTIVE), ("C-0002", RentalKind.CONTRACT, RentalState.RESERVED),
        ("C-0003", RentalKind.CONTRACT, RentalState.ACTIVE),
    }  # fmt: skip
    items = rentals["K1"].items
    assert [(item.code, *map(int, (item.ordered, item.out, item.returned, item.on_rent))) for item in items] == [
        ("FENCE-8", 10, 6, 2, 4), ("GEN-20", 1, 1, 0, 1),
    ]  # fmt: skip
    assert (rentals["K1"].items[0].out_on, rentals["K1"].items[0].due_back_on) == (
        date(2026, 11, 2), date(2026, 12, 20),
    )  # fmt: skip


@pytest.mark.fact("S2.26")
def test_a_contract_is_a_line_on_the_summary_and_all_of_it_on_its_page(yard: Yard) -> None:
    rows = yard.session.dashboard().rows
    page = yard.session.rental("K1")

    assert [(row.rental.number, row.rental.state) for row in rows] == [
        ("C-0001", RentalState.ACTIVE), ("C-0003", RentalState.ACTIVE),
    ]  # fmt: skip
    assert (page.rental.moved_in_on, len(page.rental.items)) == (date(2026, 11, 2), 2)
    with pytest.raises(NotFoundError):
        yard.session.rental("K4")


@pytest.mark.fact("S2.28")
def test_everything_that_is_out_is_one_list_over_all_contracts(yard: Yard) -> None:
    assert [(rental.number, item.code, int(item.on_rent)) for rental, item in yard.session.items_out()] == [
        ("C-0001", "FENCE-8", 4), ("C-0001", "GEN-20", 1), ("C-0003", "CABIN", 3),
    ]  # fmt: skip
    yard.office.line("L1")["back"] = 6
    assert [item.code for _, item in yard.session.items_out()] == ["GEN-20", "CABIN"]


@pytest.mark.fact("S2.2")
def test_offers_are_listed_with_their_price_and_how_long_they_hold(yard: Yard) -> None:
    (offer,) = yard.session.quotes()

    assert (offer.title, offer.number, offer.rental_id, offer.valid_until) == (
        "Offer 17", "17", "K2", date(2026, 12, 24),
    )  # fmt: skip
    assert offer.total is not None
    assert offer.total.amount == Decimal("450.00")
    assert list(yard.of("8").quotes()) == []


@pytest.mark.fact("S2.27")
def test_a_contracts_pdf_is_streamed_capped_and_looked_at_before_it_is_handed_out(yard: Yard) -> None:
    papers = {paper.id: paper for paper in yard.session.documents()}
    with yard.session.document("P2") as content:
        data = b"".join(content.chunks)

    assert (papers["P2"].kind, papers["P2"].signature) == (DocumentKind.CONTRACT, SignatureState.SIGNED)
    assert (data, content.media_type, content.name) == (PDF, "application/pdf", "Contract C-0001.pdf")
    for answer in (
        Answer(raw=b"<html>a page</html>", headers={"Content-Type": "application/pdf"}),
        Answer(raw=PDF[:9] + bytes(30_000_000), headers={"Content-Type": "application/pdf"}),
    ):
        yard.office.files["P2"] = answer
        with pytest.raises(RejectedError), yard.session.document("P2") as content:
            b"".join(content.chunks)
    with pytest.raises(NotFoundError), yard.session.document("P3"):
        pass


@pytest.mark.fact("S2.13")
def test_who_pays_cash_only_is_not_eligible_for_a_reason_of_its_own(yard: Yard) -> None:
    yard.bridge.sync()
    ready = yard.bridge.staff("Y1", "8", actor="staff:ann").readiness()
    told = yard.bridge.staff("Y1", "9", actor="staff:ann").readiness()

    with pytest.raises(IneligibleError) as refused:
        yard.bridge.accounts.invite("Y1", "9", key="invite-0001", actor="staff:ann")

    assert ready.codes == ()
    assert told.codes == ("cash_only", "no_history")
    assert refused.value.code == "cash_only"


@pytest.mark.fact("S2.29")
def test_a_call_off_reaches_the_yard_as_a_request_and_the_rent_runs_on(yard: Yard) -> None:
    view = yard.session.request_call_off("K1", "L1", 3, SOON, key="click-0001", place="Gate 3", comment="By the fence.")
    again = yard.session.request_call_off(
        "K1", "L1", 3, SOON, key="click-0001", place="Gate 3", comment="By the fence."
    )

    assert (view.outcome, view.emulated, again.action_id) == (Outcome.SETTLED, False, view.action_id)
    (call,) = yard.office.calls
    assert {name: call[name] for name in ("contract", "line", "day", "place", "words", "state")} == {
        "contract": "K1", "line": "L1", "day": "2026-11-25", "place": "Gate 3", "words": "By the fence.",
        "state": "asked",
    }  # fmt: skip
    assert Decimal(str(call["quantity"])) == 3
    assert (yard.office.line("L1")["left"], yard.office.line("L1")["back"]) == (6, 2)
    row = yard.session.account().rental("K1")
    assert row is not None
    assert row.rental.state is RentalState.ACTIVE
    assert [int(row.rental.items[0].on_rent), int(row.rental.items[0].callable_off)] == [4, 1]


@pytest.mark.fact("S2.29")
def test_a_call_off_whose_answer_is_lost_is_found_and_not_asked_again(yard: Yard) -> None:
    yard.office.is_deaf_once = True

    view = yard.session.request_call_off("K1", "L1", 3, SOON, key="click-0001")
    yard.clock.advance(timedelta(minutes=5))
    yard.bridge.runtime.run_due()

    assert view.outcome is Outcome.PENDING
    assert yard.session.action(view.action_id).outcome is Outcome.SETTLED
    assert len(yard.office.calls) == 1


@pytest.mark.fact("S2.30")
def test_a_call_off_is_refused_for_its_reason_before_anything_is_sent(yard: Yard) -> None:
    tried = {
        "quantity_exceeds_out": ("K1", "L1", 5, SOON), "backdated_needs_staff": ("K1", "L1", 1, date(2026, 11, 20)),
        "contract_not_open": ("K2", "L3", 1, SOON), "rate_type_excluded": ("K3", "L4", 1, SOON),
    }  # fmt: skip

    found = {code: code_of(yard.session, *args) for code, args in tried.items()}

    assert found == {code: code for code in tried}
    assert yard.writes() == []


@pytest.mark.fact("S2.30")
def test_what_became_of_a_call_off_is_read_back_from_the_yard(yard: Yard) -> None:
    session = yard.session
    session.request_call_off("K1", "L1", 2, SOON, key="click-0001")
    session.request_call_off("K1", "L2", 1, SOON, key="click-0002")
    asked = {call.item_id: call.call_off_state for call in session.call_offs()}
    yard.office.acknowledge("A1", "4711")
    yard.office.refuse("A2", "never left")
    answered = {call.item_id: call for call in session.call_offs()}
    noted = session.account().rental("K1")
    yard.office.fetch("A1")
    over = {call.item_id: call for call in session.call_offs()}

    assert isinstance(yard.bridge.adapters["main"], CallOffPort)
    assert set(asked.values()) == {CallOffState.REQUESTED}
    assert (answered["L1"].call_off_state, answered["L1"].call_number) == (CallOffState.ACKNOWLEDGED, "4711")
    assert (answered["L2"].call_off_state, answered["L2"].state, answered["L2"].reason) == (
        CallOffState.REFUSED, RequestState.REFUSED, CallOffReason.NOT_DELIVERED,
    )  # fmt: skip
    assert noted is not None
    assert [int(noted.rental.items[0].call_off_confirmed), int(noted.rental.items[1].call_off_pending)] == [2, 0]
    assert (over["L1"].call_off_state, over["L1"].state) == (CallOffState.PICKED_UP, RequestState.DONE)
    assert over["L1"].stop_at == datetime(2026, 11, 25, 9, tzinfo=UTC)
    assert [call.item_id for call in session.call_offs()] == ["L2", "L1"]
    assert list(yard.of("8").call_offs()) == []


def test_a_vendor_whose_call_offs_are_not_mapped_says_so(yard: Yard, tmp_path: Path) -> None:
    text = QUARRY.read_text(encoding="utf-8")
    bare, _, rest = text.partition("  call_offs:\n")
    (tmp_path / "bare.yaml").write_text(bare + "\nactions:\n" + rest.partition("\nactions:\n")[2], encoding="utf-8")
    options = {
        "mapping": str(tmp_path / "bare.yaml"), "options": {"company": "acme"}, "base_url": yard.office.url,
        "secrets": {"token": "env:TOKEN"}, "facilities": [{"code": "Y1", "zone": "America/Chicago"}],
    }  # fmt: skip
    adapter = create("main", options, secrets=FakeSecrets(token=TOKEN), clock=yard.clock)

    with pytest.raises(UnsupportedError) as refused:
        adapter.call_offs("Y1", "7")

    adapter.close()
    assert refused.value.code == "no_call_offs"


def test_the_mapping_is_in_order() -> None:
    assert [each["rule"] for each in MappingTools().lint(QUARRY, production=False)] == []
