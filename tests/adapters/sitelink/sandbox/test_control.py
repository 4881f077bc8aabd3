"""The control endpoint, the description, the process: what a test or a command line stands on."""

from __future__ import annotations

import ast
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import zeep

import pmsbridge_sitelink.sandbox as package
from pmsbridge_sitelink.sandbox import (
    CORP_CODE,
    CORP_PASSWORD,
    CORP_USERNAME,
    ControlError,
    SandboxControl,
    SandboxServer,
    plugin,
    seeded_web_password,
    spawn,
)
from pmsbridge_sitelink.sandbox.contract import OPERATIONS, wire_type
from tests.adapters.sitelink.sandbox.caller import CARD, Caller

ACCOUNT = {
    "sCorpCode": CORP_CODE,
    "sLocationCode": "L001",
    "sCorpUserName": CORP_USERNAME,
    "sCorpPassword": CORP_PASSWORD,
}
ROOT = Path(package.__file__ or "").parent


def _client(address: str) -> Any:
    factory: Any = zeep.Client
    return factory(address)


def _everything(control: SandboxControl) -> str:
    parts = [
        control.state(),
        control.calls(),
        control.journal(),
        control.showcase(),
        control.settings(),
        control.faults(),
        control.health(),
    ]
    return json.dumps(parts, ensure_ascii=False)


def test_no_card_no_code_and_no_password_leaves_through_the_control_endpoint(
    call: Caller, control: SandboxControl
) -> None:
    gate_code = call("TenantInfoByTenantID", iTenantID=1001).rows("Table")[0]["sAccessCode"]
    call.pay(5002, "1.00")
    call.pay(5002, "1.00", sCreditCardNumber="4000000000000002")
    call("TenantLogin", sTenantLogin="renee.dubois@example.com", sTenantPassword=seeded_web_password(1001))
    call(
        "TenantBillingInfoUpdate",
        iLedgerID=2002,
        iCreditCardTypeID=111,
        sCreditCardNum="5555555555554444",
        iAutoBillType=1,
    )
    call("TenantNoteInsert", iLedgerID=2002, sNote="x", sWrongName="4111 1111 1111 1111")
    call(
        "PaymentSimpleACH",
        iTenantID=1001,
        iLedgerID=2002,
        dcPaymentAmount="1",
        sABARoutingNum="000000021",
        sAccountNum="000123456789",
    )

    seen = _everything(control)

    secrets = (
        "4111111111111111",
        "4000000000000002",
        "5555555555554444",
        "4111 1111",
        '"999"',
        CORP_PASSWORD,
        "SANDBOX-LICENCE",
        "000123456789",
    )
    for secret in (*secrets, seeded_web_password(1001), gate_code, "000-00-"):
        assert secret not in seen, secret
    assert "****1111" in seen


def test_equal_requests_have_equal_digests(call: Caller, control: SandboxControl) -> None:
    call.pay(5002, "1.00")
    call.pay(5002, "1.00")
    call.pay(5002, "1.00", sCreditCardNumber="4242424242424242")

    first, second, third = [record["digest"] for record in control.calls("PaymentSimpleWithSource")]
    assert first == second != third


def test_the_call_log_says_what_was_asked_answered_and_changed(call: Caller, control: SandboxControl) -> None:
    call.pay(5002, "1.00")
    call("SiteInformation", sLocationCode="L9")

    paid, refused = control.calls()
    assert paid["operation"] == "PaymentSimpleWithSource"
    assert paid["service"] == "CallCenterWs"
    assert (paid["location"], paid["account"]) == ("L001", "CCTST/Administrator")
    assert (paid["return_code"], paid["effects"], paid["status"], paid["fault"]) == (1, 1, 200, None)
    assert paid["parameters"]["sCreditCardNumber"] == "****1111"
    assert paid["parameters"]["sCreditCardCVV"] == "***"
    assert paid["parameters"]["dcPaymentAmount"] == "1.00"
    assert (refused["return_code"], refused["effects"]) == (-97, 0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"payment_delay_seconds": 3},
        {"sites": {"L9": {}}},
        {"sites": {"L001": {"closed": True}}},
        {"tenants": {"L001/9": {}}},
        {"tenants": {"L001": {}}},
        {"tenants": {"L001/1001": {"sEmail": "x"}}},
        {"ledgers": {"L001/9": {}}},
        {"ledgers": {"L001/2001": {"rent": "1"}}},
        {"wsdl_drift": [{"operation": "Nothing", "change": "drop"}]},
        {"wsdl_drift": [{"operation": "SiteInformation", "change": "paint"}]},
        {"payment_delay": "soon"},
        {"payment_delay": 3, "tenants": {"L001/9": {}}},
        {"sites": {"L001": {"has_processor": False}}, "ledgers": {"L001/2001": {"rent": "1"}}},
    ],
)
def test_settings_that_make_no_sense_are_refused(control: SandboxControl, wrong: dict[str, Any]) -> None:
    before = control.settings(), control.state("L001")

    with pytest.raises(ControlError):
        control.settings(**wrong)

    assert (control.settings(), control.state("L001")) == before


def test_an_unknown_location_or_route_is_refused(control: SandboxControl) -> None:
    with pytest.raises(ControlError):
        control.state("L999")
    with pytest.raises(ControlError):
        control._ask("GET", "nothing")


def test_a_reset_starts_over(call: Caller, control: SandboxControl) -> None:
    before = control.state("L001")
    call.pay()
    control.settings(payment_delay=5)
    control.inject("*", "busy_90", count=0)

    control.reset()

    assert control.state("L001") == before
    assert control.calls() == []
    assert control.faults() == []
    assert control.settings()["payment_delay"] == 0
    assert call("SiteInformation").tables == ["Table"]


def test_a_state_can_be_narrowed_to_a_tenant(control: SandboxControl) -> None:
    site = control.state("L001", 1001)["sites"]["L001"]

    assert list(site["tenants"]) == ["1001"]
    assert list(site["ledgers"]) == ["2001", "2002", "2003"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("service", ["CallCenterWs", "ReportingWs"])
def test_the_description_loads_and_has_every_operation_with_its_types(server: SandboxServer, service: Any) -> None:
    client = _client(f"{server.base_url}/CCWs_3.5/{service}.asmx?WSDL")
    binding = next(iter(client.wsdl.bindings.values()))

    assert set(binding._operations) == set(OPERATIONS[service])
    for name, operation in OPERATIONS[service].items():
        elements = binding._operations[name].input.body.type.elements
        assert [(e.name, e.type.name, e.min_occurs) for _, e in elements] == [
            (p.name, p.type, 0 if p.type == "string" else 1) for p in operation.parameters
        ]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_typed_client_pays_and_reads(server: SandboxServer, control: SandboxControl) -> None:
    client = _client(f"{control.call_center_url}?WSDL")

    paid = client.service.PaymentSimpleWithSource(
        **ACCOUNT,
        iTenantID=1001,
        iUnitID=5002,
        dcPaymentAmount="97.01",
        iSource=10,
        **{**CARD, "bTestMode": False, "dExpirationDate": "2030-01-31T00:00:00"},
    )
    ledgers = client.service.LedgersByTenantID_v3(**ACCOUNT, sTenantID="1001")

    assert paid._value_1._value_1[0]["RT"]["Ret_Code"] == 1
    assert [row["Ledgers"]["dcChargeBalance"] for row in ledgers._value_1._value_1] == [
        Decimal("175.37"),
        0,
        Decimal("89.31"),
    ]
    with pytest.raises(TypeError, match="iLedgerID"):
        client.service.TenantNoteInsert(**ACCOUNT, iLedgerID=2001, sText="unknown")


def _description(server: SandboxServer) -> str:
    return Caller(server.base_url).raw("GET", "/CCWs_3.5/CallCenterWs.asmx?wsdl").text


def test_the_description_can_drift_from_the_service(
    server: SandboxServer, call: Caller, control: SandboxControl
) -> None:
    assert 'name="dCredtiCardExpir" type="s:dateTime"' in _description(server)
    control.settings(
        wsdl_drift=[
            {"operation": "TenantNoteInsert", "change": "rename", "parameter": "sNote", "to": "sText"},
            {
                "operation": "TenantBillingInfoUpdate",
                "change": "retype",
                "parameter": "dCredtiCardExpir",
                "to": "string",
            },
            {"operation": "TenantBillingInfoUpdate_v2", "change": "remove", "parameter": "dCredtiCardExpir"},
            {"operation": "MoveOut", "change": "drop"},
        ]
    )

    drifted = _description(server)

    assert 'name="sText"' in drifted
    assert 'name="dCredtiCardExpir" type="s:string"' in drifted
    assert 'name="dCredtiCardExpir" type="s:dateTime"' not in drifted
    assert 'name="MoveOut"' not in drifted
    assert call("TenantNoteInsert", iLedgerID=2001, sNote="as ever").code > 0


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("lngLastTimePolled", "string"),
        ("sTenantID", "string"),
        ("dcPaymentAmount", "decimal"),
        ("dCredtiCardExpir", "dateTime"),
        ("bTestMode", "boolean"),
        ("iLedgerID", "int"),
        ("ledgerId", "int"),
        ("UnitID", "int"),
        ("sACH_ABA_RoutingNum", "string"),
    ],
)
def test_a_prefix_tells_the_type(name: str, kind: str) -> None:
    assert wire_type(name) == kind


def test_another_process_answers_and_ends_with_the_block() -> None:
    with spawn(seed=3, sites=1, units=17, today=date(2026, 11, 21)) as control:
        assert control.health()["today"] == "2026-11-21"
        assert Caller(control.base_url)("SiteInformation").status == 200
        port = int(control.base_url.rpartition(":")[2])

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=1)


def test_a_process_ends_when_its_starter_is_gone_or_says_so() -> None:
    command = [sys.executable, "-m", "pmsbridge_sitelink.sandbox", "--units", "17", "--sites", "1"]
    with subprocess.Popen([*command, "--watch-stdin"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as orphan:
        assert orphan.stdout
        assert orphan.stdin
        announced = json.loads(orphan.stdout.readline())
        assert announced["pid"] == orphan.pid
        orphan.stdin.close()
        assert orphan.wait(10) == 0
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as told:
        assert told.stdout
        told.stdout.readline()
        os.kill(told.pid, signal.SIGTERM)
        assert told.wait(10) == 0


def test_the_plugin_serves_in_this_process_until_stopped() -> None:
    from pmsbridge_sitelink.sandbox.process import serve

    assert plugin.name == "sitelink"
    urls: list[str] = []
    ready, stopped = threading.Event(), threading.Event()

    def listening(url: str) -> None:
        urls.append(url)
        ready.set()

    options = {"port": 0, "seed": 1, "units": 17, "sites": 1, "ready": listening, "stopped": stopped}
    runner = threading.Thread(target=serve, kwargs=options)
    runner.start()
    assert ready.wait(10)
    assert SandboxControl(urls[0]).health()["ok"] is True
    stopped.set()
    runner.join(10)
    assert not runner.is_alive()


def test_the_sandbox_imports_nothing_but_the_standard_library_and_itself() -> None:
    foreign: dict[str, set[str]] = {}
    for path in ROOT.glob("*.py"):
        found = foreign.setdefault(path.name, set())
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names} - sys.stdlib_module_names
            elif isinstance(node, ast.ImportFrom):
                assert node.level < 2, f"{path.name} reaches into the adapter"
                if not node.level:
                    found |= {(node.module or "").partition(".")[0]} - sys.stdlib_module_names

    assert foreign.pop("pytest_plugin.py") == {"pytest"}  # loaded by pytest only
    assert {name for name, found in foreign.items() if found} == set()


def test_importing_the_package_starts_nothing_and_loads_no_server() -> None:
    code = (
        "import sys, pmsbridge_sitelink.sandbox as s; print(sum(m.startswith(s.__name__ + '.') for m in sys.modules))"
    )

    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert int(loaded) <= 1


def test_no_module_is_too_long() -> None:
    lengths = {path.name: path.read_text(encoding="utf-8").count("\n") for path in ROOT.glob("*.py")}

    assert {name: length for name, length in lengths.items() if length > 400} == {}


def test_a_rent_roll_of_a_thousand_units_comes_whole() -> None:
    with SandboxServer(units=1000, sites=1) as server:
        assert len(Caller(server.base_url)("RentRoll").elements) == 1000
