from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pmsbridge.actions.kinds import EMULATABLE
from pmsbridge.errors import ConfigurationError
from pmsbridge.ports.adapter import Entity
from pmsbridge_rest.mapping.model_fields import ENTITY_MODELS
from pmsbridge_rest.mapping.problems import Problem
from pmsbridge_rest.mapping.reading import examine, load_mapping, read_mapping
from pmsbridge_rest.mapping.references import STAFF_CAN_DO
from pmsbridge_rest.mapping.yaml_nodes import read_tree

HARBOR = (Path(__file__).parent / "harbor.yaml").read_text(encoding="utf-8")
CARD = "4111 1111 1111 1111"

SMALLEST = """\
pmsmap: 1
vendor: {name: tiny, title: Tiny, evidence: guess, source: invented}
connection: {base_url: https://tiny.example}
entities:
  units:
    all: {get: /units}
    fields: {id: id, number: label}
"""


def problems_of(text: str) -> list[Problem]:
    return sorted(examine(text.encode()).problems)


def only_problem(text: str) -> Problem:
    (problem,) = problems_of(text)
    return problem


def swapped(old: str, new: str) -> Callable[[], str]:
    assert HARBOR.count(old) == 1, old
    return lambda: HARBOR.replace(old, new)


def test_the_sample_and_the_smallest_mapping_are_read() -> None:
    assert problems_of(HARBOR) == []
    assert problems_of(SMALLEST) == []


TRAPS = [
    ("a: no", 1, 4, "true, false or null"),
    ("a: On", 1, 4, "true, false or null"),
    ("on: 1", 1, 1, "true, false or null"),
    ("a: Y", 1, 4, "true, false or null"),
    ("a: True", 1, 4, "true, false or null"),
    ("a: NULL", 1, 4, "true, false or null"),
    ("a: 012", 1, 4, "readers disagree"),
    ("a: 0o17", 1, 4, "readers disagree"),
    ("a: 0x1F", 1, 4, "readers disagree"),
    ("a: 1_000", 1, 4, "readers disagree"),
    ("a: 12:30:45", 1, 4, "readers disagree"),
    ("a: 1e3", 1, 4, "readers disagree"),
    ("a: .inf", 1, 4, "readers disagree"),
    ("a: 12.50", 1, 4, "binary float"),
    ("a: 2026-01-31", 1, 4, "date"),
    ("a:", 1, 3, "nothing stands here"),
    ("a: ~", 1, 4, "nothing stands here"),
    ("a: 1\nb: 2\na: 3", 3, 1, "line 1"),
    ("1: a", 1, 1, "a key is text"),
    ("? [a]\n: 1", 1, 3, "a key is text"),
    ("a: &x 1", 1, 4, "anchors"),
    ("a: *x", 1, 4, "anchors"),
    ("a: {<<: 1}", 1, 5, "<<"),
    ("a: !!int 5", 1, 4, "tags"),
    ("a: !python/name:os.system 5", 1, 4, "tags"),
    ("a: 1\n---\nb: 2", 2, 1, "second document"),
    ("a:\n\tb: 1", 2, 1, "tab"),
    ("a: b: c", 1, 5, "colon"),
    ("a: [1, 2", 1, 9, "not YAML"),
    ("", 1, 1, "empty"),
]


@pytest.mark.parametrize(("text", "line", "column", "words"), TRAPS, ids=[trap[0] for trap in TRAPS])
def test_what_yaml_readers_disagree_about_is_refused_with_its_place(
    text: str, line: int, column: int, words: str
) -> None:
    _, troubles = read_tree(text.encode())

    assert [(each.mark.line, each.mark.column) for each in troubles] == [(line, column)]
    assert words in troubles[0].what


@pytest.mark.parametrize("text", ['"no"', "'012'", '"12.50"', '"2026-01-31"', '""', "'~'"])
def test_quotes_make_text_of_everything(text: str) -> None:
    tree, troubles = read_tree(f"a: {text}".encode())

    assert troubles == []
    assert tree.data == {"a": text[1:-1]}


def test_aliases_cannot_unfold_to_gigabytes() -> None:
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{new}: &{new} [*{old},*{old},*{old},*{old},*{old},*{old},*{old},*{old}]\n"
        for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    )

    assert "anchors" in only_problem(bomb).what


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 5_000, "- " * 30_000])
def test_deep_nesting_is_refused_before_anything_is_built(text: str) -> None:
    assert "levels" in only_problem(text).what


def test_a_file_that_is_too_large_or_no_text_is_refused() -> None:
    assert "larger" in examine(b"#" * 1_000_001).problems[0].what
    found = examine("a: ä\nb: é".encode("latin-1")).problems[0]
    assert (found.line, found.column) == (1, 4)
    assert "UTF-8" in found.what


@given(st.text(max_size=60))
def test_no_text_at_all_makes_the_reader_fail_in_another_way(text: str) -> None:
    tree, troubles = read_tree(text.encode("utf-8", "surrogatepass"))

    if not troubles:
        assert tree.data == yaml.safe_load(text) or isinstance(tree.data, str)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=12,
    )
)
def test_what_another_writer_quotes_is_read_as_it_was_meant(data: object) -> None:
    text = yaml.safe_dump({"a": data}, allow_unicode=True, default_style='"')

    tree, troubles = read_tree(text.encode())

    if "!!" not in text:
        assert troubles == []
        assert tree.data == yaml.safe_load(text)


MISTAKES: list[tuple[str, str, str, str, str]] = [
    (
        "settle_window: 90s",
        "setle_window: 90s",
        "connection.setle_window",
        "unknown_key",
        "Did you mean settle_window?",
    ),
    ("settle_window: 90s", "settle_window: 90", "connection.settle_window", "format", "90s"),
    ("concurrency: 4", 'concurrency: "4"', "limits.concurrency", "format", "(given: text of 1 characters)"),
    ("scheme: api_key", "scheme: api_keys", "auth.scheme", "unknown_word", "Did you mean api_key?"),
    ("  scheme: api_key\n", "", "auth", "missing_key", "scheme is missing"),
    ("evidence: sandbox", "evidence: hearsay", "vendor.evidence", "format", "production"),
    ("title: Harbor Storage Cloud", "titel: x", "vendor.title", "missing_key", "For people."),
    (
        "paid_to, codec: us_date",
        "paid_to, codec: us_dat",
        "entities.rentals.fields.paid_through.codec",
        "unknown_name",
        "Did you mean us_date?",
    ),
    (
        "paid_to, codec: us_date",
        "paid_to, codec: cents",
        "entities.rentals.fields.paid_through.codec",
        "wrong_codec",
        "date or month is wanted",
    ),
    (
        "rent: {at: rent_cents, codec: cents}",
        "rent: rent_cents",
        "entities.rentals.fields.rent",
        "money_without_codec",
        "name the codec",
    ),
    (
        "state: {at: status, codec: lease_state}",
        "state: status",
        "entities.rentals.fields.state",
        "no_codec",
        "one of our own words",
    ),
    (
        "address.city: address.city",
        "adress.city: address.city",
        "entities.tenants.fields.adress.city",
        "unknown_name",
        "Did you mean address.city?",
    ),
    (
        '"/leases/{read.rental_id}/entries", paginate: pages',
        '"/leases/{read.rental_id}/entries", paginate: page',
        "entities.ledger_entries.of_rental.paginate",
        "unknown_name",
        "Did you mean pages?",
    ),
    (
        'get: "/customers/{read.tenant_id}/leases"',
        "get: /leases",
        "entities.rentals.of_tenant",
        "unbound_read",
        "{read.tenant_id}",
    ),
    (
        '{effect.total|cents}"\n          paid_on',
        '{effect.totl|cents}"\n          paid_on',
        "actions.take_payment.steps.0.body.amount_cents",
        "unknown_name",
        "Did you mean total?",
    ),
    (
        'amount_cents: "{effect.total|cents}"\n',
        'amount_cents: "{effect.total|cent}"\n',
        "actions.take_payment.steps.0.body.amount_cents",
        "unknown_name",
        "Did you mean cents?",
    ),
    (
        "accepts: {means.by: external}",
        "accepts: {means.bye: external}",
        "actions.take_payment.accepts.means.bye",
        "unknown_name",
        "no such value",
    ),
    (
        'site: "{option.site}"',
        'site: "{option.sight}"',
        "actions.post_bulletin.steps.0.body.site",
        "unknown_name",
        "Did you mean site?",
    ),
    (
        'site: "{option.site}"',
        'site: "{secret.client_id}"',
        "actions.post_bulletin.steps.0.body.site",
        "wrong_place",
        "secrets stand in auth only",
    ),
    (
        '"{secret.client_id}"',
        '"{secret.client}"',
        "auth.in_headers.X-Client-Id",
        "unknown_name",
        "Did you mean client_id?",
    ),
    (
        "  cancel_move_out:\n",
        "  cancel_moveout:\n",
        "actions.cancel_moveout",
        "unknown_name",
        "Did you mean cancel_move_out?",
    ),
    (
        "reverses: schedule_move_out",
        "reverses: reserve_unit",
        "actions.cancel_move_out.reverses",
        "unknown_name",
        "no action",
    ),
    (
        "because: the vendor has no call for it",
        "because: x, fallback: staff",
        "unsupported.set_autopay.fallback",
        "no_fallback",
        "staff cannot",
    ),
    ("  set_autopay: {because", "  add_note: {because", "unsupported.add_note", "both", "keep one"),
    (
        "        update: {strategy: patch_changed, guard: {by: version, at: rev}}\n",
        "",
        "actions.change_contact.steps",
        "no_update",
        "add update",
    ),
    (
        "guard: {by: version, at: rev}",
        "guard: {by: version}",
        "actions.change_contact.steps.0.update.guard",
        "format",
        "at goes with",
    ),
    (
        "at: address.street2, cleared",
        'at: "address[", cleared',
        "entities.tenants.fields.address.line2.at",
        "format",
        "not a path, at its character 8",
    ),
    ("fields: error.fields[].name", 'fields: "error.fields[["', "errors.fields", "format", "JMESPath"),
    (
        'patch: "/customers/{effect.tenant_id}"',
        "patch: /../x",
        "actions.change_contact.steps.0.patch",
        "format",
        "no ../",
    ),
    (
        "base_url: https://{option.company}.harbor.example/api/v3",
        "base_url: http://harbor.example",
        "connection.base_url",
        "format",
        "https://",
    ),
    (
        '          due: "{effect.due_on?|us_date}"',
        '          $due: "{effect.due_on?|us_date}"',
        "actions.post_bulletin.steps.0.body",
        "format",
        "$due",
    ),
    ("key: client_secret", "key: client_secrt", "webhooks.verify.key", "unknown_name", "Did you mean client_secret?"),
    ("  rentals:\n    all", "  rental:\n    all", "entities.rental", "unknown_name", "Did you mean rentals?"),
    (
        "      effective_on: {at: day, codec: us_date}\n",
        "",
        "entities.ledger_entries.fields",
        "missing_field",
        "effective_on",
    ),
    (
        "credit: credit}",
        "credit: credits}",
        "codecs.entry_kind.words.credit",
        "unknown_word",
        "Did you mean credit?",
    ),
    (
        'by: client_reference\n          look_up:\n            get: "/leases',
        'by: client_refrence\n          look_up:\n            get: "/leases',
        "actions.take_payment.steps.0.idempotency.by",
        "unknown_word",
        "Did you mean client_reference?",
    ),
]


@pytest.mark.parametrize(("old", "new", "key", "rule", "words"), MISTAKES, ids=[f"{r[2]} {r[3]}" for r in MISTAKES])
def test_every_mistake_is_told_at_its_line_with_the_remedy(old: str, new: str, key: str, rule: str, words: str) -> None:
    assert HARBOR.count(old) == 1, HARBOR.count(old)

    found = [each for each in problems_of(HARBOR.replace(old, new)) if each.key == key]

    assert [each.rule for each in found] == [rule], problems_of(HARBOR.replace(old, new))
    assert words in found[0].what
    changed_from = HARBOR[: HARBOR.index(old)].count("\n") + 1
    section_lines = 14  # what is missing is told at the table that misses it, which begins a little above
    assert changed_from - section_lines <= found[0].line <= changed_from + new.count("\n")


@pytest.mark.parametrize(
    ("section", "key", "words"),
    [
        ("codecs: {c: {kind: enum, wrds: {a: b}}}", "codecs.c.wrds", "Did you mean words?"),
        ("auth: {scheme: bearer, tokn: key}", "auth.tokn", "Did you mean token?"),
        ('pagination: {p: {style: header, header: "a b", spelt: x}}', "pagination.p.header", "(given: text of 3 char"),
        ("pagination: {p: {style: page, size: 0}}", "pagination.p.size", "greater than or equal to 1"),
        ("webhooks: {verify: {proof: hmac, key: k, header: X, over: sea}, type_at: t, events: {a: {entity: units}}}",
         "webhooks.verify.over", "(given: text of 3 char"),
    ],
)  # fmt: skip
def test_a_mistake_in_one_of_several_forms_is_told_at_its_own_key(section: str, key: str, words: str) -> None:
    found = {each.key: each for each in problems_of(SMALLEST + section + "\n")}

    assert key in found, found
    assert words in found[key].what
    assert found[key].line == SMALLEST.count("\n") + 1


def test_all_mistakes_are_told_at_once() -> None:
    text = SMALLEST.replace("evidence: guess", "evidence: hope").replace("get: /units", "gte: /units")

    assert [each.key for each in problems_of(text)] == [
        "vendor.evidence",
        "entities.units.all.gte",
    ]


def test_a_mistake_in_a_short_form_is_told_at_its_text() -> None:
    found = only_problem(SMALLEST.replace("number: label", 'number: "a..b"'))

    assert (found.line, found.column, found.key) == (7, 30, "entities.units.fields.number.at")


def test_no_value_and_no_card_number_is_in_a_message() -> None:
    for text in (
        SMALLEST.replace("evidence: guess", f'evidence: "{CARD}"'),
        SMALLEST.replace("units:\n", f'units:\n    "{CARD}": 1\n'),
        SMALLEST.replace("id: id", f'id: "{CARD}"'),
    ):
        with pytest.raises(ConfigurationError) as refused:
            read_mapping(text.encode(), file="m.yaml")
        assert CARD not in str(refused.value)
        assert CARD.replace(" ", "") not in str(refused.value)
        assert refused.value.__cause__ is None
        assert refused.value.__context__ is None


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_mapping(tmp_path / "absent.yaml")


def test_a_message_names_the_file_the_line_and_the_column() -> None:
    with pytest.raises(ConfigurationError) as refused:
        read_mapping(SMALLEST.replace("evidence", "evidense").encode(), file="tiny.yaml")

    assert str(refused.value).splitlines()[0].startswith("tiny.yaml:2:")
    assert "vendor.evidense: no such key. Did you mean evidence?" in str(refused.value)


def test_every_noun_of_a_nightly_reading_can_be_mapped() -> None:
    assert set(ENTITY_MODELS) == {entity.value for entity in Entity}


def test_staff_can_do_what_the_core_lets_them_do() -> None:
    assert STAFF_CAN_DO == EMULATABLE
