"""What a genuine message says that is to be read anew: by shipped mappings and one of the tests."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pmsbridge.errors import ConfigurationError, InputError, UnsupportedError
from pmsbridge.ports.adapter import Entity
from pmsbridge.ports.hearing import HearingPort, Told
from pmsbridge.testing.memory import TestClock
from pmsbridge_rest.adapter import RestAdapter, create
from pmsbridge_rest.mapping.reading import examine
from tests.adapters.rest.wire.office import FakeSecrets

HARBOR = Path(__file__).parent.parent / "harbor.yaml"
SECRET = "not-a-real-secret"
FACILITY = {"zone": "America/Chicago", "currency": "USD"}


@pytest.fixture
def clock() -> TestClock:
    return TestClock()


@pytest.fixture
def buildium(clock: TestClock) -> Iterator[RestAdapter]:
    options = {
        "mapping": "buildium",
        "options": {"staff_user": "4411"},
        "secrets": {"client_id": "env:ID", "client_secret": "env:ID", "webhook_secret": "env:SECRET"},
        "facilities": [
            {"code": "ELM", **FACILITY, "options": {"property": "1201"}},
            {"code": "OAK", **FACILITY, "options": {"property": "1202"}},
        ],
    }
    adapter = create("main", options, secrets=FakeSecrets(id="not-a-real-id", secret=SECRET), clock=clock)
    yield adapter
    adapter.close()


@pytest.fixture
def harbor(clock: TestClock) -> Iterator[RestAdapter]:
    adapter = harbor_adapter(clock)
    yield adapter
    adapter.close()


def harbor_adapter(clock: TestClock, **more: Any) -> RestAdapter:
    options = {
        "mapping": str(HARBOR),
        "options": {"company": "acme"},
        "secrets": {"client_id": "env:ID", "client_secret": "env:SECRET"},
        "facilities": [{"code": "H1", **FACILITY, "options": {"site": "1"}}],
        "base_url": "http://127.0.0.1:9",
        **more,
    }
    secrets = FakeSecrets(id="not-a-real-id", secret=SECRET, former="not-a-real-former-secret")
    return create("main", options, secrets=secrets, clock=clock)


def buildium_message(clock: TestClock, said: Mapping[str, Any]) -> tuple[dict[str, str], bytes]:
    stamp = str(int(clock.now().timestamp()))
    compact = json.dumps(said, separators=(",", ":")).encode()
    signature = hmac.new(SECRET.encode(), f"{stamp}.".encode() + compact, hashlib.sha256).digest()
    return {
        "Buildium-Webhook-Timestamp": stamp,
        "Buildium-Webhook-Signature": base64.b64encode(signature).decode(),
    }, json.dumps(said, indent=2).encode()


def harbor_message(
    clock: TestClock, said: object, *, number: str = "d-1", secret: str = SECRET
) -> tuple[dict[str, str], bytes]:
    stamp, body = str(int(clock.now().timestamp())), json.dumps(said).encode()
    signature = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return {"X-Harbor-Signature": signature, "X-Harbor-Time": stamp, "X-Harbor-Delivery": number}, body


LEASE = {"event": "lease.changed", "lease": {"id": "70", "customer_id": "7"}}


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"EventName": "Lease.Updated", "LeaseId": 5}, Told(Entity.RENTALS, "", "5", "", "5")),
        ({"EventName": "Lease.MoveOut.Created", "LeaseId": 5, "TenantId": 9}, Told(Entity.RENTALS, "", "5", "9", "5")),
        ({"EventName": "LeaseTenant.Updated", "TenantId": 9}, Told(Entity.TENANTS, "", "9", "9", "")),
        ({"EventName": "RentalUnit.Deleted", "UnitId": 3}, Told(Entity.UNITS, "", "3", "", "", may_be_gone=True)),
    ],
    ids=["a lease", "a move-out", "a tenant", "a unit that is gone"],
)
def test_what_buildium_posts_says_what_to_read(
    buildium: RestAdapter, clock: TestClock, said: dict[str, Any], told: Told
) -> None:
    message = buildium.hear(*buildium_message(clock, said))

    assert message.told == (told,)
    assert message.event == said["EventName"]
    assert isinstance(buildium, HearingPort)
    assert buildium.hears


def test_an_event_that_nobody_listens_to_is_taken_and_told_to_nobody(buildium: RestAdapter, clock: TestClock) -> None:
    message = buildium.hear(*buildium_message(clock, {"EventName": "Vendor.Updated", "VendorId": 1}))

    assert (message.event, message.told) == ("", ())


def test_two_deliveries_of_one_message_are_known_by_its_number(harbor: RestAdapter, clock: TestClock) -> None:
    first = harbor.hear(*harbor_message(clock, LEASE))
    clock.advance(timedelta(minutes=1))

    again = harbor.hear(*harbor_message(clock, LEASE))
    other = harbor.hear(*harbor_message(clock, LEASE, number="d-2"))

    assert first.key == again.key != other.key


def test_a_number_that_is_not_signed_cannot_be_put_on_another_message(harbor: RestAdapter, clock: TestClock) -> None:
    one, other = LEASE, {**LEASE, "lease": {"id": "71", "customer_id": "7"}}

    assert harbor.hear(*harbor_message(clock, one)).key != harbor.hear(*harbor_message(clock, other)).key


def test_without_a_number_a_message_is_known_by_when_it_was_signed(buildium: RestAdapter, clock: TestClock) -> None:
    said = {"EventName": "Lease.Updated", "LeaseId": 5}
    came = buildium_message(clock, said)
    clock.advance(timedelta(seconds=1))

    assert buildium.hear(*came).key == buildium.hear(*came).key
    assert buildium.hear(*buildium_message(clock, said)).key != buildium.hear(*came).key


def test_the_secret_of_before_is_taken_while_the_sender_changes_over(clock: TestClock) -> None:
    came = harbor_message(clock, LEASE, secret="not-a-real-former-secret")
    strict = harbor_adapter(clock)
    lenient = harbor_adapter(clock, former_secrets={"client_secret": "env:FORMER"})

    assert lenient.hear(*came).told
    with pytest.raises(InputError) as caught:
        strict.hear(*came)

    assert caught.value.code == "webhook_signature"


def test_only_the_secret_of_webhooks_has_one_before_it(clock: TestClock) -> None:
    with pytest.raises(ConfigurationError, match=r"former_secrets\.client_id"):
        harbor_adapter(clock, former_secrets={"client_id": "env:FORMER"})


@pytest.mark.parametrize("said", ["no table", 7, None, [], {"event": {"a": 1}}, {"event": True}])
def test_a_message_that_says_nothing_we_know_is_told_to_nobody(
    harbor: RestAdapter, clock: TestClock, said: object
) -> None:
    assert harbor.hear(*harbor_message(clock, said)).told == ()


def test_what_is_genuine_and_no_json_is_said_to_be_so(harbor: RestAdapter, clock: TestClock) -> None:
    stamp = str(int(clock.now().timestamp()))
    signature = hmac.new(SECRET.encode(), f"{stamp}.{{".encode(), hashlib.sha256).hexdigest()
    with pytest.raises(InputError) as caught:
        harbor.hear({"X-Harbor-Signature": signature, "X-Harbor-Time": stamp}, b"{")

    assert caught.value.code == "webhook_body"


def test_a_body_of_megabytes_is_refused_before_it_is_looked_at(harbor: RestAdapter) -> None:
    with pytest.raises(InputError) as caught:
        harbor.hear({}, b" " * 1_000_001)

    assert caught.value.code == "webhook_body"


def test_a_mapping_without_webhooks_says_so(clock: TestClock) -> None:
    options = {
        "mapping": "booqable",
        "options": {"company": "acme"},
        "secrets": {"token": "env:ID"},
        "facilities": [{"code": "B1", **FACILITY, "options": {"location": "b-1"}}],
    }
    adapter = create("main", options, secrets=FakeSecrets(id="not-a-real-id"), clock=clock)

    with pytest.raises(UnsupportedError):
        adapter.hear({}, b"{}")
    assert not adapter.hears


FACILITY_SAID = """
  verify: {proof: token, key: client_secret, header: X-Token}
  type_at: event
  events:
    changed: {entity: units, id_at: unit, facility_at: site}
"""


@pytest.mark.parametrize(
    ("site", "facilities"), [("H1", ["H1"]), ("1", ["H1"]), ("2", []), (None, [""])],
    ids=["its code", "its option", "a stranger's", "not said"],
)  # fmt: skip
def test_a_facility_is_known_by_its_code_or_its_own_options(
    tmp_path: Path, clock: TestClock, site: str | None, facilities: list[str]
) -> None:
    text = HARBOR.read_text(encoding="utf-8")
    mapping = tmp_path / "harbor.yaml"
    mapping.write_text(text[: text.index("webhooks:")] + "webhooks:" + FACILITY_SAID, encoding="utf-8")
    adapter = harbor_adapter(clock, mapping=str(mapping))

    message = adapter.hear({"X-Token": SECRET}, json.dumps({"event": "changed", "unit": "u1", "site": site}).encode())

    assert [told.facility for told in message.told] == facilities
    assert message.key == ""


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ("{entity: ledger_entries}", "nothing to read"),
        ("{entity: ledger_entries, rental_at: lease}", ""),
        ("{entity: lease}", "there is no entity"),
    ],
)
def test_an_event_leads_to_something_that_can_be_read(event: str, words: str) -> None:
    text = HARBOR.read_text(encoding="utf-8")
    section = f"""webhooks:
  verify: {{proof: token, key: client_secret, header: X-Token}}
  type_at: event
  events:
    changed: {event}
"""
    found = [each.what for each in examine((text[: text.index("webhooks:")] + section).encode()).problems]

    assert [words in each for each in found] == ([True] if words else [])
