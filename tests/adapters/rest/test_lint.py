from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from pmsbridge.errors import ConfigurationError
from pmsbridge_rest.lint import lint
from pmsbridge_rest.lint.against_examples import Example, load_examples
from pmsbridge_rest.lint.of_which_call import call_of
from pmsbridge_rest.mapping.document import Mapping
from pmsbridge_rest.mapping.poison import poisonous
from pmsbridge_rest.mapping.problems import Problem
from pmsbridge_rest.mapping.reading import read_mapping
from pmsbridge_rest.mapping.walking import sections_of
from pmsbridge_rest.spec import Spec, load_spec

FOLDER = Path(__file__).parent
HARBOR = (FOLDER / "harbor.yaml").read_text(encoding="utf-8")
OPENAPI = FOLDER / "harbor_openapi.yaml"


def findings(old: str = "", new: str = "", **how: Any) -> list[Problem]:
    assert not old or HARBOR.count(old) == 1, HARBOR.count(old)
    return lint((HARBOR.replace(old, new) if old else HARBOR).encode(), **how)


def test_a_good_mapping_has_no_findings() -> None:
    assert findings() == []


PAY_KEY = HARBOR[
    HARBOR.index("        idempotency:\n          by: client_reference") : HARBOR.index(
        "        outcome:\n          declined:"
    )
]
STATE_MATCH = 'match: {leaving: "{effect.leaving_on|us_date}"}}\n        verify'

PLANTED: list[tuple[str, str, str, str, str]] = [
    ("api_version:", "api_versoin:", "error", "unknown_key", "vendor.api_versoin"),
    (
        "          method: online\n",
        "          card_number: online\n",
        "error",
        "poison_key",
        "actions.take_payment.steps.0.body.card_number",
    ),
    (
        "          method: online\n",
        "          method: {cvv: x}\n",
        "error",
        "poison_key",
        "actions.take_payment.steps.0.body.method.cvv",
    ),
    ("how_found}", "ssn}", "error", "poison_key", "entities.tenants.extra.source"),
    (
        "address.line1: address.street1",
        "address.line1: gateCode",
        "error",
        "poison_key",
        "entities.tenants.fields.address.line1.at",
    ),
    (PAY_KEY, "        idempotency: none\n", "error", "money_without_key", "actions.take_payment.steps.0.idempotency"),
    (
        PAY_KEY,
        "        idempotency: {by: header, name: Idempotency-Key}\n",
        "warning",
        "key_without_look",
        "actions.take_payment.steps.0.idempotency",
    ),
    (
        PAY_KEY,
        "        idempotency: {by: body_field, at: key}\n",
        "warning",
        "key_without_look",
        "actions.take_payment.steps.0.idempotency",
    ),
    (
        'match: {reference: "{effect.reference}", amount_cents: "{effect.total|cents}"}',
        "match: {state: done}",
        "error",
        "unbound_look",
        "actions.take_payment.steps.0.idempotency.look_up.match",
    ),
    (
        '          reference: "{effect.reference}"\n',
        "          reference: the portal\n",
        "error",
        "unsent_reference",
        "actions.take_payment.steps.0.idempotency.look_up.match",
    ),
    (
        PAY_KEY,
        PAY_KEY.replace("client_reference", "natural_key").replace(', amount_cents: "{effect.total|cents}"', ""),
        "error",
        "unbound_look",
        "actions.take_payment.steps.0.idempotency.look_up.match",
    ),
    (
        STATE_MATCH,
        STATE_MATCH.replace('"{effect.leaving_on|us_date}"', "soon"),
        "warning",
        "unbound_look",
        "actions.schedule_move_out.steps.0.idempotency.look_up.match",
    ),
    (
        '          amount_cents: "{effect.total|cents}"\n',
        '          amount_cents: "{effect.total}"\n',
        "error",
        "money_without_codec",
        "actions.take_payment.steps.0.body.amount_cents",
    ),
    (
        '          amount_cents: "{effect.total|cents}"\n',
        '          amount_cents: "{effect.total|text}"\n',
        "error",
        "wrong_codec",
        "actions.take_payment.steps.0.body.amount_cents",
    ),
    (
        "rent: {at: rent_cents, codec: cents}",
        "rent: rent_cents",
        "error",
        "money_without_codec",
        "entities.rentals.fields.rent",
    ),
    ("    accepts: {means.by: external}\n", "", "error", "sealed_value", "actions.take_payment.accepts"),
    (
        "accepts: {means.by: external}",
        "accepts: {means.by: [external, card]}",
        "error",
        "sealed_value",
        "actions.take_payment.accepts",
    ),
    ("evidence: sandbox", "evidence: guess", "warning", "guess", "vendor.evidence"),
    (
        "      name.first: first_name\n",
        "      name.first: id\n",
        "error",
        "read_only_written",
        "entities.tenants.fields.name.first",
    ),
    (
        "body: {customer: {$record: changes}}",
        "body: {no_portal: x}",
        "error",
        "read_only_written",
        "actions.change_contact.steps.0.body.no_portal",
    ),
    (", within: 5s}", ", within: 40s}", "error", "too_long", "actions.schedule_move_out.steps.0.verify.within"),
    (
        "            outputs: {payment: id}\n        outcome",
        "            outputs: {payment: id}\n            lag: 2m\n        outcome",
        "error",
        "too_long",
        "actions.take_payment.steps.0.idempotency.look_up.lag",
    ),
    (", sort: {order: id}}", "}", "warning", "moving_pages", "pagination.pages"),
    (
        'all: {get: "/sites/{option.site}/units", paginate: pages}',
        'all: {get: "/sites/{option.site}/units"}',
        "warning",
        "unpaged_list",
        "entities.units.all",
    ),
    ("  set_autopay: {because: the vendor has no call for it}\n", "", "warning", "silent_gap", "actions"),
    ("    reverses: schedule_move_out\n", "", "warning", "silent_reversal", "actions.cancel_move_out"),
    (
        "    reverses: schedule_move_out\n",
        "    reverses: add_note\n",
        "error",
        "wrong_reversal",
        "actions.cancel_move_out.reverses",
    ),
    (
        "  add_note:\n",
        "  add_note:\n    reverses: take_payment\n",
        "error",
        "wrong_reversal",
        "actions.add_note.reverses",
    ),
    ("codecs:\n", "codecs:\n  spare: {kind: text}\n", "warning", "unused_name", "codecs.spare"),
    ("  secrets:\n", "  secrets:\n    spare: Another\n", "warning", "unused_name", "connection.secrets.spare"),
]


@pytest.mark.parametrize(("old", "new", "level", "rule", "key"), PLANTED, ids=[f"{r[3]} {r[4]}" for r in PLANTED])
def test_a_planted_fault_is_found_and_nothing_else(old: str, new: str, level: str, rule: str, key: str) -> None:
    found = findings(old, new)

    assert [(each.level, each.rule, each.key) for each in found] == [(level, rule, key)]


def test_a_guess_is_an_error_in_production() -> None:
    (found,) = findings("evidence: sandbox", "evidence: guess", production=True)

    assert (found.level, found.rule) == ("error", "guess_in_production")
    assert findings("evidence: sandbox", "evidence: official_spec", production=True) == []


def test_money_by_a_strangers_word_is_an_error_in_production() -> None:
    (found,) = findings("evidence: sandbox", "evidence: third_party_spec", production=True)

    assert found.rule == "guess_in_production"


@pytest.mark.parametrize(
    "name",
    ["pan", "PAN", "card_number", "cardNumber", "CreditCardNum", "cc_number", "ccNo", "cvv", "CVV2", "cvc", "cardCode",
     "security_code", "ssn", "SocialSecurityNumber", "gate_code", "accessCode", "password", "routing_number", "iban"],
)  # fmt: skip
def test_a_poisonous_key_is_known_in_every_spelling(name: str) -> None:
    assert poisonous(name)


@pytest.mark.parametrize(
    "name",
    ["account_number", "card_id", "span", "company", "payment_method_id", "postal_code", "cardholder", "state_code"],
)
def test_a_harmless_key_is_left_alone(name: str) -> None:
    assert not poisonous(name)


STORED = """
  payment_methods:
    of_tenant: {get: "/customers/{read.tenant_id}/cards"}
    fields:
      id: id
      tenant_id: {value: "{read.tenant_id}"}
      face.brand: {at: card_type, codec: brand}
      face.last4: {at: card_number, codec: CODEC}
"""


@pytest.mark.parametrize(("codec", "rules"), [("last_digits", set()), ("text", {"poison_key"})])
def test_a_masked_number_may_be_read_for_its_last_digits_and_for_nothing_else(codec: str, rules: set[str]) -> None:
    text = stored("card_number", codec)

    found = [each for each in lint(text.encode()) if each.level == "error"]

    assert {each.rule for each in found} == rules


@pytest.mark.parametrize("name", ["card_number", "cardNo", "cc_number", "PAN", "bank_account_number", "iban"])
def test_a_masked_number_of_a_card_or_an_account_may_be_cut(name: str) -> None:
    assert [each for each in lint(stored(name).encode()) if each.level == "error"] == []


@pytest.mark.parametrize(
    "name",
    ["gate_code", "accessCode", "pin_code", "card_pin", "cvv", "CVV2", "cid_code", "security_code", "cvv_number",
     "card_number_cvc", "card_number_pin", "gate_card_number", "cc_code", "password", "ssn",
     "track_2_data", "routing_number"],
)  # fmt: skip
def test_what_is_no_masked_number_is_never_cut(name: str) -> None:
    assert {each.rule for each in lint(stored(name).encode()) if each.level == "error"} == {"poison_key"}


@pytest.mark.parametrize("name", ["gate_code", "card_number"])
def test_a_number_is_cut_for_the_face_of_a_stored_method_alone(name: str) -> None:
    text = HARBOR.replace("label\n", f"label\n      type_name: {{at: {name}, codec: last_digits}}\n", 1)

    assert "poison_key" in {each.rule for each in lint(text.encode()) if each.level == "error"}


def stored(name: str, codec: str = "last_digits") -> str:
    """The mapping with stored methods whose last digits stand at a place of that name."""
    made = STORED.replace("card_number", name).replace("CODEC", codec) + "\nactions:\n"
    text = HARBOR.replace("\nactions:\n", made, 1)
    return text.replace("codecs:\n", "codecs:\n  brand: {kind: enum, words: {visa: visa}}\n", 1)


# against the vendor's own document


@pytest.fixture(scope="module")
def spec() -> Spec:
    return load_spec(OPENAPI)


def about(found: list[Problem], *keys: str) -> list[tuple[str, str, str]]:
    return [(each.level, each.rule, each.key) for each in found if any(key in each.key for key in keys)]


PAY = "take_payment"


def test_a_step_that_the_document_describes_has_no_findings(spec: Spec) -> None:
    assert about(findings(spec=spec), PAY) == []


def test_an_operation_that_the_document_does_not_have_is_an_error_for_a_step(spec: Spec) -> None:
    found = about(findings(spec=spec), "schedule_move_out.steps.0.put")

    assert found == [("error", "no_operation", "actions.schedule_move_out.steps.0.put")]


def test_a_required_key_that_is_not_sent_is_found(spec: Spec) -> None:
    found = findings("          method: online\n", "", spec=spec)

    assert about(found, PAY) == [("error", "missing_required", "actions.take_payment.steps.0.body")]


def test_a_key_that_the_document_does_not_know_is_found_with_the_nearest(spec: Spec) -> None:
    found = findings("          method: online\n", "          method: online\n          amount_cent: 1\n", spec=spec)

    (problem,) = [each for each in found if each.rule == "unknown_to_vendor" and PAY in each.key]
    assert "Did you mean amount_cents?" in problem.what


def explained(key: str, text: str = HARBOR) -> bytes:
    """The mapping, saying that a key of its bodies is right."""
    section = f"\ncontract: {{accept: {{{key}: named in the vendor's prose only}}}}\nconnection:\n"
    return text.replace("\nconnection:\n", section).encode()


@pytest.mark.parametrize(("key", "is_accepted"), [("odd", True), ("gateway.odd", True), ("odd.gateway", False)])
def test_a_key_that_the_mapping_explains_is_accepted_where_it_says(
    spec: Spec, tmp_path: Path, key: str, *, is_accepted: bool
) -> None:
    text = explained(key, HARBOR.replace("gateway: {name:", "gateway: {odd: 1, name:"))
    examples = published(tmp_path, {"method": "POST", "path": "/leases/77/payments", "request": PAID})

    found = about(lint(text, spec=spec, examples=examples), PAY)

    where = "actions.take_payment.steps.0.body.gateway.odd"
    both = [("error", "unknown_to_vendor", where), ("warning", "not_in_examples", where)]
    assert sorted(found) == ([] if is_accepted else both)


def test_what_is_explained_elsewhere_in_a_body_is_not_explained_here(spec: Spec) -> None:
    text = HARBOR.replace("          method: online\n", "          method: online\n          odd: 1\n")

    assert about(lint(explained("odd", text), spec=spec), PAY) == []
    (found,) = about(lint(explained("gateway.odd", text), spec=spec), PAY)
    assert found == ("error", "unknown_to_vendor", "actions.take_payment.steps.0.body.odd")


def test_a_key_that_the_document_says_is_only_read_is_found(spec: Spec) -> None:
    found = findings("          method: online\n", "          method: online\n          id: x\n", spec=spec)

    assert about(found, PAY) == [("error", "read_only_written", "actions.take_payment.steps.0.body.id")]


def test_the_fields_of_an_update_are_held_against_the_document(spec: Spec) -> None:
    assert about(findings(spec=spec), "change_contact") == []

    found = findings("      email: email\n", "      email: e_mail\n", spec=spec)

    assert ("error", "unknown_to_vendor", "actions.change_contact.steps.0.body.customer.e_mail") in about(
        found, "change_contact"
    )


def test_a_document_that_is_none_is_refused(tmp_path: Path) -> None:
    for name, text in (("a.json", "{"), ("b.yaml", "a: [1"), ("c.json", '{"swagger": "2.0"}'), ("d.yaml", "[]")):
        (tmp_path / name).write_text(text, encoding="utf-8")
        with pytest.raises(ConfigurationError):
            load_spec(tmp_path / name)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_spec(tmp_path / "absent.json")


def test_a_document_that_refers_to_itself_is_read_to_an_end() -> None:
    looping = Spec({"components": {"a": {"$ref": "#/components/a"}, "b": {"allOf": [{"$ref": "#/components/b"}]}}})

    assert looping.resolved({"$ref": "#/components/a"}) == {}
    assert looping.shape({"$ref": "#/components/b"}).is_open in {True, False}


# against the vendor's own examples

PAID = {"amount_cents": 100, "paid_on": "01/31/2026", "method": "online", "reference": "r",
        "gateway": {"name": "g", "id": "1"}}  # fmt: skip
UNIT_ROW = {"id": 7, "label": "A1", "status": "free", "rate_cents": 100}


def published(folder: Path, *operations: dict[str, Any]) -> list[Example]:
    file = folder / "examples.json"
    file.write_text(json.dumps({"operations": operations}), encoding="utf-8")
    return load_examples(file)


def test_examples_that_agree_have_no_findings(tmp_path: Path) -> None:
    examples = published(
        tmp_path,
        {"method": "POST", "url": "/api/v3/leases/77/payments?x=1", "request": PAID},
        {"method": "get", "path": "/units/7", "response": {"ok": True, "data": UNIT_ROW}},
        {"method": "GET", "path": "/sites/1/units", "response": {"ok": True, "data": [UNIT_ROW, {}]}},
    )

    assert findings(examples=examples) == []


def test_a_key_that_no_example_has_is_a_doubt(tmp_path: Path) -> None:
    operations = [{"method": "POST", "path": "/leases/77/payments", "request": {**PAID, "gateway": {"name": "g"}}}]

    found = findings(examples=published(tmp_path, *operations))

    assert about(found, PAY) == [("warning", "not_in_examples", "actions.take_payment.steps.0.body.gateway.id")]


def test_an_example_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    rows = [{**UNIT_ROW, "rate_cents": "1.5"}, UNIT_ROW, {"label": "no id"}]
    operation = {"method": "GET", "path": "/sites/1/units", "response": {"data": rows}}

    found = findings(examples=published(tmp_path, operation))

    assert {(each.level, each.rule, each.key) for each in found} == {
        ("error", "unreadable_example", "entities.units.all")
    }
    assert len(found) == 2
    assert "asking_rate" in found[0].what


JSONAPI = """
pmsmap: 1
vendor: {name: depot, title: Depot, api_version: "1", evidence: vendor_docs, source: the page}
connection: {base_url: "https://api.depot.example"}
envelope: {style: jsonapi, data: data}
codecs: {free_or_let: {kind: enum, words: {free: vacant, let: occupied}}}
pagination: {pages: {style: page, sort: {sort: id}}}
entities:
  units:
    all: {get: /units, paginate: pages, where: {archived: false, site: "{facility.code}"}}
    fields: {id: id, number: label, type_name: kind.name, state: {at: status, codec: free_or_let}}
"""


def resource_of(number: str, **attributes: Any) -> dict[str, Any]:
    return {
        "id": number,
        "type": "units",
        "attributes": {"label": "A", "status": "free", "archived": False, **attributes},
    }


def test_resources_of_json_api_are_read_as_the_wire_puts_them_together(tmp_path: Path) -> None:
    rows = [resource_of("1"), resource_of("2", label=None, archived=True), resource_of("3", status="let")]
    kind = {"data": {"type": "kinds", "id": "9"}}
    document = {
        "data": [{**row, "relationships": {"kind": kind}} for row in rows],
        "included": [{"type": "kinds", "id": "9", "attributes": {"name": "Box"}}],
    }
    good = {"method": "GET", "path": "/units", "response": document}
    bad = {"method": "GET", "path": "/units", "response": {"data": [resource_of("4", label=None)]}}
    cut = {"method": "GET", "path": "/units", "response": {"data": ["4"]}}

    assert unreadable(lint(JSONAPI.encode(), examples=published(tmp_path, good, cut))) == []
    (said,) = unreadable(lint(JSONAPI.encode(), examples=published(tmp_path, good, bad)))
    assert said.startswith("entities.units.all: ")
    assert "number" in said


def unreadable(found: list[Problem]) -> list[str]:
    return [f"{each.key}: {each.what}" for each in found if each.rule == "unreadable_example"]


@pytest.mark.parametrize(
    ("action", "announce", "rule"),
    [
        ("change_contact", "[note, mail]", None),
        ("change_contact", "[]", None),
        ("take_payment", "[note]", "not_told"),
        ("change_contact", "[letter]", "format"),
    ],
)
def test_how_staff_are_told_belongs_to_what_they_are_told_of(action: str, announce: str, rule: str | None) -> None:
    found = findings(f"  {action}:\n", f"  {action}:\n    announce: {announce}\n")

    assert [each.rule for each in found if "announce" in each.key] == ([rule] if rule else [])


SUMMED = "  rentals:\n    ledger_is_summed: true\n"


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("  rentals:\n", SUMMED, "both"),
        ("  units:\n", "  units:\n    ledger_is_summed: true\n", "wrong_place"),
    ],
)
def test_a_balance_comes_from_one_place(old: str, new: str, rule: str) -> None:
    assert [each.rule for each in findings(old, new) if "ledger_is_summed" in each.key] == [rule]


def test_a_ledger_that_nobody_reads_cannot_be_summed_up() -> None:
    said = yaml.safe_load(HARBOR)
    said["entities"]["rentals"]["ledger_is_summed"] = True
    del said["entities"]["rentals"]["account"]["ledger"]
    said["entities"]["ledger_entries"]["all"] = said["entities"]["ledger_entries"].pop("of_rental")

    found = lint(json.dumps(said).encode())

    assert [each.rule for each in found if "ledger_is_summed" in each.key] == ["no_read"]


@pytest.mark.parametrize("text", ["{", "[]", '{"operations": 5}', '{"operations": [{}]}', '{"operations": ["x"]}'])
def test_a_file_that_holds_no_examples_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "e.json").write_text(text, encoding="utf-8")

    with pytest.raises(ConfigurationError, match="operations"):
        load_examples(tmp_path / "e.json")


OF_WHICH: dict[tuple[str, str], set[str]] = {
    ("GET", "/units/7"): {"entities.units.one"},
    ("GET", "/v3/units/7"): {"entities.units.one"},
    ("GET", "/api/v3/units/7"): {"entities.units.one"},
    ("get", "/api/v3/units/{unitId}"): {"entities.units.one"},
    ("GET", "/api/v3/units/u_00a1"): {"entities.units.one"},
    ("POST", "/units/7"): set(),
    ("GET", "/old/units/7"): set(),
    ("GET", "/api/units/7"): set(),
    ("GET", "/sites/1/units/7"): set(),
    ("GET", "/units/search"): set(),
    ("GET", "/customers"): {"entities.tenants.search"},
    ("GET", "/sites/1/customers"): {"entities.tenants.all"},
    ("GET", "/sites/north/customers"): {"entities.tenants.all"},
    ("GET", "/api/v3/customers/9"): {
        "entities.tenants.one", "actions.change_contact.steps.0.idempotency.look_up",
    },
    ("POST", "/leases/77/payments"): {"actions.take_payment.steps.0"},
    ("POST", "/archive/leases/77/payments"): set(),
    ("GET", "https://acme.harbor.example/api/v3/units/7"): {"entities.units.one"},
    ("GET", "https://test.harbor.example:8443/api/v3/units/7?with=all#top"): {"entities.units.one"},
    ("GET", "https://[company].harbor.example/api/v3/units/7/"): {"entities.units.one"},
    ("GET", "https://acme.harbor.example/api/v2/units/7"): set(),
    ("GET", "https://acme.harbor.example/units/7"): set(),
    ("POST", "https://acme.harbor.example/api/v3/leases/77/payments"): {"actions.take_payment.steps.0"},
}  # fmt: skip


@pytest.mark.parametrize(("method", "path", "keys"), [(*given, keys) for given, keys in OF_WHICH.items()])
def test_an_example_is_of_the_call_whose_every_step_it_has(
    harbor: Mapping, method: str, path: str, keys: set[str]
) -> None:
    names = {id(section): ".".join(map(str, key)) for key, section in sections_of(harbor)}

    assert {names[id(call)] for call in call_of(harbor, method, path)} == keys


WHOLE_PLACES = {
    "{option.company}": {
        "https://a.example/units/7": True, "https://a.example/deep/er/api/units/7": True, "/any/base/units/7": True,
        "/units/7": True, "https://a.example/units": False, "https://a.example/units/7/more": False,
    },
    "{option.company}/v3": {
        "https://a.example/deep/v3/units/7": True, "https://a.example/v3/units/7": True, "/units/7": True,
        "https://a.example/v4/units/7": False,
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("base", "path", "fits"),
    [(base, path, fits) for base, paths in WHOLE_PLACES.items() for path, fits in paths.items()],
)
def test_a_base_address_that_is_a_place_stands_for_any_number_of_steps(
    harbor: Mapping, base: str, path: str, fits: bool
) -> None:
    connection = harbor.connection.model_copy(update={"base_url": base})
    open_based = harbor.model_copy(update={"connection": connection})
    one = harbor.entities["units"].one

    assert (one in call_of(open_based, "GET", path)) is fits


def test_an_example_with_a_full_address_is_held_against_its_call(tmp_path: Path) -> None:
    good = {"method": "GET", "url": "https://acme.harbor.example/api/v3/sites/1/units", "response": {"ok": True}}
    bad = {**good, "response": {"ok": True, "data": [{**UNIT_ROW, "status": "melted"}, {"no": "id"}]}}

    assert findings(examples=published(tmp_path, good)) == []
    assert [each.rule for each in findings(examples=published(tmp_path, good, bad))] == ["unreadable_example"]


def test_an_example_is_of_the_more_exact_of_two_calls() -> None:
    text = HARBOR.replace('one: {get: "/sites/{option.site}"}', "one: {get: /leases/L-1}")
    mapping = read_mapping(text.encode(), file="harbor.yaml")

    assert [call.path for call in call_of(mapping, "GET", "/leases/L-1")] == ["/leases/L-1"]
    assert {call.path for call in call_of(mapping, "GET", "/leases/L-2")} >= {"/leases/{read.id}"}


def test_examples_that_are_of_no_call_are_named(tmp_path: Path) -> None:
    ours = {"method": "GET", "path": "/sites/1/units", "response": {"ok": True, "data": [UNIT_ROW]}}
    theirs = [{"method": "POST", "path": "/locks"}, {"method": "GET", "path": "/v9/units"}]

    (some,) = findings(examples=published(tmp_path, ours, *theirs))
    (none,) = findings(examples=published(tmp_path, *theirs))

    assert (some.level, some.rule, none.level, none.rule) == ("note", "examples_unused", "warning", "no_example_fits")
    assert some.what == "2 of 3 examples are of no call that the mapping makes: POST /locks, GET /v9/units"
