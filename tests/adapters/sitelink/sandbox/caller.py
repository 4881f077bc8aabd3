"""A bare SOAP client for the sandbox's own tests: http.client and ElementTree, none of the library under test."""

from __future__ import annotations

import http.client
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from pmsbridge_sitelink.sandbox import CORP_CODE, CORP_PASSWORD, CORP_USERNAME

NAMESPACES = {
    "CallCenterWs": "http://tempuri.org/CallCenterWs/CallCenterWs",
    "ReportingWs": "http://tempuri.org/CallCenterWs/ReportingWs",
}
REPORTS = {
    "RentRoll",
    "PastDueBalances",
    "OccupancyStatistics",
    "MoveInsAndMoveOuts",
    "DailyDeposits",
    "ScheduledMoveOuts",
    "TenantListComplete",
    "TenantListComplete_v2",
}
DIFFGR = "{urn:schemas-microsoft-com:xml-diffgram-v1}"
SCHEMA = "{http://www.w3.org/2001/XMLSchema}"
CARD: dict[str, Any] = {
    "iCreditCardType": 6,
    "sCreditCardNumber": "4111111111111111",
    "sCreditCardCVV": "999",
    "dExpirationDate": "2030-01-31T23:59:59",
    "sBillingName": "Renée Dubois-Lefèvre",
    "sBillingAddress": "1 Main St",
    "sBillingZipCode": "H2X 1Y4",
    "bTestMode": "false",
}


@dataclass
class Result:
    """One answer: status, raw body, and every table by name with its rows as dictionaries."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return self.body.decode()

    def _diffgram(self) -> ET.Element:
        found = ET.fromstring(self.body).find(f".//{DIFFGR}diffgram")
        assert found is not None
        return found

    @property
    def elements(self) -> list[ET.Element]:
        return list(self._diffgram().find("NewDataSet") or ())

    def rows(self, table: str) -> list[dict[str, str]]:
        return [{cell.tag: cell.text or "" for cell in row} for row in self.elements if row.tag == table]

    @property
    def tables(self) -> list[str]:
        return list(dict.fromkeys(row.tag for row in self.elements))

    @property
    def described(self) -> dict[str, list[str]]:
        """Tables and columns the inline schema names."""
        choice = ET.fromstring(self.body).find(f".//{SCHEMA}choice")
        assert choice is not None
        return {
            table.get("name", ""): [
                column.get("name", "") for kind in ("element", "attribute") for column in table.iter(f"{SCHEMA}{kind}")
            ][1 if table.find(f".//{SCHEMA}element") is not None else 0 :]
            for table in choice
        }

    @property
    def code(self) -> int:
        return int(self.rows("RT")[0]["Ret_Code"])

    @property
    def message(self) -> str:
        return self.rows("RT")[0].get("Ret_Msg", "")

    @property
    def fault(self) -> str:
        return ET.fromstring(self.body).findtext(".//faultstring") or ""


class Caller:
    """Calls operations at one location with good credentials, unless told otherwise."""

    def __init__(self, base_url: str, location: str = "L001") -> None:
        self.base_url, self.location = base_url, location

    def __call__(self, operation: str, /, **parameters: Any) -> Result:
        account = {
            "sCorpCode": CORP_CODE,
            "sLocationCode": self.location,
            "sCorpUserName": CORP_USERNAME,
            "sCorpPassword": CORP_PASSWORD,
        }
        sent = {name: value for name, value in {**account, **parameters}.items() if value is not None}
        return self.post(operation, "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in sent.items()))

    def post(self, operation: str, inner: str, *, action: str | None = None, root: str | None = None) -> Result:
        """Post hand-written parameters; `action` and `root` replace what the operation would send."""
        service = "ReportingWs" if operation in REPORTS else "CallCenterWs"
        namespace = NAMESPACES[service]
        name = root or operation
        body = (
            '<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/">'
            f'<soap:Body><{name} xmlns="{namespace}">{inner}</{name}></soap:Body></soap:Envelope>'
        )
        header = f'"{namespace}/{operation}"' if action is None else action
        headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": header}
        return self.raw("POST", f"/CCWs_3.5/{service}.asmx", body.encode(), headers)

    def raw(self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Result:
        """Any HTTP request on a connection of its own."""
        parts = urlsplit(self.base_url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
        try:
            connection.request(method, path, body or None, headers or {})
            answer = connection.getresponse()
            return Result(answer.status, answer.read(), dict(answer.headers))
        finally:
            connection.close()

    def pay(self, ledger_unit: int = 5002, amount: str = "97.01", **more: Any) -> Result:
        """One unit of the tenant with several, by card."""
        return self(
            "PaymentSimpleWithSource",
            iTenantID=1001,
            iUnitID=ledger_unit,
            dcPaymentAmount=amount,
            iSource=10,
            **{**CARD, **more},
        )
