"""Lists in pages over a list that may move: every row, an end, no circle, no foreign address."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from pmsbridge.errors import ConfigurationError, UnavailableError
from pmsbridge_rest.mapping.pagination import Pagination
from pmsbridge_rest.paging.choosing import ends_of, paginator_of
from pmsbridge_rest.paging.linked import links_in, same_origin
from pmsbridge_rest.paging.turns import Page, Turn
from pmsbridge_rest.paging.walk import Walk, WalkRules

BASE = "https://api.example.test/v1"
Ask = Callable[[Turn], Page]


def row(number: int) -> dict[str, str]:
    return {"id": f"{number:04}"}


class Shelf:
    """A list on a server. ``between`` happens after every page."""

    def __init__(self, count: int, between: Callable[[Shelf, int], None] = lambda _shelf, _turn: None) -> None:
        self.rows = [row(number) for number in range(count)]
        self.between = between
        self.turns: list[Turn] = []

    def page(self, turn: Turn, rows: Sequence[Any], headers: dict[str, str] | None = None, **more: Any) -> Page:
        self.turns.append(turn)
        document = {"rows": list(rows), "total": len(self.rows), **more}
        found = Page(list(rows), document, headers or {}, turn.url or f"{BASE}/units")
        self.between(self, len(self.turns))
        return found

    def numbered(self, turn: Turn) -> Page:
        number, size = int(turn.query["page"]), int(turn.query["size"])
        rows = self.rows[(number - 1) * size : number * size]
        return self.page(
            turn,
            rows,
            {"x-total": str(len(self.rows))},
            pages=-(-len(self.rows) // size),
            more=number * size < len(self.rows),
        )

    def by_offset(self, turn: Turn) -> Page:
        begin, size = int(turn.query["offset"]), int(turn.query["size"])
        return self.page(turn, self.rows[begin : begin + size])

    def by_key(self, turn: Turn) -> Page:
        after, size = turn.query.get("after", ""), int(turn.query["size"])
        return self.page(turn, [one for one in self.rows if one["id"] > after][:size])

    def by_token(self, turn: Turn) -> Page:
        begin = int(turn.query.get("cursor", "t0")[1:])
        rows, after = self.rows[begin : begin + 3], begin + 3
        more = f"t{after}" if after < len(self.rows) else None
        return self.page(turn, rows, {"x-next": more or ""}, next=more)

    def numbered_by_body(self, turn: Turn) -> Page:
        assert turn.query == {}
        assert {type(value) for value in turn.body.values()} == {int}, "a number stays one in a document"
        return self.numbered(replace(turn, query={name: str(value) for name, value in turn.body.items()}))

    def by_token_in_body(self, turn: Turn) -> Page:
        assert turn.query == {}
        return self.by_token(replace(turn, query={"cursor": str(turn.body["paging.cursor"])} if turn.body else {}))

    def by_link(self, turn: Turn) -> Page:
        begin = int((turn.url or "?from=0").rpartition("=")[2])
        after = begin + 3
        url = f"/v1/units?from={after}" if after < len(self.rows) else None
        header = f'<{url}>; rel="next", </v1/units?from=0>; rel=first' if url else ""
        return self.page(turn, self.rows[begin:after], {"link": header}, next=url)

    def in_header(self, turn: Turn) -> Page:
        wish = json.loads(turn.headers["X-Paging"])
        begin = (wish["page"] - 1) * wish["size"]
        return self.page(turn, self.rows[begin : begin + wish["size"]])

    def stored(self, turn: Turn) -> Page:
        number = int(turn.query["page"])
        if number == 0:
            return self.page(turn, [], set="s9")
        assert turn.query["set"] == "s9"
        return self.page(turn, self.rows[(number - 1) * 3 : number * 3])


SIZED = {"size_as": "size", "size": 3}
PAGE = {"style": "page", **SIZED}
OFFSET = {"style": "offset", **SIZED}
KEYSET = {"style": "keyset", "after_as": "after", **SIZED}
CURSOR = {"style": "cursor", "cursor_as": "cursor"}
SPELT = '{{"page": {step.page}, "size": {step.size}}}'
STYLES: dict[str, tuple[dict[str, Any], str]] = {
    "page, short": (PAGE, "numbered"),
    "page, total": ({**PAGE, "total_at": "total", "stop": "total"}, "numbered"),
    "page, header": ({**PAGE, "total_header": "X-Total", "stop": "total"}, "numbered"),
    "page, last": ({**PAGE, "last_at": "pages", "stop": "empty_page"}, "numbered"),
    "page, more": ({**PAGE, "more_at": "more", "stop": "more"}, "numbered"),
    "page, empty": ({**PAGE, "stop": "empty_page"}, "numbered"),
    "offset, short": (OFFSET, "by_offset"),
    "offset, total": ({**OFFSET, "total_at": "total", "stop": "total"}, "by_offset"),
    "offset, empty": ({**OFFSET, "stop": "empty_page"}, "by_offset"),
    "keyset": (KEYSET, "by_key"),
    "keyset, empty": ({**KEYSET, "stop": "empty_page"}, "by_key"),
    "cursor": ({**CURSOR, "next_at": "next"}, "by_token"),
    "cursor, header": ({**CURSOR, "next_header": "X-Next"}, "by_token"),
    "page, in the body": ({**PAGE, "carried": "body"}, "numbered_by_body"),
    "cursor, in the body": (
        {**CURSOR, "cursor_as": "paging.cursor", "carried": "body", "next_at": "next"},
        "by_token_in_body",
    ),
    "link": ({"style": "link_header"}, "by_link"),
    "next url": ({"style": "next_url", "next_at": "next"}, "by_link"),
    "header": ({"style": "header", "header": "X-Paging", "spelt": SPELT, "size": 3}, "in_header"),
    "stored": ({"style": "stored_set", "set_at": "set", "set_as": "set", "size": 3}, "stored"),
}


def walked(shelf: Shelf, style: str, *, ask: str = "", **rules: Any) -> Walk:
    fields, name = STYLES[style]
    section: Any = TypeAdapter(Pagination).validate_python(fields)
    return Walk(
        paginator_of(section, base=BASE),
        getattr(shelf, ask or name),
        WalkRules(key=lambda one: str(one["id"]), ends=ends_of(section), **rules),
    )


def ids(walk: Walk) -> list[str]:
    return [str(one["id"]) for page, _ in walk.read() for one in page.rows]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 6, 7])
def test_every_row_comes_and_the_list_ends(style: str, count: int) -> None:
    shelf = Shelf(count)
    walk = walked(shelf, style)

    assert sorted(set(ids(walk))) == [one["id"] for one in shelf.rows]
    assert len(shelf.turns) <= count // 2 + 3
    assert not walk.has_shifted


@pytest.mark.parametrize("style", ["offset, short", "offset, total", "offset, empty"])
@pytest.mark.parametrize("count", [0, 1, 3, 4, 7, 8, 12])
def test_a_row_that_only_shows_a_shift_is_given_once(style: str, count: int) -> None:
    shelf = Shelf(count)
    walk = walked(shelf, style)

    assert [one for page, _ in walk.read() for one in page.rows] == shelf.rows
    assert walk.is_complete or count == 0


@pytest.mark.parametrize("style", ["offset, short", "offset, total", "keyset", "page, total", "page, header"])
def test_a_list_that_stood_still_is_complete(style: str) -> None:
    walk = walked(Shelf(8), style)

    ids(walk)

    assert walk.is_complete
    assert walk.rows == 8


@pytest.mark.parametrize("style", ["page, short", "cursor", "link", "page, more"])
def test_pages_that_prove_nothing_do_not_claim_to_be_complete(style: str) -> None:
    several, one = walked(Shelf(8), style), walked(Shelf(2), style)
    ids(several)
    ids(one)

    assert (several.is_complete, one.is_complete) == (False, True)


def test_a_vendors_promise_makes_pages_complete() -> None:
    walk = walked(Shelf(8), "cursor", is_steady=True)

    ids(walk)

    assert walk.is_complete


def _loses_the_first(shelf: Shelf, turn: int) -> None:
    if turn == 1:
        del shelf.rows[0]


def _swaps(shelf: Shelf, turn: int) -> None:
    """One goes, one comes: the total says nothing."""
    if turn == 1:
        del shelf.rows[0]
        shelf.rows.append(row(999))


@pytest.mark.parametrize("between", [_loses_the_first, _swaps])
def test_an_offset_list_that_shifted_is_not_complete(between: Any) -> None:
    walk = walked(Shelf(8, between), "offset, total")

    found = ids(walk)

    assert "0003" in found
    assert walk.has_shifted
    assert not walk.is_complete


def test_a_numbered_list_that_shrank_is_not_complete() -> None:
    walk = walked(Shelf(8, _loses_the_first), "page, total")

    ids(walk)

    assert not walk.is_complete


@pytest.mark.parametrize("between", [_loses_the_first, _swaps])
def test_a_keyset_misses_nothing_that_stays(between: Any) -> None:
    shelf = Shelf(8, between)
    walk = walked(shelf, "keyset")

    assert {one["id"] for one in shelf.rows} <= set(ids(walk))
    assert walk.is_complete


@given(st.lists(st.tuples(st.sampled_from(["add", "drop"]), st.integers(0, 30)), max_size=12), st.integers(0, 12))
def test_no_style_that_claims_to_be_complete_has_missed_a_row_that_stayed(
    events: list[tuple[str, int]], count: int
) -> None:
    def between(shelf: Shelf, turn: int) -> None:
        for what, number in events[turn - 1 : turn]:
            if what == "drop" and number < len(shelf.rows):
                del shelf.rows[number]
            elif what == "add":
                shelf.rows.append(row(100 + turn * 40 + number))

    for style in ("offset, short", "offset, empty", "keyset", "keyset, empty"):
        shelf = Shelf(count, between)
        stayed = {one["id"] for one in shelf.rows}
        walk = walked(shelf, style)
        found = set(ids(walk))
        stayed &= {one["id"] for one in shelf.rows}
        assert not walk.is_complete or stayed <= found


def test_a_server_that_ignores_the_page_is_noticed() -> None:
    for style in ("page, short", "cursor", "keyset"):
        shelf = Shelf(3)

        def same(turn: Turn, shelf: Shelf = shelf) -> Page:
            return shelf.page(turn, shelf.rows, next="again")

        shelf.same = same  # type: ignore[attr-defined]
        with pytest.raises(UnavailableError) as circle:
            ids(walked(shelf, style, ask="same"))
        assert circle.value.code == "paging_loop"
        assert len(shelf.turns) <= 3


def test_tokens_that_lead_in_a_circle_are_noticed_although_every_page_differs() -> None:
    shelf = Shelf(0)

    def ask(turn: Turn) -> Page:
        return shelf.page(turn, [row(len(shelf.turns))], next=("a", "b", "c")[len(shelf.turns) % 3])

    shelf.circle = ask  # type: ignore[attr-defined]
    with pytest.raises(UnavailableError) as circle:
        ids(walked(shelf, "cursor", ask="circle"))

    assert circle.value.code == "paging_loop"
    assert len(shelf.turns) == 4


def test_a_list_without_end_is_cut() -> None:
    endless = Shelf(10_000)

    with pytest.raises(UnavailableError) as cut:
        ids(walked(endless, "cursor", most_pages=20))

    assert cut.value.code == "too_many_pages"
    assert len(endless.turns) == 20


@pytest.mark.parametrize(
    ("style", "broken"),
    [
        ("page, total", {"total": None}),
        ("page, total", {"total": "many"}),
        ("page, more", {"more": None}),
        ("page, more", {"more": "maybe"}),
        ("page, last", {"pages": True}),
        ("cursor", {"next": {"a": 1}}),
    ],
)
def test_an_answer_that_does_not_say_what_it_must_is_no_end(style: str, broken: dict[str, Any]) -> None:
    shelf = Shelf(8)

    def ask(turn: Turn) -> Page:
        return shelf.page(turn, shelf.rows[:3], **broken)

    shelf.broken = ask  # type: ignore[attr-defined]
    with pytest.raises(UnavailableError) as failed:
        ids(walked(shelf, style, ask="broken"))

    assert failed.value.code == "paging_broken"


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example.test/v1/units",
        "http://169.254.169.254/latest",
        "//evil.example.test/x",
        "https://api.example.test:8443/v1",
        "https://user:pw@api.example.test/v1",
        "https://api.example.test@evil.example.test/",
        "ftp://api.example.test/",
        "file:///etc/hostname",
        "https://api.example.test.evil.test/",
        "http://api.example.test:8080/v1",
    ],
)
def test_credentials_are_never_sent_to_another_origin(link: str) -> None:
    shelf = Shelf(8)

    def ask(turn: Turn) -> Page:
        return shelf.page(turn, shelf.rows[:3], next=link)

    shelf.foreign = ask  # type: ignore[attr-defined]
    with pytest.raises(ConfigurationError) as refused:
        ids(walked(shelf, "next url", ask="foreign"))

    assert refused.value.code == "foreign_link"
    assert link not in refused.value.message
    assert len(shelf.turns) == 1


@pytest.mark.parametrize(
    ("link", "followed"),
    [
        ("https://API.example.test:443/v1/x?a=1#part", "https://API.example.test:443/v1/x?a=1"),
        ("http://api.example.test/v1/x", "https://api.example.test/v1/x"),
    ],
)
def test_the_same_origin_spelt_otherwise_is_followed(link: str, followed: str) -> None:
    assert same_origin(BASE, link) == followed


def test_links_are_read_whatever_their_order_and_quotes() -> None:
    header = '</a?x=1,2;3>; title="a, b; c"; rel="prev start", <https://h/b>;rel=next , <c>; REL="LAST"; rel2=x, <'

    assert list(links_in(header)) == [
        ("prev", "/a?x=1,2;3"),
        ("start", "/a?x=1,2;3"),
        ("next", "https://h/b"),
        ("last", "c"),
    ]
    assert list(links_in("<" * 50_000)) == []


def test_a_reading_resumes_where_it_stopped_only_by_key() -> None:
    shelf = Shelf(8)
    first: Iterator[tuple[Page, Turn | None]] = walked(shelf, "keyset").read()
    _, after = next(first)
    assert after is not None

    later = [one["id"] for page, _ in walked(shelf, "keyset").read(after.position) for one in page.rows]

    assert later == ["0003", "0004", "0005", "0006", "0007"]
