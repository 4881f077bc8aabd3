"""Search, gate code and log-on: exactness is established on our side."""

from __future__ import annotations

from typing import Any

import pytest

from pmsbridge.errors import RejectedError
from pmsbridge.model.sealed import GateCode, WebPassword
from pmsbridge.ports.adapter import TenantSearch
from pmsbridge_sitelink.adapter import SiteLinkAdapter
from pmsbridge_sitelink.sandbox import SandboxServer, seeded_web_password
from pmsbridge_sitelink.searching import _closeness
from tests.adapters.sitelink.office import LUKASZ, RENEE, SITE, TODAY, Judge, adapter_on


@pytest.mark.fact("S1.7")
def test_a_prefix_is_a_hit_but_not_an_exact_one(adapter: SiteLinkAdapter) -> None:
    fuzzy = adapter.find_tenants(SITE, TenantSearch(last_name="Dub"))
    exact = adapter.find_tenants(SITE, TenantSearch(last_name="DUBOIS-LEFÈVRE", first_name="renée"))

    assert {match.tenant_id for match in fuzzy} >= {"1000", RENEE}
    assert not any(match.is_exact for match in fuzzy)
    assert {match.tenant_id for match in exact} == {"1000", RENEE}
    assert all(match.is_exact for match in exact)


@pytest.mark.fact("S1.9")
def test_an_address_matches_only_exactly(adapter: SiteLinkAdapter) -> None:
    assert adapter.find_tenants(SITE, TenantSearch(email="renee.dubois@example.co")) == []
    found = adapter.find_tenants(SITE, TenantSearch(email="Renee.Dubois@example.com"))
    assert {match.tenant_id for match in found} == {"1000", RENEE}


@pytest.mark.fact("S1.8")
def test_a_phone_matches_by_its_digits(adapter: SiteLinkAdapter) -> None:
    phone = adapter.tenant(SITE, RENEE).phone
    assert phone is not None

    (match,) = adapter.find_tenants(SITE, TenantSearch(phone=" ".join(phone.digits)))

    assert (match.tenant_id, match.is_exact) == (RENEE, True)


@pytest.mark.fact("S0.12", "S1.10")
def test_a_unit_number_is_text(adapter: SiteLinkAdapter) -> None:
    assert [match.tenant_id for match in adapter.find_tenants(SITE, TenantSearch(unit_number="015"))] == [RENEE]
    assert [match.tenant_id for match in adapter.find_tenants(SITE, TenantSearch(unit_number="15"))] == [LUKASZ]
    assert [match.tenant_id for match in adapter.find_tenants(SITE, TenantSearch(unit_number="B 7"))] == [RENEE]
    assert adapter.find_tenants(SITE, TenantSearch(unit_number="0015")) == []


def test_every_given_field_must_match(adapter: SiteLinkAdapter) -> None:
    assert adapter.find_tenants(SITE, TenantSearch(unit_number="015", last_name="Wójcik")) == []
    assert adapter.find_tenants(SITE, TenantSearch(company="Nguyễn & Söhne GmbH", first_name="Renée")) == []


@pytest.mark.fact("S3.7")
def test_a_company_is_found_by_its_name(adapter: SiteLinkAdapter) -> None:
    found = adapter.find_tenants(SITE, TenantSearch(company="Nguyễn & Söhne GmbH"))

    assert "1005" in {match.tenant_id for match in found if match.is_exact}


@pytest.mark.parametrize("search", [TenantSearch(), TenantSearch(email="   ")])
def test_an_empty_search_is_refused_before_anything_is_asked(
    adapter: SiteLinkAdapter, judge: Judge, search: TenantSearch
) -> None:
    with pytest.raises(RejectedError) as refused:
        adapter.find_tenants(SITE, search)

    assert refused.value.code == "empty_search"
    assert judge.operations() == []


def test_rows_that_do_not_fit_at_all_are_thrown_away() -> None:
    """A back office that ignores a filter answers with everybody."""
    stranger = {"TenantID": "9", "sFName": "Olga", "sLName": "Other", "sEmail": "o@example.com"}

    assert _closeness(stranger, TenantSearch(last_name="Dubois")) == ""
    assert _closeness(stranger, TenantSearch(last_name="other", email="o@example.com")) == "exact"
    assert _closeness(stranger, TenantSearch(last_name="oth", email="o@example.com")) == "prefix"
    assert _closeness({"TenantID": "9"}, TenantSearch(phone="x")) == ""


def test_of_a_list_that_may_be_cut_only_exact_hits_are_told() -> None:
    with SandboxServer(seed=7, sites=1, units=1200, today=TODAY) as server:
        adapter = adapter_on(server.control, facilities=[{"code": SITE, "zone": "America/New_York"}])
        names = [row["fields"]["sLName"] for row in server.control.state(SITE)["sites"][SITE]["tenants"].values()]
        initials = {name[0] for name in names if sum(other.startswith(name[0]) for other in names) > 50}
        assert initials, "the site is too small to fill a list"

        found = adapter.find_tenants(SITE, TenantSearch(last_name=min(initials)))

        assert all(match.is_exact for match in found)


# gate code


@pytest.mark.fact("S0.3")
def test_a_gate_code_matches_only_the_tenant_of_exactly_that_unit(adapter: SiteLinkAdapter, known_code: str) -> None:
    def match(unit: str, code: str) -> str | None:
        return adapter.match_gate_code(SITE, unit_number=unit, gate_code=GateCode(code))

    assert match("015", known_code) == RENEE
    assert match("15", known_code) is None
    assert match("015", known_code + "9") is None
    assert match("", known_code) is None
    assert match("nowhere", known_code) is None


def test_a_lookup_that_takes_15_for_015_opens_nothing(
    adapter: SiteLinkAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "_tenant_by", lambda _facility, _params: RENEE)

    assert adapter.match_gate_code(SITE, unit_number="15", gate_code=GateCode("1234")) is None
    assert adapter.match_gate_code(SITE, unit_number="015", gate_code=GateCode("1234")) == RENEE


@pytest.mark.parametrize("unit", ["015", "nowhere"])
def test_a_wrong_code_costs_as_many_calls_for_a_unit_that_is_rented_as_for_none(
    adapter: SiteLinkAdapter, monkeypatch: pytest.MonkeyPatch, unit: str
) -> None:
    """The time of an answer would tell which units have a tenant."""
    asked: list[str] = []
    read = adapter._connection.read

    def counted(operation: str, *given: Any, **more: Any) -> Any:
        asked.append(operation)
        return read(operation, *given, **more)

    monkeypatch.setattr(adapter._connection, "read", counted)

    assert adapter.match_gate_code(SITE, unit_number=unit, gate_code=GateCode("000000")) is None
    assert asked == ["TenantIDByUnitNameOrAccessCode"] * 2


def test_a_gate_code_is_wiped_by_being_compared(adapter: SiteLinkAdapter) -> None:
    code = GateCode("0000")

    adapter.match_gate_code(SITE, unit_number="015", gate_code=code)

    assert code.is_wiped


@pytest.fixture
def known_code(adapter: SiteLinkAdapter) -> str:
    rows = adapter.connection.read("TenantInfoByTenantID", SITE, {"iTenantID": int(RENEE)}, drop=())
    return rows["Table"][0]["sAccessCode"]


# log-on


def test_a_log_on_answers_with_every_record_the_rented_one_first(adapter: SiteLinkAdapter) -> None:
    password = seeded_web_password(int(RENEE))

    assert list(adapter.sign_in(SITE, login="renee.dubois@example.com", password=WebPassword(password))) == [
        RENEE,
        "1000",
    ]


def test_a_wrong_log_on_matches_nobody_and_is_no_error(adapter: SiteLinkAdapter) -> None:
    secret = WebPassword("wrong-one")

    assert adapter.sign_in(SITE, login="renee.dubois@example.com", password=secret) == []
    assert secret.is_wiped
