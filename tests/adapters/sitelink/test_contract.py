"""Our contract: generated files, types, the poison list, and what doctor says when the live service differs."""

from __future__ import annotations

import importlib.util
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import pmsbridge_sitelink
from pmsbridge.errors import ConfigurationError
from pmsbridge.transport.soap import OperationShape, Parameter
from pmsbridge_sitelink.adapter import SiteLinkAdapter
from pmsbridge_sitelink.doctor import compare
from pmsbridge_sitelink.sandbox import SandboxControl
from pmsbridge_sitelink.wire import AUTH, OPERATIONS, POISON, Service, operations_of
from tests.adapters.sitelink.office import RENEE, SITE, adapter_on

ROOM = Path(pmsbridge_sitelink.__file__).parent


def builder() -> Any:
    """The generator that ships beside the package."""
    path = Path(__file__).parents[3] / "adapters" / "sitelink" / "build_wsdl.py"
    spec = importlib.util.spec_from_file_location("build_wsdl", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("service", list(Service))
def test_the_shipped_description_is_what_the_contract_generates(service: Service) -> None:
    built = builder()

    assert (ROOM / "wsdl" / built.FILES[service]).read_text(encoding="utf-8") == built.described(service)


@pytest.mark.parametrize(
    ("operation", "parameter", "kind"),
    [
        ("LedgersByTenantID_v3", "sTenantID", "string"),
        ("UnitsInformation_v3", "lngLastTimePolled", "string"),
        ("UnitsInformationByUnitID", "UnitID", "int"),
        ("ChargesAllByLedgerID", "ledgerId", "int"),
        ("PaymentSimpleWithSource", "dcPaymentAmount", "decimal"),
        ("PaymentMultipleWithSource", "sUnitIDs", "string"),
        ("ScheduleMoveOut", "dScheduledOut", "dateTime"),
        ("ReservationNewWithSource_v5", "QTRentalTypeID", "int"),
        ("ReservationNewWithSource_v5", "ConcessionID", "int"),
        ("TenantUpdate_v3", "bSMSOptIn", "boolean"),
        ("TenantUpdate_v3", "dDOB", "dateTime"),
    ],
)
def test_a_parameters_type_follows_its_name(operation: str, parameter: str, kind: str) -> None:
    types = {row.name: row.type for row in OPERATIONS[operation].parameters}

    assert types[parameter] == kind


def test_ids_that_differ_in_one_letter_are_not_mixed_up() -> None:
    """A card payment names the unit, a bank debit the rental, a balance the tenant."""
    names = {name: {row.name for row in operation.parameters} for name, operation in OPERATIONS.items()}

    assert "iUnitID" in names["PaymentSimpleWithSource"]
    assert "iLedgerID" not in names["PaymentSimpleWithSource"]
    assert "iLedgerID" in names["PaymentSimpleACHWithSource"]
    assert "iUnitID" not in names["PaymentSimpleACHWithSource"]
    assert names["TenantNoteInsert_v2"] == {"iLedgerID", "sNote", "iNoteType"}


def test_writes_are_marked_as_writes() -> None:
    """Only what is marked is treated with a write's care."""
    reads = {name for name, operation in OPERATIONS.items() if not operation.is_write}

    assert not [
        name for name in reads if any(word in name for word in ("Payment", "Update", "Insert", "Make", "New"))
        and not name.endswith(("Settings", "Retrieve", "WithPrepayment")) and name != "PaymentsByLedgerID"
    ]  # fmt: skip


def test_poison_is_named() -> None:
    assert {"sWebPassword", "sSSN", "sAccessCode", "sLicense", "sTaxID"} <= POISON


def test_a_keyword_the_contract_does_not_have_never_leaves(adapter: SiteLinkAdapter, office: SandboxControl) -> None:
    before = len(office.calls())

    with pytest.raises(ConfigurationError) as refused:
        adapter.connection.read("TenantInfoByTenantID", SITE, {"TenantID": 1001, "iTenantID": 1001})

    assert refused.value.code == "contract_mismatch"
    assert len(office.calls()) == before


def test_nothing_we_send_is_ignored_by_the_back_office(adapter: SiteLinkAdapter, office: SandboxControl) -> None:
    adapter.account(SITE, RENEE)
    adapter.prepay_quote(SITE, RENEE, 1)

    assert [call["ignored"] for call in office.calls() if call["ignored"]] == []


# doctor


def statuses(adapter: SiteLinkAdapter) -> dict[str, str]:
    return {check["name"]: check["status"] for check in adapter.diagnose()}


def detail(adapter: SiteLinkAdapter, name: str) -> str:
    return next(check["detail"] for check in adapter.diagnose() if check["name"] == name)


def test_doctor_is_content_with_a_healthy_account(adapter: SiteLinkAdapter) -> None:
    assert set(statuses(adapter).values()) <= {"ok", "warning"}
    assert statuses(adapter)["contract CallCenterWs"] == "ok"
    assert statuses(adapter)["raw cards"] == "warning"


@pytest.mark.parametrize(("window", "status"), [("0s", "warning"), ("9s", "warning"), ("10s", None), ("120s", None)])
def test_doctor_warns_of_a_settle_window_shorter_than_a_payment_takes_to_show(
    office: SandboxControl, window: str, status: str | None
) -> None:
    assert statuses(adapter_on(office, settle_window=window)).get("settle window") == status


def test_every_check_that_is_not_ok_has_a_remedy(office: SandboxControl) -> None:
    adapter = adapter_on(office, secrets={"env:PASSWORD": "wrong"})

    assert all(check["remedy"] for check in adapter.diagnose() if check["status"] in {"failed", "warning"})


@pytest.mark.parametrize(
    ("secrets", "changes", "failed", "skipped"),
    [
        ({"env:LICENSE": "WRONG"}, {}, "licence", "credentials"),
        ({"env:PASSWORD": "WRONG"}, {}, "credentials", "licence"),
    ],
)
def test_doctor_tells_licence_and_password_apart(
    office: SandboxControl, secrets: dict[str, str], changes: dict[str, Any], failed: str, skipped: str
) -> None:
    found = statuses(adapter_on(office, secrets=secrets, **changes))

    assert (found[failed], found[skipped], found[f"location {SITE}"]) == ("failed", "skipped", "skipped")


def test_doctor_names_the_location_that_does_not_exist(office: SandboxControl) -> None:
    adapter = adapter_on(
        office, facilities=[{"code": "L999", "zone": "America/New_York"}, {"code": SITE, "zone": "America/New_York"}]
    )

    found = statuses(adapter)
    assert (found["licence"], found["location L999"], found[f"location {SITE}"]) == ("ok", "failed", "ok")


def test_doctor_skips_what_an_unreachable_service_cannot_tell(office: SandboxControl) -> None:
    adapter = adapter_on(
        office, call_center_url="http://127.0.0.1:9/CCWs_3.5/CallCenterWs.asmx", limits={"read_attempts": 1}
    )

    found = statuses(adapter)
    assert found["licence"] == found["credentials"] == found["contract CallCenterWs"] == found["clock"] == "skipped"
    assert found["contract ReportingWs"] == "ok"


def test_doctor_names_a_live_contract_that_drifted(adapter: SiteLinkAdapter, office: SandboxControl) -> None:
    office.settings(wsdl_drift=[
        {"change": "rename", "operation": "ScheduleMoveOut", "parameter": "dScheduledOut", "to": "dScheduledOutDate"},
    ])  # fmt: skip

    assert statuses(adapter)["contract CallCenterWs"] == "failed"
    assert "ScheduleMoveOut does not know dScheduledOut" in detail(adapter, "contract CallCenterWs")


def live(**changes: Any) -> dict[str, OperationShape]:
    shapes = {
        operation.name: OperationShape(
            operation.name,
            tuple(
                [Parameter(name, "string", required=False) for name in AUTH]
                + [
                    Parameter(row.name, row.type, required=True)
                    for row in operation.parameters
                    if row.name != "iDaysAfterDue"
                ]
            ),
        )
        for operation in operations_of(Service.CALL_CENTER)
    }
    return {name: shape for name, shape in {**shapes, **changes}.items() if shape is not None}


def differences(**changes: Any) -> list[str]:
    return compare(operations_of(Service.CALL_CENTER), live(**changes), autopay_days="iAutoBillOnDayPastDue")


def altered(operation: str, *parameters: Parameter | None, drop: str = "", reverse: bool = False) -> dict[str, Any]:
    known = [row for row in live()[operation].parameters if row.name != drop]
    known.extend(row for row in parameters if row is not None)
    return {operation: OperationShape(operation, tuple(reversed(known) if reverse else known))}


def test_a_contract_that_fits_has_no_differences() -> None:
    assert differences() == []


def test_each_kind_of_drift_is_told() -> None:
    assert differences(SiteInformation=None) == ["!SiteInformation is not offered any more"]
    assert differences(**altered("ScheduleMoveOut", drop="iLedgerID")) == ["!ScheduleMoveOut does not know iLedgerID"]
    (new_text,) = differences(**altered("ScheduleMoveOut", Parameter("sWhy", "string", required=False)))
    (new_number,) = differences(**altered("ScheduleMoveOut", Parameter("iWhy", "int", required=True)))
    assert (new_text[0], new_number[0]) == ("S", "!")
    (retyped,) = differences(
        **altered("ScheduleMoveOut", Parameter("iLedgerID", "string", required=False), drop="iLedgerID")
    )[:1]
    assert retyped == "!ScheduleMoveOut: iLedgerID is string, we send int"
    assert any("orders" in line for line in differences(**altered("ScheduleMoveOut", reverse=True)))


def test_the_other_spelling_of_the_autopay_days_is_told_with_its_setting() -> None:
    other = altered(
        "TenantBillingInfoUpdate_v2", Parameter("iDaysAfterDue", "int", required=True), drop="iAutoBillOnDayPastDue"
    )

    (line,) = differences(**other)

    assert "autopay_days_parameter" in line
    assert compare(operations_of(Service.CALL_CENTER), live(**other), autopay_days="iDaysAfterDue") == []


@pytest.mark.parametrize(("seconds", "status"), [(0, "ok"), (3600, "warning"), (-3600, "warning")])
def test_a_clock_that_is_far_off_is_told(adapter: SiteLinkAdapter, seconds: int, status: str) -> None:
    adapter.connection.clock._now = datetime.now(UTC) + timedelta(seconds=seconds)  # type: ignore[attr-defined]

    assert statuses(adapter)["clock"] == status
