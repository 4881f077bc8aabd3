"""Actions of other shapes: natural keys, vendor keys, several steps, jobs, whole records, forms, GraphQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from pmsbridge.actions.effects import ChangeContact, PaymentPart, SetConsent, TakePayment
from pmsbridge.errors import OutcomeUnknownError, RejectedError, UnavailableError
from pmsbridge.model.money import Money
from pmsbridge.model.payments import ExternalPayment
from pmsbridge.model.people import ConsentChannel, ConsentPurpose
from pmsbridge.ports.adapter import Entity, Query
from pmsbridge.ports.capability import Dedup
from pmsbridge.ports.outcome import Absent, Attempt, CannotTell, Found
from pmsbridge_rest.adapter import RestAdapter, create
from tests.adapters.rest.wire.office import Answer, FakeSecrets, Office, Seen

KEY = "5e7c" * 10
PAY = TakePayment(
    account="main",
    facility="H1",
    tenant_id="7",
    parts=(PaymentPart(rental_id="70", unit_id=None, amount=Money.of("120.50", "USD")),),
    means=ExternalPayment(gateway="gate", reference="ch_1001"),
    reference="PB-ABC123",
)
BASE: dict[str, Any] = {
    "pmsmap": 1,
    "vendor": {"name": "quay", "title": "Quay", "evidence": "sandbox", "source": "invented for tests"},
    "connection": {"base_url": "https://quay.example", "timeouts": {"write": "30s", "live": "30s"}},
    "entities": {
        "tenants": {
            "one": {"get": "/people/{read.id}"},
            "fields": {"id": {"at": "id", "dir": "read"}, "email": "mail", "name.last": "last"},
        }
    },
}
ROWS = {"get": "/rentals/{effect.parts[0].rental_id}/payments", "rows": "rows", "outputs": {"payment": "id"}}
BODY = {"cents": "{effect.total|cents}", "ref": "{effect.reference}"}

Make = Callable[..., RestAdapter]


@pytest.fixture
def make(office: Office, tmp_path: Path) -> Iterator[Make]:
    made: list[RestAdapter] = []

    def adapter(action: dict[str, Any], kind: str = "take_payment", **more: Any) -> RestAdapter:
        path = tmp_path / "quay.yaml"
        path.write_text(yaml.safe_dump({**BASE, "actions": {kind: action}, **more}), encoding="utf-8")
        facilities = [{"code": "H1", "zone": "America/Chicago"}]
        options = {"mapping": str(path), "facilities": facilities, "base_url": office.url, "read_attempts": 1}
        found = create("main", options, secrets=FakeSecrets(), clock=Quick())
        made.append(found)
        return found

    yield adapter
    for one in made:
        one.close()


class Quick:
    """Time goes by while somebody sleeps, and only then."""

    def __init__(self) -> None:
        self.slept = 0.0

    def now(self) -> datetime:
        return datetime(2026, 5, 4, 12, 0, tzinfo=UTC) + timedelta(seconds=self.slept)

    def monotonic(self) -> float:
        return self.slept

    def sleep(self, seconds: float) -> None:
        self.slept += seconds


def attempt(adapter: RestAdapter, effect: Any = PAY, **more: Any) -> Attempt:
    return Attempt(key=KEY, baseline=adapter.baseline(effect), sent_at=datetime(2026, 5, 4, 12, 0, tzinfo=UTC), **more)


def rows(*found: dict[str, Any]) -> Answer:
    return Answer(200, {"rows": list(found)})


def ours(key: str) -> dict[str, Any]:
    return {"id": key, "cents": 12050}


# natural keys

NATURAL = {
    "steps": [
        {
            "name": "pay", "post": "/payments", "body": BODY, "outputs": {"payment": "id"},
            "idempotency": {"by": "natural_key", "look_up": {**ROWS, "match": {"cents": "{effect.total|cents}"}}},
        }
    ]
}  # fmt: skip


def test_a_payment_known_by_its_amount_is_told_from_those_before(office: Office, make: Make) -> None:
    adapter = make(NATURAL)
    office.answers("/rentals/70/payments", rows(ours("a"), {"id": "b", "cents": 1}))

    before = adapter.baseline(PAY)
    sent = Attempt(key=KEY, baseline=before)

    assert before == {"rows.pay": "a", "receipts.70": "a"}
    seen = adapter.probe(PAY, sent)
    assert isinstance(seen, Absent)
    assert not seen.begun
    office.answers("/rentals/70/payments", rows(ours("a"), ours("c")))
    found = adapter.probe(PAY, sent)
    assert isinstance(found, Found)
    assert found.receipt.vendor_ids == {"payment": "c"}
    assert isinstance(adapter.probe(PAY, replace(sent, baseline={})), CannotTell)
    assert adapter.capabilities["take_payment"].dedup is Dedup.NATURAL_KEY


def test_a_row_without_a_key_of_its_own_proves_nothing(office: Office, make: Make) -> None:
    office.answers("/rentals/70/payments", rows({"cents": 12050}))

    with pytest.raises(UnavailableError):
        make(NATURAL).baseline(PAY)


# vendor keys

KEYED = {
    "steps": [
        {
            "name": "pay", "post": "/payments", "body": BODY, "outputs": {"payment": "id"},
            "idempotency": {"by": "header", "name": "Idempotency-Key", "kept": "1h"},
        }
    ]
}  # fmt: skip


def test_a_vendors_key_is_the_same_at_every_attempt_until_it_is_forgotten(office: Office, make: Make) -> None:
    adapter = make(KEYED)
    office.answers("/payments", Answer(500, {}), Answer(201, {"id": 5}))
    first = attempt(adapter)
    with pytest.raises(OutcomeUnknownError):
        adapter.execute(PAY, first)

    receipt = adapter.execute(PAY, replace(first, number=2))

    assert receipt.vendor_ids == {"payment": "5"}
    assert [seen.headers["idempotency-key"] for seen in office.seen] == [KEY, KEY]
    assert adapter.capabilities["take_payment"].dedup is Dedup.VENDOR_KEY
    old = replace(first, number=3, sent_at=datetime(2026, 5, 4, 10, 30, tzinfo=UTC))
    with pytest.raises(OutcomeUnknownError) as forgotten:
        adapter.execute(PAY, old)
    assert forgotten.value.code == "key_forgotten"
    assert len(office.seen) == 2


def test_a_conflict_over_a_key_in_work_is_unknown(office: Office, make: Make) -> None:
    office.answers("/payments", Answer(409, {}))
    adapter = make(KEYED)

    with pytest.raises(OutcomeUnknownError):
        adapter.execute(PAY, attempt(adapter))


def test_without_any_key_nobody_can_tell(office: Office, make: Make) -> None:
    office.answers("/payments", Answer(500, {}))
    adapter = make({"steps": [{"name": "pay", "post": "/payments", "body": BODY, "idempotency": "none"}]})

    with pytest.raises(OutcomeUnknownError):
        adapter.execute(PAY, attempt(adapter))

    assert isinstance(adapter.probe(PAY, attempt(adapter)), CannotTell)
    assert not adapter.capabilities["take_payment"].can_probe
    assert not adapter.capabilities["take_payment"].absence_conclusive


# several steps


def step(name: str, **more: Any) -> dict[str, Any]:
    look = {"get": f"/{name}s", "rows": "rows", "match": {"ref": "{effect.reference}"}, "outputs": {name: "id"}}
    return {
        "name": name, "post": f"/{name}s", "body": BODY, "outputs": {name: "id"},
        "idempotency": {"by": "client_reference", "look_up": look}, **more,
    }  # fmt: skip


TWO = {
    "steps": [
        step("batch", compensate={"delete": "/batches/{step.batch.batch}"}),
        step("line", body={**BODY, "batch": "{step.batch.batch}"}),
    ]
}


def writes(office: Office) -> list[tuple[str, str]]:
    return [(seen.method, seen.path) for seen in office.seen if seen.method != "GET"]


def test_a_later_step_uses_what_an_earlier_one_gave(office: Office, make: Make) -> None:
    office.answers("/batchs", Answer(201, {"id": 9}))
    office.answers("/lines", Answer(201, {"id": 10}))
    adapter = make(TWO)

    receipt = adapter.execute(PAY, attempt(adapter))

    assert receipt.vendor_ids == {"batch": "9", "line": "10"}
    assert office.asked("/lines")[0].document == {"cents": 12050, "ref": "PB-ABC123", "batch": "9"}


def test_a_refusal_of_a_later_step_takes_the_earlier_ones_back(office: Office, make: Make) -> None:
    office.answers("/batchs", Answer(201, {"id": 9}))
    office.answers("/lines", Answer(422, {}))
    office.answers("/batches/9", Answer(204))
    adapter = make(TWO)

    with pytest.raises(RejectedError):
        adapter.execute(PAY, attempt(adapter))

    assert writes(office) == [("POST", "/batchs"), ("POST", "/lines"), ("DELETE", "/batches/9")]


@pytest.mark.parametrize(
    ("line", "undo"),
    [(Answer(422, {}), Answer(500, {})), (Answer(429, {}), Answer(204)), (Answer(500, {}), Answer(204))],
    ids=["not taken back", "later", "unknown"],
)
def test_what_is_half_done_is_never_told_as_undone(office: Office, make: Make, line: Answer, undo: Answer) -> None:
    office.answers("/batchs", Answer(201, {"id": 9}))
    office.answers("/lines", line)
    office.answers("/batches/9", undo)
    adapter = make(TWO)

    with pytest.raises(OutcomeUnknownError):
        adapter.execute(PAY, attempt(adapter))


def test_a_second_attempt_does_only_what_is_not_done(office: Office, make: Make) -> None:
    done = {"id": 9, "ref": "PB-ABC123"}

    def batches(seen: Seen) -> Answer:
        return Answer(201, {"id": 9}) if seen.method == "POST" else rows(done)

    def lines(seen: Seen) -> Answer:
        return Answer(201, {"id": 10}) if seen.method == "POST" else rows()

    office.plays_at("/batchs", batches)
    office.plays_at("/lines", lines)
    adapter = make(TWO)

    seen = adapter.probe(PAY, attempt(adapter))
    assert isinstance(seen, Absent)
    assert seen.begun
    receipt = adapter.execute(PAY, attempt(adapter, number=2))

    assert writes(office) == [("POST", "/lines")]
    assert receipt.vendor_ids == {"batch": "9", "line": "10"}


def test_a_second_attempt_that_cannot_look_sends_nothing(office: Office, make: Make) -> None:
    office.answers("/batchs", Answer(404, {}))
    adapter = make(TWO)

    with pytest.raises(OutcomeUnknownError) as unknown:
        adapter.execute(PAY, attempt(adapter, number=2))

    assert unknown.value.code == "cannot_look"
    assert writes(office) == []


# jobs

JOB = {
    "when": {"status": 202}, "poll": {"get": "/jobs/{step.pay.job}"}, "state": "state",
    "done": ["SUCCESS"], "failed": ["FAILURE"], "every": "2s", "within": "10s",
}  # fmt: skip
QUEUED = {
    "steps": [{**NATURAL["steps"][0], "outputs": {"job": "job", "payment": "payment_id"}, "outcome": {"job": JOB}}]
}


@pytest.mark.parametrize(
    ("states", "kind", "code"),
    [
        (["PENDING", "PENDING", "SUCCESS"], None, ""),
        (["PENDING", "FAILURE"], RejectedError, "job_failed"),
        (["PENDING"], OutcomeUnknownError, "job_running"),
        (["PARTIAL_SUCCESS"], OutcomeUnknownError, "job_running"),
        ([None], OutcomeUnknownError, "job_running"),
    ],
    ids=["done", "failed", "too long", "a word nobody declared", "no word"],
)
def test_a_ticket_is_followed_to_its_end(office: Office, make: Make, states: list[Any], kind: Any, code: str) -> None:
    office.answers("/rentals/70/payments", rows())
    office.answers("/payments", Answer(202, {"job": 3}))
    office.answers("/jobs/3", *[Answer(200, {"state": state, "payment_id": 8}) for state in states])
    adapter = make(QUEUED)
    sent = attempt(adapter)

    if kind is None:
        assert adapter.execute(PAY, sent).vendor_ids == {"job": "3", "payment": "8"}
        return
    with pytest.raises(kind) as failed:
        adapter.execute(PAY, sent)
    assert failed.value.code == code
    assert len(office.asked("/jobs/3")) <= 6


def test_a_job_that_cannot_be_asked_for_is_unknown(office: Office, make: Make) -> None:
    office.answers("/rentals/70/payments", rows())
    office.answers("/payments", Answer(202, {"job": 3}))
    adapter = make(QUEUED)

    with pytest.raises(OutcomeUnknownError) as unknown:
        adapter.execute(PAY, attempt(adapter))

    assert unknown.value.code == "job_unreadable"


# whole records

PERSON = "/people/{effect.tenant_id}"
STATE = {"by": "state", "look_up": {"get": PERSON, "match": {"id": "{effect.tenant_id}"}}}
WHOLE = {
    "steps": [
        {
            "name": "edit",
            "put": PERSON,
            "update": {"strategy": "put_full", "drop": ["id", "score"], "moves": ["score"]},
            "idempotency": STATE,
        }
    ]
}


def test_a_whole_record_goes_back_as_it_came_but_for_what_was_asked(office: Office, make: Make) -> None:
    person: dict[str, Any] = {"id": "7", "mail": "old@x.test", "last": "Byron", "rate": 0.1}
    person |= {"score": 3, "vip": None, "tags": ["a"]}

    def people(seen: Seen) -> Answer:
        if seen.method == "PUT":
            person.update({**seen.document, "score": 4})
        return Answer(200, dict(person))

    office.plays_at("/people/7", people)
    adapter = make(WHOLE, "change_contact")
    effect = ChangeContact(account="main", facility="H1", tenant_id="7", changes={"email": "new@x.test"})

    receipt = adapter.execute(effect, attempt(adapter, effect))

    (put,) = [seen for seen in office.seen if seen.method == "PUT"]
    assert put.body == b'{"mail":"new@x.test","last":"Byron","rate":0.1,"vip":null,"tags":["a"]}'
    assert receipt.read_back


def test_another_field_that_changed_with_the_write_is_told(office: Office, make: Make) -> None:
    person: dict[str, Any] = {"id": "7", "mail": "old@x.test", "last": "Byron", "vip": True}

    def people(seen: Seen) -> Answer:
        if seen.method == "PUT":
            person.update({"mail": "new@x.test", "vip": None})
        return Answer(200, dict(person))

    office.plays_at("/people/7", people)
    adapter = make(WHOLE, "change_contact")
    effect = ChangeContact(account="main", facility="H1", tenant_id="7", changes={"email": "new@x.test"})

    with pytest.raises(OutcomeUnknownError, match="vip"):
        adapter.execute(effect, attempt(adapter, effect))


# other spellings


def test_a_form_and_a_graphql_mutation_leave_as_their_vendors_want_them(office: Office, make: Make) -> None:
    office.answers("/form", Answer(201, {"id": 1}))
    office.answers("/graphql", Answer(200, {"data": {"pay": {"userErrors": [{"message": "closed", "code": "C1"}]}}}))
    plain = {"name": "pay", "post": "/form", "body": {"payment": BODY}, "encoding": "form", "idempotency": "none"}
    form = make({"steps": [plain]})
    form.execute(PAY, attempt(form))
    first = "data.pay.userErrors[0]"
    mutation = {
        "name": "pay",
        "post": "/graphql",
        "graphql": "mutation Pay($cents: Int!) { pay(cents: $cents) { userErrors { message } } }",
        "body": {"cents": "{effect.total|cents}"},
        "idempotency": "none",
        "outcome": {"declined": [{"when": {"body": {first: {"present": True}}}, "reason": f"{first}.message"}]},
    }
    graphql = make({"steps": [mutation]}, envelope={"style": "graphql"})

    with pytest.raises(RejectedError, match="closed"):
        graphql.execute(PAY, attempt(graphql))

    assert office.seen[0].form == {"payment[cents]": "12050", "payment[ref]": "PB-ABC123"}
    assert office.seen[1].document["variables"] == {"cents": 12050}
    assert office.seen[1].document["query"].startswith("mutation Pay")


def test_a_list_that_does_not_prove_that_it_was_read_whole_proves_no_absence(office: Office, make: Make) -> None:
    others = [{"id": str(n), "cents": 1} for n in range(3)]

    def payments(seen: Seen) -> Answer:
        begin = 2 * (int(seen.query["page"]) - 1)
        return rows(*others[begin : begin + 2])

    office.plays_at("/rentals/70/payments", payments)
    look = {**ROWS, "match": {"cents": "{effect.total|cents}"}, "paginate": "pages"}
    action = {"steps": [{**NATURAL["steps"][0], "idempotency": {"by": "natural_key", "look_up": look}}]}
    pages = {"pages": {"style": "page", "size_as": "size", "size": 2}}
    adapter = make(action, pagination=pages)

    seen = adapter.probe(PAY, Attempt(key=KEY, baseline={"rows.pay": ""}))

    assert isinstance(seen, CannotTell)
    del others[1:]
    assert isinstance(adapter.probe(PAY, Attempt(key=KEY, baseline={"rows.pay": ""})), Absent)
    assert "rows.pay" in adapter.baseline(PAY)
    others.extend({"id": str(n), "cents": 1} for n in range(1, 4))
    assert adapter.baseline(PAY) == {}


@pytest.mark.fact("S1.23")
def test_a_consent_is_written_seen_and_not_written_twice(office: Office, make: Make) -> None:
    person: dict[str, Any] = {"id": "7", "mail": "a@x.test", "last": "Byron", "news": False}

    def people(seen: Seen) -> Answer:
        if seen.method == "PATCH":
            person.update(seen.document)
        return Answer(200, dict(person))

    office.plays_at("/people/7", people)
    tenants = BASE["entities"]["tenants"]
    consents = [{"channel": "email", "purpose": "marketing", "at": "news"}]
    entities = {"tenants": {**tenants, "consents": consents}}
    edit = {"name": "edit", "patch": PERSON, "update": {"strategy": "patch_changed"}, "idempotency": STATE}
    adapter = make({"steps": [edit]}, "set_consent", entities=entities)
    email, marketing = ConsentChannel.EMAIL, ConsentPurpose.MARKETING
    yes = SetConsent(account="main", facility="H1", tenant_id="7", channel=email, purpose=marketing, granted=True)
    sent = attempt(adapter, yes)

    assert isinstance(adapter.probe(yes, sent), Absent)
    adapter.execute(yes, sent)

    assert person["news"] is True
    assert isinstance(adapter.probe(yes, sent), Found)
    assert isinstance(adapter.probe(yes.changed(granted=False), attempt(adapter, yes.changed(granted=False))), Absent)


KEYSET = {"style": "keyset", "after_as": "after", "size_as": "size", "size": 2, "row_key": "id"}


@pytest.mark.parametrize(
    ("date", "mark"),
    [("Mon, 04 May 2026 1{}:30:00 GMT", "2026-05-04T11:30"), ("yesterday", "2026-05-03T12:00")],
    ids=["its clock", "ours, less a day"],
)
def test_a_reading_goes_on_where_it_stopped_and_forgets_no_change_behind_it(
    office: Office, make: Make, date: str, mark: str
) -> None:
    """By key: what moved behind the stop is asked for from before the reading's first half."""
    people = [{"id": f"{n:02}", "last": "x", "at": f"2026-05-04T1{n}:00:00Z"} for n in range(5)]

    def listed(seen: Seen) -> Answer:
        found = [one for one in people if one["id"] > seen.query.get("after", "")][:2]
        return Answer(200, found, {"Date": date.format(len(office.asked("/people")))})

    office.plays_at("/people", listed)
    since = {"name": "since", "row_changed_at": "at"}
    tenants = {**BASE["entities"]["tenants"], "all": {"get": "/people", "paginate": "keys", "since": since}}
    adapter = make(NATURAL, pagination={"keys": KEYSET}, entities={"tenants": tenants})
    query = Query(Entity.TENANTS, "H1")
    stopped = next(adapter.pull(query))
    assert stopped.resume is not None

    rest = list(adapter.pull(query, resume=stopped.resume))

    assert [list(rows.ids) for rows in rest] == [["02", "03"], ["04"]]
    assert rest[-1].cursor is not None
    assert rest[-1].cursor.startswith(mark)
    assert not rest[-1].is_complete
    assert list(next(adapter.pull(query)).ids) == ["00", "01"]


def test_no_such_record_is_an_absence_only_where_the_look_says_so_and_in_its_own_words(
    office: Office, make: Make
) -> None:
    look = {**ROWS, "match": {"cents": "{effect.total|cents}"}}
    step = NATURAL["steps"][0]
    silent = make(NATURAL)
    told = make({"steps": [{**step, "idempotency": {"by": "natural_key", "look_up": {**look, "missing": [404]}}}]})
    sent = Attempt(key=KEY, baseline={"rows.pay": ""})
    office.answers("/rentals/70/payments", Answer(404, {"error": "none"}))

    assert isinstance(silent.probe(PAY, sent), CannotTell)
    assert isinstance(told.probe(PAY, sent), Absent)
    office.answers("/rentals/70/payments", Answer(404, raw=b"<html>no such site</html>"))
    assert isinstance(told.probe(PAY, sent), CannotTell)
