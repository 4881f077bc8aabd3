"""A caller that knows nothing of the adapter: it sends what a test says, and reads what comes back."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pmsbridge_rest.sandbox import Office, Request, Terms

HARBOR = Path(__file__).parent.parent / "harbor.yaml"
LOGIN = {"x-client-id": "fake-client-id-0000", "x-client-secret": "fake-client-secret-0000"}
JSON = {"content-type": "application/json"}
PAYMENT = {
    "amount_cents": 12005,
    "paid_on": "05/04/2026",
    "method": "online",
    "reference": "PB-TEST01",
    "gateway": {"name": "gate", "id": "gw_0001"},
}


@dataclass
class Now:
    """Time that moves when told."""

    moment: datetime = datetime(2026, 5, 4, 15, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment

    def later(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


@dataclass(frozen=True)
class Got:
    """An answer; status 0 for none."""

    status: int
    document: Any
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Caller:
    """Calls an office in process."""

    office: Office
    headers: dict[str, str] = field(default_factory=lambda: dict(LOGIN))

    def ask(self, method: str, target: str, body: Any = None, **headers: str) -> Got:
        """Send one request; ``headers`` with _ for -."""
        content = b"" if body is None else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        all_headers = {**self.headers, **(JSON if body is not None else {}), **named}
        reply = self.office.handle(Request(method, target, all_headers, content)).reply
        if reply is None:
            return Got(0, None)
        text = reply.content
        return Got(reply.status, json.loads(text) if text[:1] in (b"{", b"[") else text, dict(reply.headers))

    def pay(self, **changes: Any) -> Got:
        return self.ask("POST", "/leases/2001/payments", {**PAYMENT, **changes})

    def payments(self) -> list[Any]:
        found = self.ask("GET", "/leases/2001/payments?page=1&per_page=100&order=id").document["data"]
        return list(found)


def opened(mapping: Path = HARBOR, **terms: Any) -> tuple[Caller, Now]:
    """An office on its first day."""
    now = Now()
    return Caller(Office(mapping, Terms(**terms), now=now)), now
