"""Registering by what the office has on record: telephone, e-mail, postal code. One answer for whatever is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from pmsbridge.errors import IneligibleError, InputError
from pmsbridge.model.people import Phone, Tenant
from pmsbridge.model.portal_accounts import AccessLevel, PortalAccount
from pmsbridge.model.record import VendorRef
from pmsbridge.portal.bridge import Bridge
from pmsbridge.ports.adapter import Batch, Entity, Query
from pmsbridge.settings import AccountSettings, Settings
from pmsbridge.store.database import open_database
from pmsbridge.testing.memory import MemoryAdapter, MemoryOffice, TestClock
from tests.mailbox import Outbox

ANA: dict[str, Any] = {"phone": "5125550101", "email": "ana@example.test", "postal_code": "78701"}


class GatedAdapter(MemoryAdapter):
    """A back office that says who may use the portal."""

    copied_besides = (Entity.PORTAL_ACCOUNTS,)
    access = AccessLevel.FULL

    def fetch(self, query: Query, *, since: str | None = None) -> Iterator[Batch]:
        if query.entity is not Entity.PORTAL_ACCOUNTS:
            yield from super().fetch(query, since=since)
            return
        ref = VendorRef(
            system="memory", account="north", facility="F1", entity="portal_account", id="T1", seen_at=self._now,
        )  # fmt: skip
        yield Batch([PortalAccount(ref=ref, tenant_id="T1", login="5125550101", access=self.access)], None, True)


def bridge_on(adapter: MemoryAdapter, folder: Path) -> Bridge:
    settings = Settings(accounts={"north": AccountSettings(system="memory")})
    database = open_database(f"sqlite:///{folder}/bridge.db")
    return Bridge(settings, database=database, adapters={"north": adapter}, mailer=Outbox(), clock=TestClock())


@pytest.fixture
def office() -> MemoryOffice:
    return MemoryOffice(TestClock(), account="north", facilities=("F1",))


@pytest.fixture
def bridge(office: MemoryOffice, tmp_path: Path) -> Iterator[Bridge]:
    with bridge_on(MemoryAdapter(office), tmp_path) as made:
        made.sync()
        yield made


def refused(bridge: Bridge, **other: Any) -> tuple[str, ...]:
    with pytest.raises(IneligibleError) as no:
        bridge.accounts.register("F1", **{**ANA, **other})
    return no.value.code, no.value.message, no.value.unblock


def edit(office: MemoryOffice, tenant_id: str, **fields: object) -> None:
    tenant = office.books.find(Tenant, "F1", tenant_id)
    assert tenant is not None
    office.books.put("F1", tenant.changed(**fields))


@pytest.mark.parametrize(
    "typed",
    [
        ANA, {**ANA, "phone": "(512) 555-0101"}, {**ANA, "phone": "+1 512 555 0101"},
        {**ANA, "email": " ANA@Example.test "}, {**ANA, "postal_code": " 787 01"},
    ],
)  # fmt: skip
def test_all_three_open_a_session_however_they_are_written(bridge: Bridge, typed: dict[str, Any]) -> None:
    assert bridge.accounts.register("F1", **typed).tenant_id == "T1"


def test_whatever_is_wrong_the_answer_is_the_same_and_nobody_is_asked(bridge: Bridge, office: MemoryOffice) -> None:
    with patch.object(MemoryAdapter, "find_tenants", side_effect=AssertionError):
        answers = {
            refused(bridge, **other)
            for other in (
                {"phone": "5125550102"}, {"phone": "5550101000"}, {"email": "ben@example.test"},
                {"email": "na@example.test"}, {"postal_code": "78702"}, {"postal_code": "7870"},
                {"phone": "9995550101"},
            )
        }  # fmt: skip

    assert len(answers) == 1
    assert next(iter(answers))[0] == "no_match"


def test_the_last_digits_alone_are_not_the_number(bridge: Bridge) -> None:
    assert refused(bridge, phone="12025550101")[0] == "no_match"
    assert refused(bridge, phone="5550101")[0] == "no_match"


def test_a_number_that_is_held_with_its_country_is_known_without_it(bridge: Bridge, office: MemoryOffice) -> None:
    edit(office, "T1", phone=Phone(raw="+49 171 5550101", e164="+491715550101"))
    bridge.sync()

    for typed in ("0171 5550101", "171-5550101", "+49 171 5550101"):
        assert bridge.accounts.register("F1", **{**ANA, "phone": typed}).tenant_id == "T1"
    for typed in ("5550101", "0151 5550101", "+43 171 5550101"):
        assert refused(bridge, phone=typed)[0] == "no_match"


def test_a_mobile_number_will_do(bridge: Bridge, office: MemoryOffice) -> None:
    edit(office, "T1", phone=None, mobile=Phone(raw="512-555-0177"))
    bridge.sync()

    assert bridge.accounts.register("F1", **{**ANA, "phone": "5125550177"}).tenant_id == "T1"
    assert refused(bridge)[0] == "no_match"


def test_a_record_that_is_there_twice_lets_nobody_in(bridge: Bridge, office: MemoryOffice) -> None:
    tenant = office.books.find(Tenant, "F1", "T1")
    assert tenant is not None
    edit(office, "T2", phone=tenant.phone, email=tenant.email, address=tenant.address)
    bridge.sync()

    assert refused(bridge)[0] == "no_match"


def test_who_is_switched_off_or_gone_is_not_known(bridge: Bridge, office: MemoryOffice) -> None:
    edit(office, "T1", portal_disabled=True)
    bridge.sync()
    assert refused(bridge)[0] == "no_match"
    edit(office, "T1", portal_disabled=False, is_active=False)
    bridge.sync()
    assert refused(bridge)[0] == "no_match"
    edit(office, "T1", is_active=True)
    assert refused(bridge)[0] == "no_match"
    bridge.sync()

    assert bridge.accounts.register("F1", **ANA).tenant_id == "T1"


@pytest.mark.fact("S2.11")
def test_where_the_back_office_says_who_may_enter_its_word_counts(office: MemoryOffice, tmp_path: Path) -> None:
    adapter = GatedAdapter(office)
    with bridge_on(adapter, tmp_path) as bridge:
        bridge.sync(entities=[Entity.FACILITIES, Entity.UNITS, Entity.TENANTS, Entity.RENTALS])
        assert refused(bridge)[0] == "no_match"
        adapter.access = AccessLevel.NONE
        bridge.sync()
        assert refused(bridge)[0] == "no_match"
        adapter.access = AccessLevel.FULL
        bridge.sync()

        assert bridge.accounts.register("F1", **ANA).tenant_id == "T1"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("phone", ""), ("phone", "55501"), ("email", "  "), ("postal_code", "--"), ("email", "a" * 201),
        ("postal_code", "4111111111111111"), ("phone", "4111 1111 1111 1111"),
    ],
)  # fmt: skip
def test_what_does_not_look_like_one_is_refused_without_a_look(bridge: Bridge, field: str, value: str) -> None:
    with pytest.raises(InputError) as no:
        bridge.accounts.register("F1", **{**ANA, field: value})

    assert no.value.field == field
    assert not value.strip() or value not in str(no.value)
