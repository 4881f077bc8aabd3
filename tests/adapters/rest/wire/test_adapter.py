"""Both ports over a loopback back office: what is read, what is written once, what is found again."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import pmsbridge_rest
from pmsbridge.actions.effects import (
    AddNote,
    CancelMoveOut,
    ChangeContact,
    EffectBody,
    PaymentPart,
    PostBulletin,
    ReserveUnit,
    ScheduleMoveOut,
    SetAutopay,
    TakePayment,
)
from pmsbridge.errors import (
    ConfigurationError,
    InputError,
    NotFoundError,
    OutcomeUnknownError,
    PmsBridgeError,
    RejectedError,
    UnavailableError,
    UnsupportedError,
)
from pmsbridge.model.money import Money
from pmsbridge.model.payments import CardPayment, ExternalPayment
from pmsbridge.model.places import UnitState
from pmsbridge.model.sealed import Card, CardBrand, CardFace, GateCode, WebPassword
from pmsbridge.ports.adapter import Adapter, Entity, Query, TenantSearch
from pmsbridge.ports.capability import Dedup, Support
from pmsbridge.ports.outcome import Absent, Attempt, CannotTell, Found
from pmsbridge.ports.streams import PullPort
from pmsbridge_rest import plugin
from pmsbridge_rest.adapter import RestAdapter, create
from pmsbridge_rest.bodies.exact_json import read_json
from pmsbridge_rest.mapping.document import Mapping
from pmsbridge_rest.previewing import preview
from pmsbridge_rest.settings import read_settings
from pmsbridge_rest.shipped import file_of
from tests.adapters.rest.wire.harbor_office import HarborOffice, bad, opened_harbor
from tests.adapters.rest.wire.office import Answer, FakeSecrets

HARBOR = Path(__file__).parent.parent / "harbor.yaml"
SITE = "H1"
KEY = "5e7c" * 10
NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
SECRETS = FakeSecrets(id="not-a-real-id", secret="not-a-real-secret")


def options(office: HarborOffice, **more: Any) -> dict[str, Any]:
    return {
        "mapping": str(HARBOR),
        "options": {"company": "acme"},
        "secrets": {"client_id": "env:ID", "client_secret": "env:SECRET"},
        "facilities": [{"code": SITE, "zone": "America/Chicago", "options": {"site": "1"}}],
        "base_url": office.url,
        **more,
    }


@pytest.fixture
def office() -> Iterator[HarborOffice]:
    with opened_harbor() as found:
        yield found


@pytest.fixture
def adapter(office: HarborOffice) -> Iterator[RestAdapter]:
    made = create("main", options(office, read_attempts=1), secrets=SECRETS)
    yield made
    made.close()


def payment(amount: str = "120.50", *, rental: str = "70", means: Any = None) -> TakePayment:
    part = PaymentPart(rental_id=rental, unit_id="u2", unit_number="002", amount=Money.of(amount, "USD"))
    paid = means or ExternalPayment(gateway="gate", reference="ch_1001")
    return TakePayment(account="main", facility=SITE, tenant_id="7", parts=(part,), means=paid, reference="PB-ABC123")


def edit(**seen: str) -> ChangeContact:
    changes = {"email": "new@x.test", "mobile": "555-0123", "address.line2": ""}
    fields: Any = {"account": "main", "facility": SITE, "tenant_id": "7", "changes": changes, "seen": seen}
    return ChangeContact(**fields)


NOTE = AddNote(account="main", facility=SITE, tenant_id="7", rental_id="70", text="wants a key", reference="PB-NOTE01")
RENTAL: Any = {"account": "main", "facility": SITE, "tenant_id": "7", "rental_id": "70"}
LEAVE = ScheduleMoveOut(**RENTAL, leaving_on=date(2026, 6, 30), notice_given_on=date(2026, 5, 4))
STAY = CancelMoveOut(**RENTAL)
POST = PostBulletin(account="main", facility=SITE, subject="Look", body="at this", reference="PB-BULL01")


def first(adapter: RestAdapter, effect: EffectBody) -> Attempt:
    return Attempt(key=KEY, baseline=adapter.baseline(effect), sent_at=datetime.now(UTC))


def test_it_is_an_adapter_found_by_its_plugin(office: HarborOffice, adapter: RestAdapter) -> None:
    assert isinstance(adapter, Adapter)
    assert isinstance(adapter, PullPort)
    assert (adapter.system, adapter.account_name, adapter.facility_codes) == ("harbor", "main", [SITE])
    made = plugin.create("main", options(office), secrets=SECRETS)
    assert made.settle_window == timedelta(seconds=90)
    assert made.send_timeout == timedelta(seconds=85)
    made.close()


def test_capabilities_come_from_the_mapping(adapter: RestAdapter) -> None:
    rows = adapter.capabilities

    assert (rows["take_payment"].support, rows["take_payment"].dedup) == (Support.NATIVE, Dedup.REFERENCE)
    assert (rows["schedule_move_out"].dedup, rows["change_contact"].dedup) == (Dedup.STATE, Dedup.STATE)
    assert (rows["set_autopay"].support, rows["set_consent"].support) == (Support.VENDOR_CANNOT, Support.NOT_YET)
    assert rows["take_payment"].can_probe
    assert not rows["take_payment"].reads_before
    assert rows["change_contact"].reads_before


def test_a_tenant_their_rentals_and_their_money(adapter: RestAdapter) -> None:
    account = adapter.account(SITE, "7")

    assert account.tenant.name.full == "Ada Byron"
    assert account.tenant.phone is not None
    assert account.tenant.phone.raw == "555-0100"
    assert [row.id for row in account.rentals] == ["70", "71"]
    owed = account.rentals[0].balances
    assert (str(owed.ledger), str(owed.payable_now), str(owed.past_due)) == ("120.50 USD",) * 3
    assert str(account.rentals[1].balances.credit) == "5.00 USD"
    assert account.rentals[0].billed is True
    assert account.rentals[0].rental.paid_through == date(2026, 5, 31)
    assert account.facility.name == "Harbor One"


def test_units_a_ledger_and_one_of_each(adapter: RestAdapter) -> None:
    assert [unit.number for unit in adapter.units(SITE)] == ["001", "002", "003", "004", "005"]
    assert {unit.state for unit in adapter.units(SITE, available_only=True)} == {UnitState.VACANT}
    assert str(adapter.unit(SITE, "u3").asking_rate) == "100.03 USD"
    ledger = adapter.ledger(SITE, "7", "70")
    assert [(entry.kind.value, str(entry.effect)) for entry in ledger] == [
        ("charge", "125.50 USD"),
        ("payment", "-5.00 USD"),
    ]
    assert ledger[0].posted_at == datetime(2026, 5, 1, 14, 30, tzinfo=UTC)


def test_what_is_not_there_is_not_found_and_what_is_not_mapped_is_unsupported(adapter: RestAdapter) -> None:
    with pytest.raises(NotFoundError):
        adapter.tenant(SITE, "99")
    with pytest.raises(NotFoundError):
        adapter.account(SITE, "99")
    with pytest.raises(NotFoundError):
        adapter.tenant("H9", "7")
    for call in (
        lambda: adapter.reservations(SITE, "7"),
        lambda: adapter.prepay_quote(SITE, "7", 3),
        lambda: adapter.autopay(SITE, "7"),
        lambda: adapter.sign_in(SITE, login="x", password=WebPassword("not-a-real-pass")),
        lambda: adapter.match_gate_code(SITE, unit_number="002", gate_code=GateCode("0000")),
        lambda: list(adapter.fetch(Query(Entity.EVENTS, SITE))),
    ):
        with pytest.raises(UnsupportedError):
            call()


def test_an_id_cannot_climb_out_of_its_path(office: HarborOffice, adapter: RestAdapter) -> None:
    for hostile in ("7/leases", "../sites/1", "7?x=1", "%2e%2e", ".."):
        with pytest.raises((NotFoundError, RejectedError)):
            adapter.tenant(SITE, hostile)

    assert all(seen.target.startswith("/customers/") for seen in office.seen)
    assert not any("/sites/" in seen.path or seen.query for seen in office.seen)


def test_a_search_compares_again(adapter: RestAdapter) -> None:
    (hit,) = adapter.find_tenants(SITE, TenantSearch(email="ada@x.test", last_name="byron"))
    assert (hit.tenant_id, hit.is_exact) == ("7", True)
    (fuzzy,) = adapter.find_tenants(SITE, TenantSearch(email="ada@x.test", first_name="Grace"))
    assert not fuzzy.is_exact
    with pytest.raises(InputError):
        adapter.find_tenants(SITE, TenantSearch())


# nights


def test_a_night_reads_every_page_and_says_what_is_complete(adapter: RestAdapter) -> None:
    batches = list(adapter.fetch(Query(Entity.UNITS, SITE)))

    assert [len(batch.records) for batch in batches] == [2, 2, 1]
    assert [batch.is_complete for batch in batches] == [False, False, True]


def test_equal_rows_are_equal_bytes_and_make_the_same_records(adapter: RestAdapter) -> None:
    once, twice = (list(adapter.pull(Query(Entity.TENANTS, SITE))) for _ in range(2))

    assert [rows.raw for rows in once] == [rows.raw for rows in twice]
    assert [list(rows.ids) for rows in once] == [["7", "8"]]
    document = once[0].document(once[0].raw[0])
    assert document is not None
    assert document["name"]["first"] == "Ada"
    assert "seen_at" not in document["ref"]
    assert adapter.fingerprint(Query(Entity.TENANTS, SITE)) == adapter.fingerprint(Query(Entity.TENANTS, SITE))
    assert adapter.fingerprint(Query(Entity.TENANTS, SITE)) != adapter.fingerprint(Query(Entity.UNITS, SITE))


def test_the_next_night_asks_only_for_what_changed_with_an_overlap(office: HarborOffice, adapter: RestAdapter) -> None:
    (rows,) = adapter.pull(Query(Entity.TENANTS, SITE))
    assert rows.cursor is not None
    assert rows.cursor.startswith("2026-05-08T10:00:00")
    office.seen.clear()
    office.customers["7"] |= {"first_name": "Augusta", "changed_at": "2026-05-08T09:58:00Z"}

    (changed,) = adapter.pull(Query(Entity.TENANTS, SITE), since=rows.cursor)

    assert office.seen[0].query["changed_after"] == "2026-05-08T09:55:00Z"
    assert list(changed.ids) == ["7", "8"]
    assert not changed.is_complete


def test_a_mark_never_passes_the_moment_the_reading_began(office: HarborOffice, adapter: RestAdapter) -> None:
    """A row that changed behind the reading is asked for next time, whatever stamps came after it."""
    office.customers["8"]["changed_at"] = "2999-01-01T00:00:00Z"

    (rows,) = adapter.pull(Query(Entity.TENANTS, SITE))

    assert rows.cursor is not None
    assert datetime.fromisoformat(rows.cursor) <= datetime.now(UTC) + timedelta(seconds=1)


def test_a_night_without_a_single_row_proves_nothing(office: HarborOffice, adapter: RestAdapter) -> None:
    office.units.clear()

    (batch,) = adapter.fetch(Query(Entity.UNITS, SITE))

    assert (list(batch.records), batch.is_complete) == ([], False)


def test_a_list_that_shrank_meanwhile_is_not_complete(office: HarborOffice, adapter: RestAdapter) -> None:
    pulled = adapter.pull(Query(Entity.UNITS, SITE))
    next(pulled)
    del office.units[0]

    assert not any(rows.is_complete for rows in pulled)


@pytest.mark.parametrize(("key", "value"), [("id", None), ("rate_cents", "many")], ids=["no id", "no record"])
def test_rows_that_are_none_are_left_out_and_nothing_is_complete(
    office: HarborOffice, adapter: RestAdapter, key: str, value: Any
) -> None:
    office.units[1][key] = value

    batches = list(adapter.fetch(Query(Entity.UNITS, SITE)))

    assert sorted(one.id for batch in batches for one in batch.records) == ["u1", "u3", "u4", "u5"]
    assert not any(batch.is_complete for batch in batches)


def test_an_answer_without_rows_where_they_should_be_is_no_empty_list(
    office: HarborOffice, adapter: RestAdapter
) -> None:
    office.goes_wrong("GET", "/units", Answer(200, {"ok": True, "meta": {"total": 0}}))

    with pytest.raises(UnavailableError) as failed:
        list(adapter.pull(Query(Entity.UNITS, SITE)))

    assert failed.value.code == "no_rows"


# payments


def test_a_payment_is_sent_once_exactly_and_with_our_reference(office: HarborOffice, adapter: RestAdapter) -> None:
    receipt = adapter.execute(payment(), first(adapter, payment()))

    (kept,) = office.payments["70"]
    assert (kept["amount_cents"], kept["reference"], kept["gateway"]) == (
        12050,
        "PB-ABC123",
        {"name": "gate", "id": "ch_1001"},
    )
    assert receipt.vendor_ids == {"payment": "p1"}
    assert receipt.code == "201"
    assert len(office.writes()) == 1


LOST: list[tuple[str, Answer]] = [
    ("cut", Answer(cut=0)),
    ("half", Answer(201, {"ok": True, "data": {"id": "p1"}}, cut=9)),
    ("500", Answer(500, {"ok": False})),
    ("502 page", Answer(502, raw=b"<html>bad gateway</html>")),
    ("200 with an error inside", Answer(200, {"ok": False, "error": {"code": "E99"}})),
    ("200 page", Answer(200, raw=b"<html>log in</html>")),
    ("redirect", Answer(302, {}, {"Location": "/"})),
    ("empty 201", Answer(201)),
]


@pytest.mark.parametrize("answer", [answer for _, answer in LOST], ids=[name for name, _ in LOST])
@pytest.mark.parametrize("after_work", [True, False])
@pytest.mark.parametrize("effect", [payment(), NOTE, POST], ids=["pay", "note", "bulletin"])
def test_a_lost_answer_is_unknown_and_the_look_knows(
    office: HarborOffice, adapter: RestAdapter, effect: EffectBody, answer: Answer, *, after_work: bool
) -> None:
    office.goes_wrong("POST", "", answer, after_work=after_work)
    attempt = first(adapter, effect)

    with pytest.raises(OutcomeUnknownError):
        adapter.execute(effect, attempt)
    found = adapter.probe(effect, attempt)

    assert len(office.writes()) == 1
    assert isinstance(found, Found if after_work else Absent)
    if isinstance(found, Absent):
        assert found.conclusive
        adapter.execute(effect, replace(attempt, number=2))
        assert isinstance(adapter.probe(effect, attempt), Found)


def test_a_refusal_is_definite_whether_it_comes_by_status_or_inside_a_200(
    office: HarborOffice, adapter: RestAdapter
) -> None:
    office.goes_wrong("POST", "/payments", bad(422, "AMOUNT"))
    with pytest.raises(RejectedError) as by_status:
        adapter.execute(payment(), first(adapter, payment()))
    with pytest.raises(RejectedError) as inside:
        adapter.execute(payment("666.00"), first(adapter, payment()))

    assert (by_status.value.code, inside.value.code) == ("AMOUNT", "L1")
    assert "the lease is locked" in inside.value.message
    assert office.payments["70"] == []


def test_later_is_certain_and_the_next_call_keeps_it(office: HarborOffice, adapter: RestAdapter) -> None:
    office.goes_wrong("POST", "/payments", Answer(429, {}, {"Retry-After": "600"}))

    with pytest.raises(UnavailableError) as later:
        adapter.execute(payment(), first(adapter, payment()))
    with pytest.raises(UnavailableError):
        adapter.execute(payment(), first(adapter, payment()))

    assert later.value.retry_after == timedelta(seconds=600)
    assert len(office.writes()) == 1


def test_a_look_that_cannot_see_proves_no_absence(office: HarborOffice, adapter: RestAdapter) -> None:
    attempt = first(adapter, payment())
    office.goes_wrong("GET", "/payments", bad(404, "NONE"))
    assert isinstance(adapter.probe(payment(), attempt), CannotTell)
    office.goes_wrong("GET", "/payments", Answer(404, raw=b"<html>no such site</html>"))
    assert isinstance(adapter.probe(payment(), attempt), CannotTell)
    office.goes_wrong("GET", "/payments", Answer(200, {"ok": True}))
    with pytest.raises(UnavailableError):
        adapter.probe(payment(), attempt)
    office.goes_wrong("GET", "/payments", Answer(503, {}))
    with pytest.raises(UnavailableError):
        adapter.probe(payment(), attempt)


def test_a_look_finds_ours_on_any_page_and_nobody_elses(office: HarborOffice, adapter: RestAdapter) -> None:
    others = [{"id": f"x{n}", "reference": f"PB-OTHER{n}", "amount_cents": 12050} for n in range(3)]
    office.payments["70"] = [*others]
    assert isinstance(adapter.probe(payment(), Attempt(key=KEY)), Absent)
    office.payments["70"].append({"id": "x9", "reference": "PB-ABC123", "amount_cents": 12050})

    found = adapter.probe(payment(), Attempt(key=KEY))

    assert isinstance(found, Found)
    assert found.receipt.vendor_ids == {"payment": "x9"}
    assert "TWICE" not in found.receipt.evidence
    office.payments["70"].append({"id": "x10", "reference": "PB-ABC123", "amount_cents": 12050})
    doubled = adapter.probe(payment(), Attempt(key=KEY))
    assert isinstance(doubled, Found)
    assert "POSSIBLY TWICE" in doubled.receipt.evidence


def test_what_cannot_be_said_is_refused_before_anything_is_sent(office: HarborOffice, adapter: RestAdapter) -> None:
    euro = payment().changed(parts=(payment().parts[0].changed(amount=Money.of("5", "EUR")),))
    thin = payment("0.001")
    two = payment().changed(parts=(*payment().parts, *payment("1.00", rental="71").parts))
    card = CardPayment(face=CardFace(brand=CardBrand.VISA, last4="1111"))
    long_note = NOTE.changed(text="x" * 600)
    on = date(2026, 6, 1)
    reserve = ReserveUnit(account="main", facility=SITE, tenant_id="7", unit_id="u1", needed_on=on, reference="PB-RES1")
    cases: list[tuple[EffectBody, type[PmsBridgeError]]] = [
        (euro, RejectedError),
        (thin, RejectedError),
        (payment("-5.00"), RejectedError),
        (payment("0.00"), RejectedError),
        (two, UnsupportedError),
        (payment(means=card), UnsupportedError),
        (long_note, RejectedError),
        (payment().changed(facility="H9"), ConfigurationError),
        (SetAutopay(**RENTAL, on=True), UnsupportedError),
        (reserve, UnsupportedError),
    ]

    for effect, kind in cases:
        with pytest.raises(kind):
            adapter.execute(effect, Attempt(key=KEY))

    assert office.writes() == []


def test_a_card_is_wiped_and_never_sent(office: HarborOffice, adapter: RestAdapter) -> None:
    card = Card(number="4111111111111111", expires_on=date(2030, 1, 31), holder="A B")

    with pytest.raises(UnsupportedError):
        adapter.execute(payment(means=CardPayment(face=card.face)), Attempt(key=KEY, sealed=card))

    assert card.is_wiped
    assert office.seen == []


def test_nothing_leaves_after_the_lease(office: HarborOffice, adapter: RestAdapter) -> None:
    over = Attempt(key=KEY, not_after=datetime.now(UTC) - timedelta(seconds=1))

    with pytest.raises(UnavailableError) as late:
        adapter.execute(payment(), over)

    assert late.value.code == "lease_over"
    assert office.seen == []


# edits


@pytest.mark.fact("S0.39")
def test_an_edit_changes_what_was_asked_and_nothing_else(office: HarborOffice, adapter: RestAdapter) -> None:
    before = {**office.customers["7"]}

    receipt = adapter.execute(edit(), first(adapter, edit()))

    after = office.customers["7"]
    assert after["email"] == "new@x.test"
    assert after["phones"] == [*before["phones"], {"type": "cell", "number": "555-0123"}]
    assert after["address"] == {**before["address"], "street2": None}
    assert {key: after[key] for key in before if key not in {"email", "phones", "address", "rev"}} == {
        key: before[key] for key in before if key not in {"email", "phones", "address", "rev"}
    }
    assert receipt.read_back
    assert adapter.probe(edit(), first(adapter, edit())).__class__ is Found


def test_an_edit_that_is_so_already_sends_nothing(office: HarborOffice, adapter: RestAdapter) -> None:
    adapter.execute(edit(), first(adapter, edit()))
    writes = len(office.writes())

    receipt = adapter.execute(edit(), first(adapter, edit()))

    assert "nothing was sent" in receipt.evidence
    assert len(office.writes()) == writes


def test_an_edit_over_somebody_elses_is_refused(office: HarborOffice, adapter: RestAdapter) -> None:
    with pytest.raises(RejectedError) as stale:
        adapter.execute(edit(email="seen@x.test"), first(adapter, edit()))
    assert stale.value.code == "changed_meanwhile"
    assert office.writes() == []


def test_a_lost_edit_is_looked_for_by_what_stands_there(office: HarborOffice, adapter: RestAdapter) -> None:
    for after_work, kind in ((False, Absent), (True, Found)):
        office.goes_wrong("PATCH", "/customers", Answer(cut=0), after_work=after_work)
        attempt = first(adapter, edit())
        with pytest.raises(OutcomeUnknownError):
            adapter.execute(edit(), attempt)
        assert isinstance(adapter.probe(edit(), attempt), kind)
    attempt = replace(attempt, baseline={**attempt.baseline, "others": "0" * 32})
    assert isinstance(adapter.probe(edit(), attempt), CannotTell)
    office.customers["7"]["email"] = "third@x.test"
    assert isinstance(adapter.probe(edit(), attempt), CannotTell)


def test_an_edit_that_reads_back_as_something_else_is_unknown(office: HarborOffice, adapter: RestAdapter) -> None:
    office.goes_wrong("PATCH", "/customers", Answer(200, {"ok": True, "data": {}}))

    with pytest.raises(OutcomeUnknownError) as unknown:
        adapter.execute(edit(), first(adapter, edit()))

    assert unknown.value.code == "read_back_differs"


def test_a_baseline_holds_the_fields_to_be_changed_and_no_other(adapter: RestAdapter) -> None:
    kept = adapter.baseline(edit())

    assert set(kept) == {"before.email", "before.mobile", "before.address.line2", "others"}
    assert kept["before.email"] == "ada@x.test"
    assert "Byron" not in str(kept)


# states, notes, posts


def test_a_move_out_is_set_seen_and_taken_back(office: HarborOffice, adapter: RestAdapter) -> None:
    receipt = adapter.execute(LEAVE, first(adapter, LEAVE))
    assert office.leases["70"]["leaving"] == "06/30/2026"
    assert receipt.read_back
    assert isinstance(adapter.probe(LEAVE, first(adapter, LEAVE)), Found)
    assert isinstance(adapter.probe(STAY, first(adapter, STAY)), Absent)

    adapter.execute(STAY, first(adapter, STAY))
    again = adapter.execute(STAY, first(adapter, STAY))

    assert "already" in again.evidence
    assert isinstance(adapter.probe(STAY, first(adapter, STAY)), Found)
    assert isinstance(adapter.probe(LEAVE, first(adapter, LEAVE)), Absent)


@pytest.mark.parametrize(
    "answer",
    [Answer(404, raw=b"<html>no such host</html>"), Answer(404, {"nobody": "knows"}), Answer(404)],
    ids=["a proxy's page", "somebody's JSON", "nothing"],
)
def test_it_was_so_already_is_only_said_by_the_back_office(
    office: HarborOffice, adapter: RestAdapter, answer: Answer
) -> None:
    adapter.execute(LEAVE, first(adapter, LEAVE))
    office.goes_wrong("DELETE", "/leaving", answer)

    with pytest.raises((OutcomeUnknownError, RejectedError)):
        adapter.execute(STAY, first(adapter, STAY))

    assert office.leases["70"]["leaving"] == "06/30/2026"


@pytest.mark.parametrize(
    "look",
    [None, Answer(404, {"ok": False, "error": {"code": "NONE"}}), Answer(500, {})],
    ids=["it shows otherwise", "there is no such lease", "it fails"],
)
def test_it_was_so_already_is_looked_at_before_it_is_believed(
    office: HarborOffice, adapter: RestAdapter, look: Answer | None
) -> None:
    """The address was wrong, and what is not there says that it is not there."""
    adapter.execute(LEAVE, first(adapter, LEAVE))
    attempt = first(adapter, STAY)
    office.goes_wrong("DELETE", "/leaving", Answer(404, {"ok": False, "error": {"code": "NONE"}}))
    if look is not None:
        office.goes_wrong("GET", "/leases/70", look)

    with pytest.raises(OutcomeUnknownError) as unknown:
        adapter.execute(STAY, attempt)

    assert unknown.value.code == "not_verified"


def test_a_state_that_was_answered_but_is_not_there_is_unknown(office: HarborOffice) -> None:
    clock = NoWaiting()
    adapter = create("main", options(office), secrets=SECRETS, clock=clock)
    office.goes_wrong("PUT", "/leaving", Answer(200, {"ok": True, "data": {}}))

    with pytest.raises(OutcomeUnknownError) as unknown:
        adapter.execute(LEAVE, first(adapter, LEAVE))

    assert unknown.value.code == "not_verified"
    adapter.close()


@pytest.mark.fact("S0.41", "S0.42")
def test_a_note_and_a_post_carry_what_finds_them_again(office: HarborOffice, adapter: RestAdapter) -> None:
    adapter.execute(NOTE, first(adapter, NOTE))
    adapter.execute(POST, first(adapter, POST))

    assert office.notes["7"][0]["text"] == "wants a key [PB-NOTE01]"
    assert office.tasks[0] == {"id": 1, "site": "1", "title": "Look [PB-BULL01]", "body": "at this"}
    for effect in (NOTE, POST):
        found = adapter.probe(effect, first(adapter, effect))
        assert isinstance(found, Found)


# settings and doctor


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"mapping": "/nowhere.yaml"}, "/nowhere.yaml"),
        ({"mapping": "nobody"}, "'nobody' is not shipped"),
        ({"mappings": "x"}, "Did you mean"),
        ({"options": {}}, "options.company: is missing"),
        ({"options": {"company": "a/b"}}, "options.company: does not look"),
        ({"options": {"company": "acme", "site": "1"}}, "options.site: no such option here"),
        ({"secrets": {"client_id": "env:ID"}}, "secrets.client_secret: is missing"),
        ({"secrets": {"client_id": "env:ID", "client_secret": "env:SECRET", "other": "env:X"}}, "secrets.other"),
        ({"base_url": "http://api.example.test"}, "https"),
        ({"facilities": []}, "facilities"),
        ({"facilities": [{"code": "H1", "zone": "Mars/Base"}]}, "zone"),
        ({"facilities": [{"code": "H1", "zone": "UTC"}]}, "facilities.0.options.site: is missing"),
    ],
)
def test_wrong_settings_are_told_before_anything_is_asked(
    office: HarborOffice, wrong: dict[str, Any], told: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        create("main", options(office, **wrong), secrets=SECRETS)

    assert told in refused.value.message
    assert office.seen == []


def test_the_doctor_says_what_is_wrong(office: HarborOffice, adapter: RestAdapter) -> None:
    checks = {check["name"]: check["status"] for check in adapter.diagnose()}
    assert checks == {"mapping": "ok", f"login at {SITE}": "ok", "clock": "ok"}
    secrets = FakeSecrets(id="not-a-real-id", secret="wrong-secret-word")
    refused = create("main", options(office), secrets=secrets)

    (login,) = [check for check in refused.diagnose() if check["status"] == "failed"]

    assert login["name"] == f"login at {SITE}"
    assert "wrong-secret-word" not in str(login)
    refused.close()


class NoWaiting:
    """Sleeping moves the clock, and takes no time."""

    def __init__(self) -> None:
        self.slept = 0.0

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.slept)

    def monotonic(self) -> float:
        return self.slept

    def sleep(self, seconds: float) -> None:
        self.slept += seconds


def test_a_defect_of_ours_is_unknown_because_it_may_have_struck_after_the_send(
    office: HarborOffice, adapter: RestAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_given: Any) -> Any:
        raise KeyError("4111111111111111")

    monkeypatch.setattr("pmsbridge_rest.steps.outputs_of", broken)

    with pytest.raises(OutcomeUnknownError) as unknown:
        adapter.execute(payment(), first(adapter, payment()))

    assert unknown.value.code == "adapter_defect"
    assert "4111" not in str(unknown.value)
    assert len(office.payments["70"]) == 1


def test_a_back_office_that_repeats_our_key_is_not_repeated(office: HarborOffice, adapter: RestAdapter) -> None:
    error = {"code": "not-a-real-secret", "text": "the secret not-a-real-secret of not-a-real-id may not do this"}
    office.goes_wrong("POST", "/payments", Answer(422, {"ok": False, "error": error}))

    with pytest.raises(RejectedError) as refused:
        adapter.execute(payment(), first(adapter, payment()))

    assert "not-a-real" not in refused.value.message + refused.value.code
    assert "may not do this" in refused.value.message


def test_the_example_for_init_is_what_the_settings_take(tmp_path: Path) -> None:
    text = (Path(pmsbridge_rest.__file__).parent / "example.toml").read_text(encoding="utf-8")
    account = tomllib.loads(text.replace("{account}", "main"))["accounts"]["main"]

    settings = read_settings("main", account["options"])

    assert account["system"] == "rest"
    assert settings.facilities[0].code == "F1"


def test_a_shipped_mapping_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "harbor.yaml").write_bytes(HARBOR.read_bytes())
    monkeypatch.setattr("pmsbridge_rest.shipped._FOLDER", tmp_path)

    assert file_of("harbor") == tmp_path / "harbor.yaml"
    assert file_of("./harbor.yaml") == Path("harbor.yaml")
    with pytest.raises(ConfigurationError, match="harbor"):
        file_of("harbour")


@pytest.mark.parametrize("effect", [payment(), LEAVE, STAY, NOTE, POST], ids=lambda effect: effect.kind)
def test_what_is_shown_beforehand_is_what_leaves(office: HarborOffice, harbor: Mapping, effect: Any) -> None:
    office.leases["70"]["leaving"] = "06/15/2026"
    option = {"company": "acme", "site": "1"}
    all_shown = preview(harbor, effect.kind, effect=effect, option=option, now=NOW)
    (shown,) = [one for one in all_shown if one.purpose == "send"]
    adapter = create("main", options(office), secrets=SECRETS, clock=NoWaiting())

    adapter.execute(effect, first(adapter, effect))

    (sent,) = office.writes()
    assert (sent.method, f"https://acme.harbor.example/api/v3{sent.path}") == (shown.method, shown.url)
    assert (read_json(sent.body) if sent.body else None) == shown.body
    assert {name.lower() for name in shown.headers} <= set(sent.headers)
    adapter.close()
