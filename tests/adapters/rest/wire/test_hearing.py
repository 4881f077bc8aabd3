"""A vendor's own message from its arrival at a portal to the copy, over loopback: checked, noted, read afresh."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pmsbridge import AsyncBridge, Bridge, ConfigurationError, InputError, NotFoundError
from pmsbridge.model.people import Tenant
from tests.adapters.rest.wire.harbor_office import HarborOffice, opened_harbor

HARBOR = Path(__file__).parent.parent / "harbor.yaml"
SECRET = "not-a-real-secret"
SETTINGS = """
[store]
url = "sqlite:///bridge.db"

[accounts.main]
system = "rest"

[accounts.main.options]
mapping = "{mapping}"
base_url = "{url}"
options = {{ company = "acme" }}
secrets = {{ client_id = "file:id", client_secret = "file:secret" }}

[[accounts.main.options.facilities]]
code = "H1"
zone = "America/Chicago"
options = {{ site = "1" }}
"""
CUSTOMERS = """webhooks:
  verify:
    proof: hmac
    key: client_secret
    header: X-Harbor-Signature
    over: timestamp.body
    timestamp_header: X-Harbor-Time
  id_header: X-Harbor-Delivery
  type_at: event
  events:
    customer.changed: {entity: tenants, id_at: customer}
    lease.paid: {entity: ledger_entries, rental_at: lease}
"""


@pytest.fixture
def office() -> Iterator[HarborOffice]:
    with opened_harbor() as found:
        yield found


@pytest.fixture
def bridge(office: HarborOffice, tmp_path: Path) -> Iterator[Bridge]:
    text = HARBOR.read_text(encoding="utf-8")
    mapping = tmp_path / "harbor.yaml"
    mapping.write_text(text[: text.index("webhooks:")] + CUSTOMERS, encoding="utf-8")
    (tmp_path / "id").write_text("not-a-real-id")
    (tmp_path / "secret").write_text(SECRET)
    settings = tmp_path / "pmsbridge.toml"
    settings.write_text(SETTINGS.format(mapping=mapping, url=office.url))
    with Bridge.from_config(settings) as found:
        found.sync()
        office.seen.clear()
        yield found


def message(said: dict[str, Any], number: str = "d-1", *, secret: str = SECRET) -> tuple[dict[str, str], bytes]:
    stamp, body = str(int(time.time())), json.dumps(said).encode()
    signature = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return {"X-Harbor-Signature": signature, "X-Harbor-Time": stamp, "X-Harbor-Delivery": number}, body


CHANGED = {"event": "customer.changed", "customer": "7", "email": "forged@x.test"}


def email(bridge: Bridge) -> str:
    found = bridge.mirror.get("main", "H1", Tenant.entity, "7")
    assert isinstance(found, Tenant)
    return found.email


def test_what_is_copied_is_what_the_back_office_says_and_not_what_the_message_said(
    office: HarborOffice, bridge: Bridge
) -> None:
    office.customers["7"] |= {"email": "new@x.test", "changed_at": "2026-05-20T10:00:00Z"}

    heard = bridge.hear("main", *message(CHANGED))

    assert (heard.event, heard.is_new, heard.to_read) == ("customer.changed", True, ("main/H1/tenants",))
    assert office.seen == []
    assert not bridge.hear("main", *message(CHANGED)).is_new
    assert bridge.read_heard() == 1
    assert {seen.path for seen in office.seen} == {"/sites/1/customers"}
    assert email(bridge) == "new@x.test"
    assert bridge.read_heard() == 0


def test_a_payment_at_the_desk_reaches_the_copy_of_whoever_uses_the_portal(
    office: HarborOffice, bridge: Bridge
) -> None:
    bridge.tenant("H1", "7").dashboard()
    office.leases["70"]["balance_cents"] = office.leases["70"]["overdue_cents"] = 0
    office.seen.clear()

    heard = bridge.hear("main", *message({"event": "lease.paid", "lease": "70"}))
    bridge.read_heard()

    assert heard.to_read == ("main/H1/account/7",)
    copy = bridge.mirror.account("main", "H1", "7")
    assert copy is not None
    assert copy.rentals[0].balances.ledger.is_zero
    assert not [seen for seen in office.seen if seen.path.startswith("/sites/1/")]


def test_whose_account_nobody_opened_is_not_read_because_of_a_message(office: HarborOffice, bridge: Bridge) -> None:
    assert bridge.hear("main", *message({"event": "lease.paid", "lease": "80"})).to_read == ()
    assert bridge.read_heard() == 0
    assert office.seen == []


def test_what_somebody_else_posts_is_refused_and_leaves_nothing(
    office: HarborOffice, bridge: Bridge, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(InputError) as caught:
        bridge.hear("main", *message(CHANGED, secret="not-a-real-guess"))

    assert caught.value.code == "webhook_signature"
    assert bridge.read_heard() == 0
    assert office.seen == []
    assert SECRET not in caplog.text
    assert "webhook_refused" in caplog.text or not caplog.records


def test_an_account_of_another_name_or_without_its_secret_hears_nothing(bridge: Bridge, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        bridge.hear("other", *message(CHANGED))
    (tmp_path / "secret").unlink()
    with pytest.raises(ConfigurationError):
        bridge.hear("main", *message(CHANGED))


def test_asynchronous_portals_hear_and_read_the_same(office: HarborOffice, bridge: Bridge) -> None:
    office.customers["7"] |= {"email": "later@x.test", "changed_at": "2026-05-21T10:00:00Z"}

    async def portal() -> int:
        twin = AsyncBridge(bridge)
        assert (await twin.hear("main", *message(CHANGED))).is_new
        return await twin.read_heard()

    assert asyncio.run(portal()) == 1
    assert email(bridge) == "later@x.test"
