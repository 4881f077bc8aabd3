"""Every request that a shipped mapping can build, held against what its vendor publishes; every answer can be read."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmsbridge.model.ledger import EntryKind
from pmsbridge.model.money import Money, sum_money
from pmsbridge.model.people import PersonName, Phone
from pmsbridge_rest.bodies.exact_json import read_json, write_json
from pmsbridge_rest.bodies.jsonapi import unfolded
from pmsbridge_rest.codecs.making import codec_of
from pmsbridge_rest.codecs.scene import CodecError, say
from pmsbridge_rest.filling import CannotSayError
from pmsbridge_rest.lint import lint
from pmsbridge_rest.lint.of_which_call import call_of
from pmsbridge_rest.mapping.expressions import search
from pmsbridge_rest.mapping.model_fields import PREPAY_FIELDS
from pmsbridge_rest.mapping.reading import load_mapping
from pmsbridge_rest.row_values import FieldReader
from pmsbridge_rest.rows import RowError, RowReader, Scope
from pmsbridge_rest.shipped import shipped_mappings
from pmsbridge_rest.tools import MappingTools
from tests.adapters.rest.vendors.contract import Contract
from tests.adapters.rest.vendors.documents import document, examples, is_example_of, parsed
from tests.adapters.rest.vendors.said import SCENE, Said, asked, effects, reads
from tests.adapters.rest.vendors.strictness import of, unknown_keys

FILES = shipped_mappings()
MAPPINGS = {name: load_mapping(path) for name, path in FILES.items()}
NUMBERS = st.integers(1, 2**31 - 1).map(str)
WORDS = st.from_regex(r"[a-z]{2,8}_[A-Za-z0-9]{6,12}", fullmatch=True)
IDS = {"buildium": NUMBERS}
SCOPE = Scope("vendor", "main", "F1", ZoneInfo("America/Chicago"), "USD")
PLACES = {"read": {"tenant_id": "1001", "rental_id": "2001", "id": "7"}, "facility": {"code": "F1"}}

EACH_ACTION = [(name, kind) for name, mapping in MAPPINGS.items() for kind in mapping.actions]


def buildium() -> Contract:
    return Contract(parsed("buildium-v1.openapi.json"), prefix="/v1")


def reader(name: str, noun: str) -> RowReader:
    return RowReader(MAPPINGS[name], noun, SCOPE, PLACES)


def exact(document: Any) -> Any:
    """As an answer is read: numbers with a point are Decimals."""
    return read_json(json.dumps(document).encode())


# what is shipped


def test_four_vendors_are_shipped_and_an_account_names_them() -> None:
    assert set(FILES) == {"booqable", "buildium", "cubby", "storedge"}
    assert {mapping.vendor.name for mapping in MAPPINGS.values()} == set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_a_shipped_mapping_has_no_error_even_for_production(name: str) -> None:
    found = MappingTools().lint(Path(name), production=True)

    known = {"storedge": ["moving_pages", "key_without_look", "write_without_key"]}
    assert [each["rule"] for each in found] == known.get(name, [])
    assert all(each["level"] == "warning" for each in found)


# requests against the vendor's own OpenAPI document


def test_every_read_of_buildium_is_one_its_document_knows() -> None:
    contract = buildium()
    checked = 0
    for each in reads(MAPPINGS["buildium"]):
        contract.check_query(each.method, each.path, each.query)
        assert each.body is None
        checked += 1

    assert checked > 20


@pytest.mark.parametrize("kind", [kind for name, kind in EACH_ACTION if name == "buildium"])
def test_every_request_of_buildium_is_one_its_document_takes(kind: str) -> None:
    mapping, contract = MAPPINGS["buildium"], buildium()
    full = contract.sample(contract.answer_schema("GET", "/leases/tenants/7"))
    full["PhoneNumbers"] = [{"Number": "(312) 555-0100", "Type": word} for word in ("Home", "Cell", "Office", "Fax")]
    count = Counter[str]()

    @given(effect=effects(mapping, kind, NUMBERS), is_long=st.booleans())
    def check(effect: Any, *, is_long: bool) -> None:
        record = exact(full if is_long else {**full, "PhoneNumbers": None, "EmergencyContact": None, "Email": None})
        try:
            for each in asked(mapping, effect, record=record):
                contract.check_query(each.method, each.path, each.query)
                if each.body is not None:
                    contract.check_body(each.method, each.path, each.body)
                    count[each.where] += 1
        except CannotSayError:
            count["refused before a byte leaves"] += 1

    check()
    assert any(count[where] for where in count if "refused" not in where) or kind == "cancel_move_out"


def test_the_strict_judge_bites() -> None:
    """A key that the document does not know, a word that is none of its, a wrong type."""
    contract = buildium()
    good = {
        "TotalAmount": 1.5, "Date": "2026-03-01", "PaymentMethod": "Cash", "SendEmailReceipt": False,
    }  # fmt: skip
    contract.check_body("POST", "/leases/7/autoallocatedpayments", good)
    for bad in ({"Amount": 1}, {"PaymentMethod": "Barter"}, {"Date": "03/01/2026"}, {"TotalAmount": "1.5"}):
        with pytest.raises(AssertionError):
            contract.check_body("POST", "/leases/7/autoallocatedpayments", {**good, **bad})
    with pytest.raises(AssertionError):
        contract.check_query("GET", "/rentals/units", {"properties": "1"})


def test_a_put_of_buildium_sends_every_writable_key_back_and_no_other() -> None:
    """What a PUT leaves out, the vendor clears."""
    mapping, contract = MAPPINGS["buildium"], buildium()
    schema = contract.answer_schema("GET", "/leases/tenants/7")
    record = contract.sample(schema)
    record["PhoneNumbers"] = [
        {"Number": f"555010{n}", "Type": word} for n, word in enumerate(("Home", "Cell", "Office", "Fax"))
    ]
    given_effect = {
        "kind": "change_contact",
        "account": "main",
        "facility": "F1",
        "tenant_id": "7",
        "changes": {"email": "n@x.test"},
    }

    from pmsbridge.actions.effects import effect_from_json

    requests = {
        each.where: each for each in asked(mapping, effect_from_json(json.dumps(given_effect)), record=exact(record))
    }
    body = requests["change_contact.edit"].body

    shape = contract.operation("PUT", "/leases/tenants/7")["requestBody"]["content"]["application/json"]["schema"]
    writable = contract._merged(shape)
    assert set(body) == set(writable["properties"])
    assert body["PhoneNumbers"] == {"Home": "5550100", "Mobile": "5550101", "Work": "5550102", "Fax": "5550103"}
    assert {key: body[key] for key in body if key not in {"Email", "PhoneNumbers"}} == {
        key: record[key] for key in body if key not in {"Email", "PhoneNumbers"}
    }


# answers of the OpenAPI document


def answers_of_buildium() -> Iterator[tuple[str, str, Any]]:
    """Noun, read and rows: full ones, and ones with nothing wherever the document allows that."""
    contract, mapping = buildium(), MAPPINGS["buildium"]
    for noun, entity in mapping.entities.items():
        for which in ("all", "one", "of_tenant", "of_rental"):
            reading = getattr(entity, which)
            if reading is None:
                continue
            path = next(each.path for each in reads(mapping) if each.where == f"entities.{noun}.{which}")
            schema = contract.answer_schema("GET", path)
            for bare in (False, True):
                rows = search(reading.rows, exact(contract.sample(schema, bare=bare)))
                for row in rows if isinstance(rows, list) else [rows] if rows else []:
                    yield noun, which, row


def test_every_answer_of_buildium_can_be_read() -> None:
    read = Counter[str]()
    for noun, which, row in answers_of_buildium():
        if noun == "ledger_entries":
            row["TransactionTypeEnum"] = "Charge"
        if noun == "notes" and row.get("Note") is None:
            row["Note"] = "A note"
        if noun == "units" and row.get("UnitNumber") is None:
            row["UnitNumber"] = "1"
        if noun == "tenants" and row.get("LastName") is None:
            row["LastName"] = "Lane"
        if noun == "rentals" and not row.get("Tenants"):
            row["Tenants"] = [{"Id": 7}]
        assert reader("buildium", noun).record(row).ref.id == ("F1" if noun == "facilities" else "7"), (noun, which)
        read[noun] += 1

    assert set(read) == set(MAPPINGS["buildium"].entities)


def test_a_kind_of_movement_that_nobody_mapped_makes_the_ledger_unreadable_rather_than_wrong() -> None:
    contract = buildium()
    schema = contract.answer_schema("GET", "/leases/7/transactions")
    words = contract._merged(contract._merged(schema["items"])["properties"]["TransactionTypeEnum"])["enum"]
    mapped = set(MAPPINGS["buildium"].codecs["entry_kind"].words)  # type: ignore[union-attr]
    assert mapped < set(words)
    for word in words:
        row = exact({**contract.sample(schema)[0], "TransactionTypeEnum": word, "TotalAmount": 12.5})
        if word not in mapped:
            with pytest.raises(RowError):
                reader("buildium", "ledger_entries").record(row)
            continue
        entry = reader("buildium", "ledger_entries").record(row)
        raises = entry.kind in {EntryKind.CHARGE, EntryKind.REFUND, EntryKind.REVERSAL}  # type: ignore[attr-defined]
        assert entry.effect == Money.of("12.50" if raises else "-12.50", "USD")  # type: ignore[attr-defined]


# requests against the vendor's own examples


EXAMPLES = {"cubby": "cubby-v1.examples.json", "booqable": "booqable-v4.examples.json"}


@pytest.mark.parametrize(("name", "kind"), [pair for pair in EACH_ACTION if pair[0] in EXAMPLES])
def test_what_is_sent_has_no_key_that_the_vendors_examples_do_not_have(name: str, kind: str) -> None:
    mapping, published = MAPPINGS[name], examples(EXAMPLES[name])
    prefix = "/" + mapping.connection.base_url.split("/", 3)[3]
    count = Counter[str]()

    @given(effect=effects(mapping, kind, WORDS))
    def check(effect: Any) -> None:
        try:
            for each in asked(mapping, effect):
                fitting = of(published, each, prefix=prefix)
                if each.method == "GET" and not fitting:
                    continue  # a list of one more noun: no body to compare
                assert fitting, f"{each.where}: no example of {each.method} {each.path}"
                found = unknown_keys(each.body, [one.get("request") for one in fitting])
                assert not {path for path in found if not mapping.contract.accepts(path)}, each.where
                count[each.where] += 1
        except CannotSayError:
            count["refused"] += 1

    check()
    assert any(count[where] for where in count if where != "refused")


@pytest.mark.parametrize(
    ("path", "body", "stranger"),
    [
        ("/leases/make-payment", {"leaseId": "lease_1", "paymentMethodId": "pm_1", "amount": 1500}, "moveOutDate"),
        ("/leases/enable-auto-pay", {"leaseId": "lease_1", "paymentMethodId": "pm_1"}, "amount"),
        ("/notes/create", {"leaseId": "lease_1", "text": "A note"}, "token"),
        ("/facilities/search", {"where": {"facilityId": "fac_1"}}, "facilityId"),
    ],
)
def test_an_operation_of_cubby_is_held_against_its_own_example_only(path: str, body: Any, stranger: str) -> None:
    (own,) = of(examples(EXAMPLES["cubby"]), Said("", "POST", path, {}, body), prefix="/v1")

    assert own["path"] == f"/v1{path}"
    assert list(unknown_keys(body, [own["request"]])) == []
    assert list(unknown_keys({**body, stranger: "a"}, [own["request"]])) == [stranger]


@pytest.mark.parametrize(
    ("example", "fits"),
    [
        ("/api/4/customers/2270a849-1797-436e-8b18-ef3fd6058a01", True),
        ("/api/4/customers/17", True),
        ("/api/4/customers/new", False),
        ("/api/4/customers/make-payment", False),
        ("/api/4/storefront/customers/17", False),
    ],
)
def test_in_the_path_of_an_example_a_number_or_a_uuid_is_an_id_and_a_word_is_none(example: str, fits: bool) -> None:
    assert is_example_of("/api/4/customers/cust_7", example) is fits


def test_reads_of_cubby_ask_by_one_id_that_its_page_names() -> None:
    """Of several ids the page takes one; dates, names and the state of a lease go beside it."""
    ids = {"facilityId", "customerId", "leaseId", "unitId", "organizationId"}
    for each in reads(MAPPINGS["cubby"]):
        assert each.method == "POST"
        if each.where in {"prepay", "entities.autopay.of_tenant"}:  # a price, and a report of the whole facility
            continue
        assert len(ids & set(each.body["where"])) == 1, each.where


# answers of the examples


_WHOLE = 4
"""Fewer keys: an example of asking for some of them only."""


def rows_of(name: str, noun: str) -> list[Any]:
    mapping = MAPPINGS[name]
    entity = mapping.entities[noun]
    found: list[Any] = []
    for which in ("all", "one", "of_tenant", "of_rental"):
        reading = getattr(entity, which)
        for one in examples(EXAMPLES[name]):
            if reading is None or one["method"] != reading.method or one.get("response") is None:
                continue
            if not any(reading is call for call in call_of(mapping, one["method"], one["path"])):
                continue
            answer = exact(one["response"])
            answer = unfolded(answer) if mapping.envelope.style == "jsonapi" else answer
            rows = search(reading.rows, search(mapping.envelope.data, answer))
            listed = rows if isinstance(rows, list) else [rows]
            found += [row for row in listed if row and not (name == "booqable" and len(row) < _WHOLE)]
    return found


@pytest.mark.parametrize(("name", "noun"), [(name, noun) for name in EXAMPLES for noun in MAPPINGS[name].entities])
def test_every_example_of_an_answer_can_be_read(name: str, noun: str) -> None:
    rows = rows_of(name, noun)

    assert rows, f"no example of {noun}"
    for row in rows:
        if noun == "payments" and name == "booqable" and row["type"] != "payment_charges":
            continue  # the read asks for charges only
        if noun == "rentals" and not row.get("customer_id", "cubby"):
            continue  # an order that nobody has asked for is not asked for either
        record = reader(name, noun).record(row)
        assert record.ref.id


def test_amounts_and_names_of_the_examples_are_what_a_person_would_say() -> None:
    lease = reader("cubby", "rentals").record(rows_of("cubby", "rentals")[0])
    assert (lease.rent, lease.leaving_on) == (Money.of("208.00", "USD"), date(2024, 7, 1))  # type: ignore[attr-defined]
    assert lease.state.value == "notice_given"  # type: ignore[attr-defined]
    order = rows_of("booqable", "rentals")[0]
    assert reader("booqable", "rentals").account(order) == {"ledger": Money.of("873.92", "USD")}
    customer = reader("booqable", "tenants").record(rows_of("booqable", "tenants")[0])
    assert customer.name == PersonName(first="John", last="Doe")  # type: ignore[attr-defined]


def test_the_ledger_of_cubbys_example_adds_up_to_the_balance_it_tells() -> None:
    """Moves between the prepaid balance and the lease are left out on both sides."""
    rows = rows_of("cubby", "ledger_entries")
    entries = [reader("cubby", "ledger_entries").record(row) for row in rows]
    (answer,) = [each["response"] for each in examples(EXAMPLES["cubby"]) if each["path"] == "/v1/ledgers/search"]
    (ledger,) = answer["data"]["ledgers"]

    told = reader("cubby", "rentals").account(exact(ledger))["ledger"]

    assert sum_money((entry.effect for entry in entries), "USD") == told == Money.of("15.00", "USD")  # type: ignore[attr-defined]
    assert {entry.kind for entry in entries} >= {EntryKind.CHARGE, EntryKind.TAX, EntryKind.PAYMENT, EntryKind.REFUND}  # type: ignore[attr-defined]


def test_what_months_ahead_cost_is_asked_and_read_as_in_cubbys_example() -> None:
    (example,) = [each for each in examples(EXAMPLES["cubby"]) if each["path"] == "/v1/leases/preview-charges"]
    mapping = MAPPINGS["cubby"]
    (question,) = [each for each in reads(mapping) if each.where == "prepay"]
    assert question.body == {"leaseId": "2001", "prepayMonths": 3}
    assert not set(unknown_keys(question.body, [example["request"]]))
    assert mapping.prepay is not None
    assert mapping.prepay.through is not None
    row = search(mapping.prepay.of_rental.rows, search(mapping.envelope.data, exact(example["response"])))

    fields = FieldReader(mapping, SCOPE)

    assert fields.value("future", mapping.prepay.future, PREPAY_FIELDS["future"], row) == Money.of("182.55", "USD")
    assert fields.value("through", mapping.prepay.through, PREPAY_FIELDS["through"], row) == date(2026, 8, 31)


# storEDGE: where somebody else's description is wrong; what its own pages say stands in the table of keys


def test_where_a_third_partys_description_of_storedge_is_wrong_is_known() -> None:
    """The vendor's pages are what the mapping keeps to; a change on either side shows here."""
    from pmsbridge_rest.spec import load_spec

    spec = load_spec(document("storedge-v1.thirdparty.openapi.yaml"))
    found = lint(FILES["storedge"].read_bytes(), spec=spec)

    wrong = sorted(each.key for each in found if each.level == "error")
    assert wrong == [
        "actions.change_contact.steps.0.put",
        "actions.set_autopay.steps.0.body.autopay",
        "actions.set_autopay.steps.0.body.payment_method",
        "actions.set_autopay.steps.1.body.autopay",
        "actions.set_autopay.steps.1.body.payment_method",
        "actions.take_payment.steps.0.body.payment",
        "actions.take_payment.steps.0.body.payment_method",
    ]


# codecs


_CAPITAL = st.from_regex(r"[A-Z][a-z]{1,9}", fullmatch=True)


def values(section: Any) -> st.SearchStrategy[Any]:
    """What a codec may be asked to spell, and a little more."""
    text = st.text(st.characters(codec="utf-8"), max_size=80)
    kinds: dict[str, st.SearchStrategy[Any]] = {
        "text": text,
        "integer": st.integers(-(10**12), 10**12),
        "decimal": st.decimals(allow_nan=False, allow_infinity=False, places=4),
        "boolean": st.booleans(),
        "money": st.integers(-(10**9), 10**9).map(lambda cents: Money.of(Decimal(cents) / 100, "USD")),
        "date": st.dates(date(1900, 1, 1), date(2200, 12, 31)),
        "instant": st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1)).map(lambda at: at.replace(tzinfo=UTC)),  # noqa: DTZ001
        "phone": st.from_regex(r"\+?[0-9 ()-]{7,20}", fullmatch=True).map(lambda raw: Phone(raw=raw)),
        "name": st.builds(PersonName, first=_CAPITAL, last=_CAPITAL),
        "enum": st.sampled_from(sorted(set(getattr(section, "words", {"": ""}).values()))),
        "words": st.frozensets(st.from_regex(r"[a-z]{1,6}", fullmatch=True)),
    }  # fmt: skip
    return kinds[section.kind]


EACH_CODEC = [(name, codec) for name, mapping in MAPPINGS.items() for codec in mapping.codecs]


@pytest.mark.parametrize(("name", "codec"), EACH_CODEC)
def test_what_a_codec_writes_it_reads_back_as_the_same(name: str, codec: str) -> None:
    section = MAPPINGS[name].codecs[codec]
    made = codec_of(section)
    said = Counter[str]()

    @given(value=values(section))
    def check(value: Any) -> None:
        try:
            raw = say(made, value, SCENE)
        except CodecError:
            said["refused"] += 1
            return
        wire = read_json(write_json({"value": raw}))["value"]
        assert made.is_same(made.decode(wire, SCENE), value, SCENE)
        said["said"] += 1

    check()
    only_read = set(getattr(section, "words", {}).values()) - set(getattr(section, "write", None) or {})
    assert said["said"] or (section.kind == "enum" and only_read)


@pytest.mark.parametrize(
    ("name", "codec"), [pair for pair in EACH_CODEC if MAPPINGS[pair[0]].codecs[pair[1]].kind == "enum"]
)
def test_every_word_of_the_vendor_reads_as_ours(name: str, codec: str) -> None:
    section = MAPPINGS[name].codecs[codec]
    made = codec_of(section)

    for vendor, ours in section.words.items():  # type: ignore[union-attr]
        assert made.decode(vendor, SCENE) == ours


def test_a_day_is_the_one_an_instant_lies_in_at_the_facility() -> None:
    section = MAPPINGS["booqable"].codecs["day_of"]
    made = codec_of(section)

    assert made.decode("2026-03-02T04:30:00.000000+00:00", SCENE) == date(2026, 3, 1)
    assert made.decode("2026-03-02", SCENE) == date(2026, 3, 2)
    with pytest.raises(CodecError):
        made.decode("2026-03-02T04:30:00", SCENE)
    assert timedelta(0) == date(2026, 3, 2) - made.decode(say(made, date(2026, 3, 2), SCENE), SCENE)
