"""Addresses that are sent credentials: where to, and that nothing climbs out of them."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmsbridge.errors import ConfigurationError
from pmsbridge_rest.address import checked_base, joined, with_query, without_query

BASE = "https://api.example.test/v1"


@pytest.mark.parametrize(
    "url",
    [
        "http://api.example.test",
        "https://user@api.example.test",
        "https://user:not-a-real-pass@api.example.test",
        "https://api.example.test/?a=1",
        "https://api.example.test/#x",
        "ftp://api.example.test",
        "https://",
        "api.example.test",
        "",
    ],
)
def test_a_base_that_may_not_be_sent_credentials_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        checked_base(url)

    assert not url or url not in refused.value.message


@pytest.mark.parametrize("url", ["https://api.example.test/v1/", "http://127.0.0.1:9", "http://[::1]:9/x"])
def test_https_and_loopback_may(url: str) -> None:
    assert checked_base(url) == url.rstrip("/")


@pytest.mark.parametrize(
    "path", ["/../x", "/a/../b", "/%2e%2E/x", "/.%2e/", "/a?b=1", "/a#b", "/a b", "/a\\b", "/ä", "/a\n", "/{id}"]
)
def test_a_path_cannot_climb_or_smuggle(path: str) -> None:
    with pytest.raises(ConfigurationError):
        joined(BASE, path)


@pytest.mark.parametrize("path", ["/units", "/units/..a", "/units/%2Fetc", "/a.b/c~d", "/noun/verb:do", ""])
def test_a_plain_path_stands_below_the_base(path: str) -> None:
    assert joined(BASE, path) == BASE + path


_WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)


@given(st.lists(st.tuples(_WORDS, _WORDS), max_size=5))
def test_a_query_reads_back_as_it_was_given(pairs: list[tuple[str, str]]) -> None:
    url = with_query(BASE, pairs)

    assert url.isascii()
    assert parse_qsl(urlsplit(url).query, keep_blank_values=True) == pairs


def test_names_are_taken_out_of_a_query_and_the_rest_stays_as_written() -> None:
    url = f"{BASE}?a=1&%6Bey=old&b=%20&key=older&a=2"

    assert without_query(url, {"key"}) == f"{BASE}?a=1&b=%20&a=2"
