"""The night on pmsbridge: settings, adapter, gate, journal database and mirror as they are in life.

Roles: ``prepare`` makes the tables, ``load`` runs one full night and prints a sample, ``check`` prints what is held.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from benchmarks import harness
from benchmarks.night.rows import FACILITY, KEPT, digest, is_made_up
from pmsbridge import Bridge
from pmsbridge_sitelink import connection
from pmsbridge_sitelink.sandbox.access import CORP_CODE, CORP_PASSWORD, CORP_USER, LICENCE_KEY
from pmsbridge_sitelink.sandbox.control import SandboxControl

_NO_CAP: Final = 1 << 40
_NAME: Final = {"title": "sMrMrs", "first": "sFName", "middle": "sMI", "last": "sLName", "company": "sCompany"}
_ADDRESS: Final = {
    "line1": "sAddr1", "line2": "sAddr2", "city": "sCity", "region": "sRegion", "postal_code": "sPostalCode",
    "country": "sCountry",
}  # fmt: skip


def write_settings(folder: Path, url: str, office: str, facilities: int = 1, *, concurrency: int = 1) -> Path:
    """A settings file of one account; its secrets are in the environment of this process and its children."""
    os.environ |= {"BENCH_LICENCE": LICENCE_KEY, "BENCH_PASSWORD": CORP_PASSWORD}
    control = SandboxControl(office)
    lines = [
        "[store]", f"url = {json.dumps(url)}", "[accounts.bench]", 'system = "sitelink"', "[accounts.bench.options]",
        f'corp_code = "{CORP_CODE}"', f'user = "{CORP_USER}"', 'license_key = "env:BENCH_LICENCE"',
        'password = "env:BENCH_PASSWORD"', f'call_center_url = "{control.call_center_url}"',
        f'reporting_url = "{control.reporting_url}"', "[accounts.bench.options.limits]",
        f"concurrency = {concurrency}",
    ]  # fmt: skip
    for number in range(1, facilities + 1):
        lines += ["[[accounts.bench.options.facilities]]", f'code = "L{number:03d}"', 'zone = "America/New_York"']
    path = folder / "pmsbridge.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def lift_caps() -> None:
    """Let answers through that are larger than a facility's can be: memory is to be measured on them."""
    vars(connection)["_BATCH_BYTES"] = _NO_CAP


def load(bridge: Bridge) -> int:
    """A full night; how many tenants were read.

    Raises:
        AssertionError: Something of it failed.
    """
    report = bridge.sync([FACILITY], full=True)
    if report.failed:
        message = f"the night failed: {report.failed}"
        raise AssertionError(message)
    return sum(row.counts.read for row in report.rows if row.scope.entity == "tenant")


def held(bridge: Bridge) -> Iterator[dict[str, Any]]:
    """Tenants as they are held, under the vendor's names again."""
    with bridge.runtime.database.read() as connection:
        statement = "SELECT doc FROM pmsbridge_mirror_tenants WHERE deleted_at IS NULL"
        for (text,) in connection.exec_driver_sql(statement):
            record = json.loads(text)
            if is_made_up(record["ref"]["id"]):
                yield _cells(record)


def _cells(record: dict[str, Any]) -> dict[str, Any]:
    contact = record["contacts"][0]
    sms = next(each for each in record["consents"] if each["channel"] == "sms")
    return {
        "TenantID": record["ref"]["id"], "uTS": record["ref"]["version"], "sEmail": record["email"],
        "sPhone": _raw(record["phone"]), "sMobile": _raw(record["mobile"]), "dDOB": record["birth_date"],
        "bCompanyIsTenant": record["is_company"], "bHasActiveLedger": record["is_active"],
        "bDisabledWebAccess": record["portal_disabled"], "bSMSOptIn": sms["granted"],
        "sEmailAlt": contact["email"], "sPhoneAlt": _raw(contact["phone"]),
        "sRelationshipAlt": "" if contact["vendor_role"] == "Alt" else contact["vendor_role"],
        **{column: record["name"][part] for part, column in _NAME.items()},
        **{column: record["address"][part] for part, column in _ADDRESS.items()},
        **{f"{column}Alt": contact["name"][part] for part, column in _NAME.items() if part != "company"},
        **{f"{column}Alt": contact["address"][part] for part, column in _ADDRESS.items()},
    }  # fmt: skip


def _raw(phone: dict[str, Any] | None) -> str:
    return phone["raw"] if phone else ""


def main() -> None:
    """One process of a run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=("prepare", "load", "check"))
    parser.add_argument("--url", required=True)
    parser.add_argument("--office", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--any-size", action="store_true")
    told = parser.parse_args()
    if told.any_size:
        lift_caps()
    settings = write_settings(told.folder, told.url, told.office)
    with Bridge.from_config(settings) as bridge:
        if told.role == "load":
            harness.print_sample(harness.measured_here(lambda: load(bridge), time.perf_counter))
        elif told.role == "check":
            print(digest(held(bridge), KEPT))
        else:
            print("ready")


if __name__ == "__main__":
    main()
