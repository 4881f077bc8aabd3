from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from pmsbridge.cli.running import run
from pmsbridge.errors import ConfigurationError
from pmsbridge_rest import mapping_tools
from pmsbridge_rest.lint import lint
from pmsbridge_rest.mapping import schema
from pmsbridge_rest.mapping.document import Mapping
from pmsbridge_rest.mapping.model_fields import ACTIONS
from pmsbridge_rest.mapping.reading import examine
from pmsbridge_rest.mapping.yaml_nodes import read_tree
from pmsbridge_rest.previewing import preview
from pmsbridge_rest.samples import sample_effects
from pmsbridge_rest.scaffold import scaffold
from pmsbridge_rest.scaffold.spelling import as_yaml
from pmsbridge_rest.spec import Spec
from pmsbridge_rest.tools import MappingTools

FOLDER = Path(__file__).parent
HARBOR = FOLDER / "harbor.yaml"
ROOT = FOLDER.parents[2]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Any:
    def ask(*words: str | Path) -> tuple[int, str, str]:
        code = run(["map", *map(str, words)])
        caught = capsys.readouterr()
        return code, caught.out, caught.err

    return ask


# try


def test_every_action_of_the_sample_shows_what_it_would_send(harbor: Mapping) -> None:
    for action in harbor.actions:
        shown = preview(harbor, action)
        assert [each.purpose for each in shown if each.purpose == "send"] == ["send"]
        assert all(each.url.startswith("https://COMPANY.harbor.example/api/v3/") for each in shown)


def test_every_effect_that_can_be_mapped_has_a_sample() -> None:
    from datetime import date

    for kind in ACTIONS:
        made = sample_effects(kind, today=date(2026, 7, 1), currency="USD")
        assert all(effect.kind == kind for effect in made)  # type: ignore[attr-defined]
        assert made or kind in {"set_web_password", "change_access_code"}


def test_secrets_are_shown_by_their_names(harbor: Mapping) -> None:
    (first, *_) = preview(harbor, "add_note")

    assert first.headers["X-Client-Secret"] == "<secret client_secret>"


def test_an_edit_shows_the_read_that_comes_first(harbor: Mapping) -> None:
    shown = preview(harbor, "change_contact")

    assert [each.purpose for each in shown] == ["read first", "send", "look"]
    assert shown[0].url.endswith("/customers/1001")
    assert shown[1].body == {"customer": {"email": "new@example.test", "rev": "(as read)"}}


def test_an_effect_of_ones_own_is_taken_from_a_file(tmp_path: Path) -> None:
    effect = tmp_path / "effect.json"
    note = {"kind": "add_note", "account": "main", "facility": "F1", "tenant_id": "T9", "rental_id": "R9"}
    effect.write_text(json.dumps({**note, "text": "Hello", "reference": "PB-ABCDEF"}), encoding="utf-8")

    (first, *_) = MappingTools().preview(HARBOR, "add_note", effect=effect)

    assert first["url"].endswith("/customers/T9/notes")
    assert first["body"]["text"] == "Hello [PB-ABCDEF]"
    with pytest.raises(ConfigurationError, match="kind"):
        MappingTools().preview(HARBOR, "post_bulletin", effect=effect)
    effect.write_text(json.dumps({**note, "reference": "PB-ABCDEF", "text": ""}), encoding="utf-8")
    with pytest.raises(ConfigurationError, match="not an effect"):
        MappingTools().preview(HARBOR, "add_note", effect=effect)


def test_an_effect_that_cannot_be_said_says_so_and_sends_nothing(tmp_path: Path) -> None:
    effect = tmp_path / "effect.json"
    note = {"kind": "add_note", "account": "main", "facility": "F1", "tenant_id": "T9", "rental_id": "R9"}
    effect.write_text(json.dumps({**note, "text": "x" * 600, "reference": "PB-ABCDEF"}), encoding="utf-8")

    with pytest.raises(ConfigurationError, match="Nothing would be sent"):
        MappingTools().preview(HARBOR, "add_note", effect=effect)


def test_an_option_must_be_one_of_the_mapping_and_look_like_it() -> None:
    with pytest.raises(ConfigurationError, match="no such option"):
        MappingTools().preview(HARBOR, "add_note", options={"sight": "1"})
    with pytest.raises(ConfigurationError, match="look like"):
        MappingTools().preview(HARBOR, "add_note", options={"site": "x/../y"})


# the command


def test_the_command_lints_with_an_exit_code(command: Any, tmp_path: Path) -> None:
    code, out, err = command("lint", HARBOR)
    assert (code, out) == (0, "")
    assert "0 wrong" in err

    broken = tmp_path / "broken.yaml"
    broken.write_text(HARBOR.read_text(encoding="utf-8").replace("evidence:", "evidenc:"), encoding="utf-8")
    code, out, _ = command("lint", broken)
    assert code == 1
    assert f"{broken}:7:3: error: vendor.evidenc: no such key. Did you mean evidence? [unknown_key]" in out.splitlines()

    code, out, _ = command("lint", broken, "--json")
    assert json.loads(out)["errors"] == 2


def test_the_command_finds_the_document_that_the_mapping_names(command: Any, tmp_path: Path) -> None:
    text = HARBOR.read_text(encoding="utf-8").replace(
        "\nconnection:\n", "\ncontract: {openapi: spec.yaml}\nconnection:\n"
    )
    (tmp_path / "m.yaml").write_text(text, encoding="utf-8")
    assert command("lint", tmp_path / "m.yaml")[0] == 0

    shutil.copy(FOLDER / "harbor_openapi.yaml", tmp_path / "spec.yaml")
    code, out, _ = command("lint", tmp_path / "m.yaml")

    assert code == 1
    assert "no_operation" in out


def test_the_command_shows_a_request(command: Any) -> None:
    code, out, _ = command("try", HARBOR, "take_payment", "--set", "company=dock")

    assert code == 0
    assert "POST https://dock.harbor.example/api/v3/leases/2001/payments" in out
    assert '"amount_cents": 12005' in out
    assert command("try", HARBOR, "take_paymnt")[0] == 4
    assert command("try", HARBOR, "--set", "company")[0] == 2


def test_a_number_is_shown_as_a_number(command: Any, tmp_path: Path) -> None:
    text = HARBOR.read_text(encoding="utf-8").replace(
        'amount_cents: "{effect.total|cents}"\n', 'amount_cents: "{effect.total|amount_number}"\n'
    )
    (tmp_path / "m.yaml").write_text(text, encoding="utf-8")

    _, out, _ = command("try", tmp_path / "m.yaml", "take_payment")

    assert '"amount_cents": 120.05,' in out


def test_the_command_drafts_a_mapping_and_overwrites_nothing(command: Any, tmp_path: Path) -> None:
    target = tmp_path / "draft.yaml"

    assert command("scaffold", FOLDER / "harbor_openapi.yaml", "--output", target)[0] == 0
    assert examine(target.read_bytes()).problems == ()
    assert command("scaffold", FOLDER / "harbor_openapi.yaml", "--output", target)[0] == 4
    assert command("scaffold", FOLDER / "harbor_openapi.yaml", "--evidence", "hearsay")[0] == 4
    assert command("scaffold", HARBOR)[0] == 4
    assert command("lint", HARBOR, "--format", "rset")[0] == 2


def test_the_command_prints_the_schema_that_a_draft_names_in_its_first_line(command: Any) -> None:
    code, out, _ = command("schema")
    assert (code, json.loads(out)) == (0, schema.mapping_schema())

    _, draft, _ = command("scaffold", FOLDER / "harbor_openapi.yaml")

    assert draft.splitlines()[0] == f"# yaml-language-server: $schema={schema.FILE}"
    Draft202012Validator(json.loads(out)).validate(read_tree(draft.encode())[0].data)


def test_what_is_not_installed_is_named_with_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapping_tools, "find_spec", lambda name: None if name == "yaml" else object())

    with pytest.raises(ConfigurationError, match=r"yaml: pip install 'pmsbridge\[rest\]'"):
        _ = mapping_tools.plugin


# scaffold

TEXT = {"type": "string"}
NUMBER = {"type": "number"}


def listed(row: dict[str, Any], *, wrapped: str = "") -> dict[str, Any]:
    rows: dict[str, Any] = {"type": "array", "items": row}
    schema = {"type": "object", "properties": {wrapped: rows}} if wrapped else rows
    query = [{"name": name, "in": "query"} for name in ("page", "per_page")]
    return {"parameters": query, "responses": {"200": {"content": {"application/json": {"schema": schema}}}}}


def single(row: dict[str, Any]) -> dict[str, Any]:
    return {"responses": {"200": {"content": {"application/json": {"schema": row}}}}}


def sent(row: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"content": {"application/json": {"schema": row}}}, "responses": {}}


ADDRESS = {"type": "object", "properties": {"street1": TEXT, "city": TEXT, "zip": TEXT}}
CUSTOMER = {"type": "object", "properties": {"id": {"type": "integer"}, "firstName": TEXT, "lastName": TEXT,
            "ssn": TEXT, "email": TEXT, "address": ADDRESS}}  # fmt: skip
UNIT = {"type": "object", "properties": {"unit_id": TEXT, "label": TEXT, "rate_cents": {"type": "integer"},
        "status": {"type": "string", "enum": ["available", "rented", "haunted"]}}}  # fmt: skip
LEASE = {"type": "object", "properties": {"id": TEXT, "customer_id": TEXT, "unit_id": TEXT, "rent": NUMBER,
         "status": {"type": "string", "enum": ["current", "past"]},
         "start_date": {"type": "string", "format": "date-time"}}}  # fmt: skip
PAYMENT = {"type": "object", "required": ["amount", "date"], "properties": {"amount": NUMBER, "date": TEXT,
           "reference_number": TEXT, "card_number": TEXT, "memo": TEXT}}  # fmt: skip
NOTE = {"type": "object", "required": ["text"], "properties": {"text": TEXT}}
REASON = {"type": "object", "required": ["reason"], "properties": {"reason": TEXT}}
DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Quay: storage", "version": "2026-01"},
    "servers": [{"url": "https://{tenant}.quay.example/v2"}],
    "components": {"securitySchemes": {"k": {"type": "apiKey", "in": "header", "name": "X-Quay-Key"}}},
    "paths": {
        "/customers": {"get": listed(CUSTOMER, wrapped="data")},
        "/customers/{id}": {"get": single(CUSTOMER), "patch": sent(CUSTOMER)},
        "/units": {"get": listed(UNIT)},
        "/customers/{customer_id}/leases": {"get": listed(LEASE)},
        "/leases/{id}": {"get": single(LEASE)},
        "/leases/{id}/payments": {"get": listed(PAYMENT), "post": sent(PAYMENT)},
        "/leases/{id}/notes": {"get": listed(NOTE), "post": sent(NOTE)},
        "/leases/{id}/move_out": {"post": sent(REASON)},
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def draft() -> Mapping:
    text = scaffold(Spec(DOCUMENT), name="quay", file="quay.json")
    examined = examine(text.encode())
    assert examined.mapping is not None, examined.problems
    return examined.mapping


def test_a_draft_can_be_read_and_has_nothing_wrong_against_its_own_document() -> None:
    text = scaffold(Spec(DOCUMENT), name="quay", file="quay.json")

    assert [each for each in lint(text.encode(), spec=Spec(DOCUMENT)) if each.level == "error"] == []


def test_a_draft_finds_the_nouns_and_their_fields(draft: Mapping) -> None:
    tenants, units, rentals = (draft.entities[name] for name in ("tenants", "units", "rentals"))

    assert {name: field.at for name, field in tenants.fields.items()} == {
        "id": "id", "name.first": "firstName", "name.last": "lastName", "email": "email",
        "address.line1": "address.street1", "address.city": "address.city", "address.postal_code": "address.zip",
    }  # fmt: skip
    assert tenants.all is not None
    assert (tenants.all.rows, tenants.all.paginate) == ("data", "pages")
    assert tenants.one is not None
    assert tenants.one.get == "/customers/{read.id}"
    assert units.fields["id"].at == "unit_id"
    assert units.fields["asking_rate"].codec == "cents"
    assert draft.codecs["units_state"].words == {"available": "vacant", "rented": "occupied", "haunted": "unknown"}  # type: ignore[union-attr]
    assert rentals.of_tenant is not None
    assert rentals.fields["rent"].codec == "amount_number"
    assert rentals.fields["moved_in_on"].codec == "day_of_instant"


def test_a_draft_finds_the_login_the_address_and_the_pages(draft: Mapping) -> None:
    assert draft.connection.base_url == "https://{option.tenant}.quay.example/v2"
    assert draft.auth.scheme == "api_key"
    assert draft.pagination["pages"].size_as == "per_page"


def test_a_draft_proposes_only_what_it_can_fill_and_recognise(draft: Mapping) -> None:
    assert set(draft.actions) == {"take_payment", "add_note", "change_contact"}
    pay = draft.actions["take_payment"].steps[0]
    assert pay.body == {
        "amount": "{effect.total|amount_number}", "date": "{today}", "reference_number": "{attempt.reference}",
        "memo": "{attempt.reference}",
    }  # fmt: skip
    assert pay.idempotency.by == "client_reference"
    assert "reason" in draft.unsupported["schedule_move_out"].because
    assert draft.unsupported["schedule_move_out"].fallback == "staff"
    assert draft.vendor.evidence.value == "third_party_spec"


def test_no_poison_gets_into_a_draft() -> None:
    text = scaffold(Spec(DOCUMENT), name="quay", file="quay.json")

    assert "ssn" not in text
    assert "card_number" not in text


@pytest.mark.parametrize(
    "word", ["no", "Y", "012", "1e3", "2026-01-01", "a: b", "- x", "#", "", "é\n", "{x}", "~", "*a"]
)
def test_what_a_draft_writes_is_read_as_it_was_meant(word: str) -> None:
    tree, troubles = read_tree(as_yaml({"a": {word or "k": [word, {"b": word}]}}).encode())

    assert troubles == []
    assert tree.data == {"a": {word or "k": [word, {"b": word}]}}


# the published schema


def test_the_published_schema_is_what_the_sections_say() -> None:
    assert schema.drift(ROOT / "schemas" / "mapping") == []


def test_the_published_schema_accepts_the_sample_and_refuses_what_the_sections_refuse() -> None:
    published = json.loads((ROOT / "schemas" / "mapping" / schema.FILE).read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(published)
    judge = Draft202012Validator(published)
    data = read_tree(HARBOR.read_bytes())[0].data

    assert list(judge.iter_errors(data)) == []
    mistakes: list[dict[str, Any]] = [
        {"pmsmap": 2},
        {"vendor": {}},
        {"auth": {"scheme": "magic"}},
        {"entitys": {}},
        {"actions": {"pay": {}}},
    ]
    for wrong in mistakes:
        assert list(judge.iter_errors({**data, **wrong}))


def test_every_key_of_the_published_schema_says_what_it_is_for() -> None:
    published = schema.mapping_schema()
    tables = [each for section in published["$defs"].values() for each in (section, *section.get("anyOf", ()))]
    keys = [key for table in (published, *tables) for key in table.get("properties", {}).items()]

    assert len(keys) > 250
    assert [name for name, each in keys if "description" not in each] == []
