"""Every way in which a mapping asks for pieces of a list, and for what changed, is played."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

import pytest

from pmsbridge.actions.effects import ChangeContact
from pmsbridge.ports.adapter import Entity, Query
from pmsbridge.ports.outcome import Attempt
from pmsbridge.testing.conformance import Subject
from pmsbridge_rest.mapping.codec_sections import CodecSection
from pmsbridge_rest.mapping.pagination import Pagination
from pmsbridge_rest.sandbox import CannotPlayError, Office
from pmsbridge_rest.sandbox.files import nested
from pmsbridge_rest.sandbox.spelling import KINDS
from pmsbridge_rest.testing import opened_subject
from tests.adapters.rest.sandbox.callers import HARBOR, Caller, Now

HARBOR_TEXT = HARBOR.read_text(encoding="utf-8")
SINCE = "since: {name: changed_after, bound: exclusive, row_changed_at: changed_at}"
CUSTOMERS = 'all:\n      get: "/sites/{option.site}/customers"\n      paginate: pages\n'
POSTED = 'all:\n      post: "/sites/{option.site}/customers/find"\n      safe: true\n      paginate: pages\n'
PAGES = "pages: {style: page, size_as: per_page, size: 100, total_at: meta.total, stop: total, sort: {order: id}}"
FILTER = 'filter: {name: find, json_text: {site: "{option.site}", changed: [{after: "{read.since}"}]}}'
WAYS = {
    "a query": ("name: changed_after", ""),
    "a header": ("carried: header, name: X-Changed-After", ""),
    "a body": ("carried: body, name: only.changed_after", POSTED),
    "a body that holds more": (
        "carried: body, name: only.changed_after",
        f'{POSTED}      body: {{site: "{{option.site}}", only: {{kind: tenant}}}}\n'
    ),
    "a filter in a query": (FILTER, ""),
    "a filter in a query that is always there": (
        FILTER, f"{CUSTOMERS}      query: {{find: everybody}}\n"
    ),
    "a filter in a header": (f"carried: header, {FILTER}", ""),
    "a filter in a body": (f"carried: body, {FILTER}", POSTED),
    "seconds in a header": ("carried: header, name: X-Changed-After, spelt_as: epoch", ""),
}  # fmt: skip
COUNTED = "total_at: meta.total, stop: total"
STYLES = {
    "page": f"page, size_as: per_page, size: 3, {COUNTED}",
    "page in a body": f"page, carried: body, page_as: list.page, size_as: list.size, size: 3, {COUNTED}",
    "page in a header": "page, carried: header, page_as: X-P, size_as: X-S, size: 3, total_header: X-All, stop: total",
    "page with the last one's number": "page, size_as: per_page, size: 3, last_at: meta.last",
    "offset": "offset, size_as: limit, size: 3",
    "offset with more": "offset, size_as: limit, size: 3, more_at: meta.more, stop: more",
    "cursor": "cursor, size_as: limit, size: 3, cursor_as: after, next_at: meta.next",
    "cursor in a body": "cursor, carried: body, size_as: list.size, size: 3, cursor_as: list.after, next_at: meta.next",
    "cursor in a header": "cursor, size_as: limit, size: 3, cursor_as: after, next_header: X-Next",
    "keyset": "keyset, size_as: limit, size: 3, after_as: after_id",
    "link_header": "link_header, size_as: limit, size: 3",
    "next_url": "next_url, size_as: limit, size: 3, next_at: meta.next",
    "header": 'header, header: Range, size: 3, spelt: "rows={step.offset}+{step.size}"',
    "header by number": 'header, header: X-Page, size: 100, spelt: "{step.page}/{step.size}"',
    "stored_set": "stored_set, size_as: limit, size: 3, set_at: meta.set, set_as: set",
}  # fmt: skip


@contextmanager
def opened(folder: Path, *changes: tuple[str, str]) -> Iterator[Subject]:
    text = HARBOR_TEXT
    for right, wrong in changes:
        assert right in text
        text = text.replace(right, wrong)
    (folder / "harbor.yaml").write_text(text, encoding="utf-8")
    (folder / "harbor.office.yaml").write_bytes(HARBOR.with_name("harbor.office.yaml").read_bytes())
    with opened_subject(folder / "harbor.yaml") as subject:
        yield subject


def ids(subject: Subject, entity: Entity, since: str | None = None) -> tuple[list[str], str | None]:
    batches = list(subject.adapter.fetch(Query(entity, subject.facility), since=since))
    return sorted(record.id for batch in batches for record in batch.records), batches[-1].cursor


@pytest.mark.parametrize(("said", "listed"), WAYS.values(), ids=WAYS)
def test_what_changed_is_asked_for_in_every_way(tmp_path: Path, said: str, listed: str) -> None:
    changes = [(SINCE, f"since: {{{said}, bound: exclusive, row_changed_at: changed_at}}")]
    with opened(tmp_path, *changes, *([(CUSTOMERS, listed)] if listed else [])) as subject:
        edit = ChangeContact(
            account="main", facility=subject.facility, tenant_id="1002", changes={"email": "new@tenant.example"},
            seen={"email": "grace@tenant.example"},
        )  # fmt: skip
        subject.adapter.execute(edit, Attempt(key="k" * 40))
        everybody, cursor = ids(subject, Entity.TENANTS)
        changed, _ = ids(subject, Entity.TENANTS, cursor)

    assert (everybody, changed) == (["1001", "1002"], ["1002"])


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
def test_a_list_is_read_whole_in_every_style(tmp_path: Path, style: str) -> None:
    listed = []
    if "carried: body" in style:
        listed = [
            ('all: {get: "/sites/{option.site}/units"', 'all: {post: "/sites/{option.site}/units/find", safe: true')
        ]
    pages = f"pages: {{style: page, size_as: per_page, size: 100, {COUNTED}}}\n  some: {{style: {style}}}"
    units = [('units", paginate: pages}', 'units", paginate: some}')] if not listed else []
    find = [('units/find", safe: true, paginate: pages}', 'units/find", safe: true, paginate: some}')] if listed else []
    with opened(tmp_path, *listed, *units, *find, (PAGES, pages)) as subject:
        found, _ = ids(subject, Entity.UNITS)
        asked = len(subject.judge.office.calls)  # type: ignore[attr-defined]

    assert len(found) == 7
    assert asked > 1 or "size: 100" in style


def test_every_style_and_every_spelling_of_the_format_is_played() -> None:
    styles = {get_args(each.model_fields["style"].annotation)[0] for each in get_args(get_args(Pagination)[0])}
    kinds = {get_args(each.model_fields["kind"].annotation)[0] for each in get_args(get_args(CodecSection)[0])}

    assert {style.partition(",")[0] for style in STYLES.values()} == styles
    assert kinds == KINDS


def test_a_filter_that_is_none_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "harbor.yaml"
    file.write_text(HARBOR_TEXT.replace(SINCE, f"since: {{{FILTER}, row_changed_at: changed_at}}"), encoding="utf-8")
    caller = Caller(Office(file, now=Now()))
    listed = "/sites/1/customers?page=1&per_page=100&order=id&find="

    assert caller.ask("GET", f"{listed}nobody").status == 422
    assert caller.ask("GET", f'{listed}{{"site":"1","changed":[{{"after":"soon"}}]}}').status == 422
    assert caller.ask("GET", f'{listed}{{"site":"1","changed":[]}}').status == 422
    good = caller.ask("GET", f'{listed}{{"site":"1","changed":[{{"after":"2026-01-01T00:00:00Z"}}]}}')
    assert len(good.document["data"]) == 2


ODD = {
    "data, good": ('envelope: {data: "data.rows[?kind==`x`]", good', "envelope.data"),
    "good: {body: {ok: true}}": ('good: {body: {"length(@)": 2}}', r"envelope.good.body.length\(@\)"),
    "total_at: meta.total": ('total_at: "length(data)"', "pagination.pages.total_at"),
    SINCE: (
        "since: {filter: {name: find, json_text: {all: true}}, row_changed_at: changed_at}",
        "entities.tenants.all.since.filter.json_text",
    ),
    "outputs: {payment: id}\n  schedule": (
        'outputs: {payment: "join(\'\', [id])"}\n  schedule', "actions.take_payment.steps.0.outputs.payment"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("right", "wrong", "key"), [(right, *rest) for right, rest in ODD.items()])
def test_what_cannot_be_played_is_said_with_its_line(tmp_path: Path, right: str, wrong: str, key: str) -> None:
    right = right if not right.startswith("data, good") else "envelope: {data: data, good"
    assert HARBOR_TEXT.count(right) == 1
    file = tmp_path / "odd.yaml"
    file.write_text(HARBOR_TEXT.replace(right, wrong), encoding="utf-8")
    line = HARBOR_TEXT[: HARBOR_TEXT.index(right)].count("\n") + 1

    with pytest.raises(CannotPlayError) as said:
        Office(file)

    (problem,) = str(said.value).splitlines()
    assert re.match(rf"odd\.yaml:{line}: {key}: ", problem), problem


@pytest.mark.parametrize(
    ("pairs", "made"),
    [
        ([("a", "1"), ("b[c][d]", "2"), ("b[e]", "3")], {"a": "1", "b": {"c": {"d": "2"}, "e": "3"}}),
        ([("a[]", "1"), ("a[]", "2")], {"a": ["1", "2"]}),
        ([("a[][x]", "1"), ("a[][y]", "2"), ("a[][x]", "3")], {"a": [{"x": "1", "y": "2"}, {"x": "3"}]}),
    ],
)
def test_names_of_forms_say_what_stands_within_what(pairs: list[tuple[str, str]], made: object) -> None:
    assert nested([*pairs]) == made


@pytest.mark.parametrize(
    "pairs", [[("a", "1"), ("a", "2")], [("a", "1"), ("a[b]", "2")], [("a[b]", "1"), ("a[]", "2")]]
)
def test_a_name_that_stands_for_two_things_is_refused(pairs: list[tuple[str, str]]) -> None:
    with pytest.raises(ValueError, match="two parts of one name"):
        nested([*pairs])
