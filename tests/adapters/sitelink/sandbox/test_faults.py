"""Every fault does what its name says to the wire, and to the books."""

from __future__ import annotations

import http.client
import socket
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from pmsbridge_sitelink.sandbox import LICENCE_KEY, ControlError, SandboxControl, SandboxServer
from pmsbridge_sitelink.sandbox.faults import FaultKind, FaultPlan
from tests.adapters.sitelink.sandbox.caller import Caller

PAY = "PaymentSimpleWithSource"
LOST = (http.client.RemoteDisconnected, ConnectionError)


def _taken(control: SandboxControl) -> int:
    """How many payments of 1.23 the books hold."""
    return sum(p["amount"] == "1.23" for p in control.ledger("L001", 2002)["payments"])


def _pay(call: Caller) -> Any:
    return call.pay(5002, "1.23")


@pytest.mark.parametrize(("kind", "effects"), [("refuse", 0), ("drop_before", 0), ("drop_after", 1)])
def test_a_dropped_call_has_no_answer_and_happens_only_when_dropped_after(
    call: Caller, control: SandboxControl, kind: str, effects: int
) -> None:
    control.inject(PAY, kind)

    with pytest.raises(LOST):
        _pay(call)

    assert _taken(control) == effects
    record = control.calls(PAY)[0]
    assert (record["fault"], record["effects"], record["status"]) == (kind, effects, None)
    assert _pay(call).code == 1


def test_a_late_commit_happens_later_on_the_sandboxs_clock(call: Caller, control: SandboxControl) -> None:
    control.inject(PAY, "late_commit", seconds=60)
    with pytest.raises(LOST):
        _pay(call)
    assert control.state("L001")["waiting_effects"] == 1

    control.advance(59)
    assert _taken(control) == 0
    control.advance(5)

    assert _taken(control) == 1
    payment = control.ledger("L001", 2002)["payments"][-1]
    assert payment["posted_at"] == "2026-11-21T15:01:00+00:00"
    assert control.calls(PAY)[0]["effects"] == 1


def test_a_late_commit_is_seen_by_the_next_read_without_a_control_call(call: Caller, server: SandboxServer) -> None:
    server.plan.inject({"operation": PAY, "kind": "late_commit", "seconds": 5})
    with pytest.raises(LOST):
        _pay(call)
    server.office.clock.advance(6)

    assert call("PaymentsByLedgerID", sLedgerID="2002").rows("PmtHistory")[-1]["Payment"] == "1.2300"


def test_a_duplicate_delivery_is_carried_out_twice(call: Caller, control: SandboxControl) -> None:
    control.inject(PAY, "duplicate_delivery")

    assert _pay(call).code == 1
    assert _taken(control) == 2
    assert control.calls(PAY)[0]["effects"] == 2


@pytest.mark.parametrize(("kind", "code"), [("busy_90", -90), ("logon_99", -99)])
@pytest.mark.parametrize("after_effect", [False, True])
def test_a_busy_or_failing_server_answers_its_code(
    call: Caller, control: SandboxControl, kind: str, code: int, *, after_effect: bool
) -> None:
    control.inject(PAY, kind, after_effect=after_effect)

    assert _pay(call).code == code
    assert _taken(control) == int(after_effect)


def test_a_burst_of_busy_answers_ends(call: Caller, control: SandboxControl) -> None:
    control.inject("*", "busy_90", count=3)

    codes = [call("PaidThroughDateByLedgerID", iLedgerID=2002).tables for _ in range(5)]

    assert codes == [["RT"]] * 3 + [["Table"]] * 2


@pytest.mark.parametrize("after_effect", [False, True])
def test_a_fault_repeats_the_licence_key(call: Caller, control: SandboxControl, *, after_effect: bool) -> None:
    control.inject(PAY, "fault", after_effect=after_effect)

    answer = _pay(call)

    assert answer.status == 500
    assert LICENCE_KEY in answer.fault
    assert _taken(control) == int(after_effect)


def test_a_web_page_comes_with_or_without_retry_after(call: Caller, control: SandboxControl) -> None:
    control.inject(PAY, "html_503", retry_after=15)
    control.inject(PAY, "html_503")

    first, second = _pay(call), _pay(call)

    assert (first.status, first.headers["Retry-After"]) == (503, "15")
    assert first.headers["Content-Type"] == "text/html"
    assert "Retry-After" not in second.headers
    assert _taken(control) == 0


def test_too_many_requests(call: Caller, control: SandboxControl) -> None:
    control.inject(PAY, "http_429", retry_after=3)

    answer = _pay(call)

    assert (answer.status, answer.headers["Retry-After"]) == (429, "3")
    assert _taken(control) == 0


def test_a_truncated_body_announces_more_than_it_sends(call: Caller, control: SandboxControl) -> None:
    control.inject(PAY, "truncate")

    with pytest.raises(http.client.IncompleteRead) as caught:
        _pay(call)

    assert caught.value.expected is not None
    assert _taken(control) == 1


def test_a_dripping_body_comes_byte_by_byte(call: Caller, control: SandboxControl) -> None:
    control.inject("PaidThroughDateByLedgerID", "drip", seconds=0.0005)
    start = time.monotonic()

    assert call("PaidThroughDateByLedgerID", iLedgerID=2002).tables == ["Table"]
    assert time.monotonic() - start > 0.4


@pytest.mark.parametrize(("kind", "taken_meanwhile"), [("delay", 0), ("stall", 1)])
def test_a_slow_call_happens_before_or_after_the_wait(
    call: Caller, control: SandboxControl, kind: str, taken_meanwhile: int
) -> None:
    control.inject(PAY, kind, seconds=1.0)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(_pay, call)
        _until(lambda: control.calls(PAY))
        _until(lambda: _taken(control) == taken_meanwhile)

        assert not answer.done()
        assert answer.result().code == 1
    assert _taken(control) == 1


def _until(condition: Any) -> None:
    for _ in range(200):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it never happened")


def test_overlapping_calls_of_one_account_are_refused_when_switched_on(call: Caller, control: SandboxControl) -> None:
    control.settings(overlap_refused=True)
    control.inject("SiteInformation", "delay", seconds=0.6)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(call, "SiteInformation")
        _until(lambda: control.calls("SiteInformation"))

        second = _pay(call)
        assert (second.code, second.message) == (-99, "General Exception from LogOn")
        assert first.result().tables == ["Table"]

    assert _taken(control) == 0
    assert _pay(call).code == 1


def test_overlapping_calls_pass_when_switched_off(call: Caller, control: SandboxControl) -> None:
    control.inject("SiteInformation", "delay", seconds=0.3)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(call, "SiteInformation")
        _until(lambda: control.calls("SiteInformation"))

        assert _pay(call).code == 1
        assert first.result().status == 200


def test_a_gzip_bomb_is_small_on_the_wire_and_huge_inside(call: Caller, control: SandboxControl) -> None:
    control.inject(PAY, "gzip_bomb", size=20_000_000)

    answer = _pay(call)

    assert answer.headers["Content-Encoding"] == "gzip"
    assert len(answer.body) < 100_000
    assert len(zlib.decompress(answer.body, wbits=zlib.MAX_WBITS | 16)) > 19_000_000
    assert _taken(control) == 1


@pytest.mark.parametrize(("operation", "parameters"), [("RentRoll", {}), ("ChargesAllByLedgerID", {"ledgerId": 2001})])
def test_huge_rows_are_more_rows_of_the_last_table(
    call: Caller, control: SandboxControl, operation: str, parameters: dict[str, int]
) -> None:
    before = call(operation, **parameters)
    control.inject(operation, "huge_rows", rows=5000)

    after = call(operation, **parameters)

    assert after.headers["Transfer-Encoding"] == "chunked"
    assert len(after.elements) == len(before.elements) + 5000


def test_a_redirect_leads_to_a_trap_that_counts_who_follows(
    call: Caller, control: SandboxControl, server: SandboxServer
) -> None:
    control.inject(PAY, "redirect")

    answer = _pay(call)

    assert answer.status == 307
    assert answer.headers["Location"].startswith("http://127.0.0.1:")
    assert not answer.headers["Location"].startswith(server.base_url)
    assert control.trap() == {"visits": 0, "bytes": 0}
    assert _taken(control) == 0

    base, _, path = answer.headers["Location"].rpartition("/")
    Caller(base).raw("POST", f"/{path}", b"12345")
    assert control.trap() == {"visits": 1, "bytes": 5}


def test_content_that_is_not_what_it_should_be(call: Caller, control: SandboxControl) -> None:
    for kind in ("doctype", "not_xml", "wrong_content"):
        control.inject(PAY, kind)

    doctype, text, json = _pay(call), _pay(call), _pay(call)

    assert b"<!DOCTYPE" in doctype.body
    assert b"<!ENTITY" in doctype.body
    assert (text.status, text.headers["Content-Type"]) == (200, "text/plain")
    assert json.headers["Content-Type"].startswith("application/json")
    assert _taken(control) == 3


def test_every_kind_of_fault_leaves_a_working_sandbox(call: Caller, control: SandboxControl) -> None:
    for kind in FaultKind:
        control.inject(PAY, kind.value, seconds=0.0001, size=2_000_000, rows=100)
        with suppress(*LOST, http.client.IncompleteRead):
            _pay(call)
        assert call("SiteInformation").status == 200, kind
        assert control.faults()[-1]["struck"] == 1, kind


def test_a_rule_strikes_at_the_nth_call_and_as_often_as_told(call: Caller, control: SandboxControl) -> None:
    control.inject("Paid*", "busy_90", nth=2, count=2)

    found = [call("PaidThroughDateByLedgerID", iLedgerID=2002).tables[0] for _ in range(5)]

    assert found == ["Table", "RT", "RT", "Table", "Table"]
    assert control.faults() == [{"number": 1, "operation": "Paid*", "kind": "busy_90", "seen": 5, "struck": 2}]


def test_a_rule_can_be_for_one_location(call: Caller, control: SandboxControl, server: SandboxServer) -> None:
    control.inject("SiteInformation", "busy_90", location="L002")

    assert call("SiteInformation").tables == ["Table"]
    assert Caller(server.base_url, "L002")("SiteInformation").tables == ["RT"]


def test_a_probability_strikes_the_same_calls_under_the_same_seed() -> None:
    def drawn(seed: int) -> list[bool]:
        plan = FaultPlan(seed)
        plan.inject({"operation": "*", "kind": "busy_90", "probability": 0.3})
        return [plan.strike("Any", "L001", unread=False) is not None for _ in range(200)]

    assert drawn(1) == drawn(1) != drawn(2)
    assert 30 < sum(drawn(1)) < 90


def test_cleared_faults_strike_no_more(call: Caller, control: SandboxControl) -> None:
    control.inject("*", "busy_90", count=0)
    assert call("SiteInformation").tables == ["RT"]

    control.clear()

    assert call("SiteInformation").tables == ["Table"]


@pytest.mark.parametrize(
    "options",
    [
        {"kind": "explode"},
        {"kind": "delay", "second": 3},
        {"kind": "delay", "nth": 0},
        {"kind": "delay", "probability": 2},
        {"kind": "delay", "seconds": "soon"},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(control: SandboxControl, options: dict[str, Any]) -> None:
    with pytest.raises(ControlError):
        control.inject("*", **options)

    assert control.faults() == []


def test_wrong_credentials_never_change_anything_whatever_the_fault(call: Caller, control: SandboxControl) -> None:
    for kind in ("duplicate_delivery", "late_commit", "stall", "drop_after"):
        control.inject("BulletinBoardInsert", kind, seconds=0.001)
        with suppress(*LOST):
            call("BulletinBoardInsert", sCorpPassword="wrong", sSubject="s", sBody="b")
    control.advance(60)

    assert control.bulletin("L001") == []


def test_an_outage_really_refuses_connections_and_ends() -> None:
    with SandboxServer(units=17, sites=1) as server:
        port = int(server.base_url.rpartition(":")[2])
        server.control.outage(0.4)

        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=1)

        _until(lambda: _answers(server))
        assert Caller(server.base_url)("SiteInformation").status == 200


def _answers(server: SandboxServer) -> bool:
    try:
        return bool(server.control.health()["ok"])
    except OSError:
        return False


def test_stopping_ends_waiting_calls_and_leaves_no_thread() -> None:
    with SandboxServer(units=17, sites=1) as server:
        server.control.inject("SiteInformation", "delay", seconds=60)
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(Caller(server.base_url), "SiteInformation")
            _until(lambda: server.control.calls("SiteInformation"))
            start = time.monotonic()
            server.stop()
            assert isinstance(waiting.exception(timeout=10), (*LOST, type(None), OSError, http.client.HTTPException))
    assert time.monotonic() - start < 5
    _until(lambda: not [t for t in threading.enumerate() if t.name.startswith("sandbox")])
