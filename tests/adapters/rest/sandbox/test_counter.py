"""The sandbox takes requests apart strictly, answers as its vendor does, and keeps books that add up."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pmsbridge_rest.sandbox import CannotPlayError, Office
from tests.adapters.rest.sandbox.callers import HARBOR, PAYMENT, Caller, opened


def _without(name: str) -> dict[str, Any]:
    return {key: value for key, value in PAYMENT.items() if key != name}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({**PAYMENT, "tip": 1}, "tip"),
        (_without("method"), "method"),
        ({**PAYMENT, "amount_cents": "12005"}, "amount_cents"),
        ({**PAYMENT, "amount_cents": True}, "amount_cents"),
        ({**PAYMENT, "method": "cash"}, "method"),
        ({**PAYMENT, "paid_on": "2026-05-04"}, "paid_on"),
        ({**PAYMENT, "gateway": "gate"}, "gateway"),
        ({**PAYMENT, "gateway": {"name": "gate"}}, "gateway.id"),
        ({**PAYMENT, "reference": ""}, "reference"),
    ],
)
def test_a_body_that_is_not_as_the_vendor_has_it_is_refused_and_nothing_happens(body: Any, field: str) -> None:
    caller, _ = opened()

    got = caller.ask("POST", "/leases/2001/payments", body)

    assert got.status == 422
    assert got.document["ok"] is False
    assert field in [each["name"] for each in got.document["error"]["fields"]]
    assert not caller.office.books.entries


def test_what_no_mapping_asks_is_not_there() -> None:
    caller, _ = opened()

    assert caller.ask("GET", "/elsewhere").status == 404
    assert caller.ask("PUT", "/leases/2001/payments", PAYMENT).status == 405
    assert caller.ask("GET", "/customers?colour=blue").status == 422
    assert caller.ask("POST", "/leases/2001/payments", PAYMENT, content_type="text/plain").status == 422


def test_nobody_comes_in_without_the_login() -> None:
    caller, _ = opened()
    caller.headers["x-client-secret"] = "not-this-one"

    got = caller.pay()

    assert got.status == 401
    assert got.document["error"]["code"] == "AUTH"
    assert not caller.office.books.entries


def test_what_is_not_there_is_not_found() -> None:
    caller, _ = opened()

    assert caller.ask("GET", "/customers/9999").status == 404
    assert caller.ask("GET", "/customers/9999/leases").status == 404
    assert caller.ask("POST", "/leases/9999/payments", PAYMENT).status == 404
    assert caller.ask("DELETE", "/leases/2001/leaving").status == 404


def test_a_payment_is_on_the_account_and_the_books_balance() -> None:
    caller, _ = opened(page_rows=100)
    before = caller.ask("GET", "/leases/2001").document["data"]["balance_cents"]

    assert caller.pay().status == 201

    assert before == 12005
    assert caller.ask("GET", "/leases/2001").document["data"]["balance_cents"] == 0
    entries = caller.ask("GET", "/leases/2001/entries?page=1&per_page=100&order=id").document["data"]
    assert sum(entry["amount_cents"] for entry in entries) == 0
    assert sum(amount for _, amount in caller.office.books.journal()) == Decimal(0)


def test_a_reference_stops_no_second_payment() -> None:
    caller, _ = opened()

    caller.pay()
    caller.pay()

    assert len(caller.payments()) == 2
    assert [one.reference for one in caller.office.books.entries] == ["PB-TEST01"] * 2


def test_a_key_does_and_only_where_the_vendor_knows_it(tmp_path: Path) -> None:
    text = HARBOR.read_text(encoding="utf-8")
    keyed = tmp_path / "keyed.yaml"
    start = text.index('          by: client_reference\n          look_up:\n            get: "/leases')  # fmt: skip
    end = text.index("        outcome:\n", start)
    keyed.write_text(text[:start] + "          by: header\n          name: X-Key\n" + text[end:], encoding="utf-8")
    caller, _ = opened(keyed)

    first = caller.ask("POST", "/leases/2001/payments", PAYMENT, x_key="k1")
    again = caller.ask("POST", "/leases/2001/payments", PAYMENT, x_key="k1")
    other = caller.ask("POST", "/leases/2001/payments", PAYMENT, x_key="k2")

    assert first.document == again.document
    assert other.document != first.document
    assert len(caller.office.books.entries) == 2
    assert caller.ask("POST", "/leases/2001/payments", PAYMENT).status == 422  # it wants one


def test_pages_are_cut_as_the_vendor_cuts_them() -> None:
    caller, _ = opened(page_rows=3)

    pages = [caller.ask("GET", f"/sites/1/units?page={n}&per_page=100&order=id").document for n in (1, 2, 3, 4)]

    assert [len(page["data"]) for page in pages] == [3, 3, 1, 0]
    assert {page["meta"]["total"] for page in pages} == {7}
    ids = [row["id"] for page in pages for row in page["data"]]
    assert len(set(ids)) == 7


def test_only_what_changed_since_is_listed_where_that_is_asked() -> None:
    caller, now = opened(page_rows=100)
    asked = "/sites/1/customers?page=1&per_page=100&order=id&changed_after=2026-05-04T15:00:00Z"
    assert caller.ask("GET", asked).document["data"] == []

    now.later(5)
    caller.ask("PATCH", "/customers/1002", {"customer": {"email": "new@tenant.example", "rev": "1"}})

    assert [row["id"] for row in caller.ask("GET", asked).document["data"]] == ["1002"]
    assert caller.ask("GET", asked.replace("2026-05-04T15", "yesterday")).status == 422


@pytest.mark.parametrize(("bound", "shown"), [("inclusive", True), ("exclusive", False)])
def test_what_changed_at_the_very_instant_is_listed_where_the_bound_is_inclusive(
    tmp_path: Path, bound: str, *, shown: bool
) -> None:
    text = HARBOR.read_text(encoding="utf-8")
    assert "bound: exclusive" in text
    mapping = tmp_path / "harbor.yaml"
    mapping.write_text(text.replace("bound: exclusive", f"bound: {bound}"), encoding="utf-8")
    caller, now = opened(mapping, page_rows=100)
    day = (now() - timedelta(days=30)).strftime("%Y-%m-%dT%H:%M:%SZ")  # nothing changed since the books began

    got = caller.ask("GET", f"/sites/1/customers?page=1&per_page=100&order=id&changed_after={day}")

    assert bool(got.document["data"]) is shown


def test_more_calls_than_the_vendor_bears_are_told_to_wait() -> None:
    caller, now = opened()

    statuses = [caller.ask("GET", "/ping").status for _ in range(20)]
    assert statuses.count(429) == 20 - 13
    assert caller.ask("GET", "/ping").headers["Retry-After"] == "1"

    now.later(2)
    assert caller.ask("GET", "/ping").status == 200


def test_an_edit_changes_what_it_says_and_needs_the_newest_version() -> None:
    caller, _ = opened()
    before = caller.ask("GET", "/customers/1001").document["data"]

    got = caller.ask("PATCH", "/customers/1001", {"customer": {"email": "new@tenant.example", "rev": before["rev"]}})
    stale = caller.ask("PATCH", "/customers/1001", {"customer": {"email": "old@tenant.example", "rev": before["rev"]}})
    unknown = caller.ask("PATCH", "/customers/1001", {"customer": {"colour": "blue", "rev": "2"}})

    after = caller.ask("GET", "/customers/1001").document["data"]
    assert got.status == 200
    assert stale.status == 412
    assert unknown.status == 422
    assert after == {**before, "email": "new@tenant.example", "rev": "2", "changed_at": after["changed_at"]}


def test_a_list_in_an_edit_is_taken_whole() -> None:
    caller, _ = opened()
    phones = [{"type": "home", "number": "(312) 555-0177"}]

    caller.ask("PATCH", "/customers/1001", {"customer": {"phones": phones, "rev": "1"}})

    shown = caller.ask("GET", "/customers/1001").document["data"]["phones"]
    assert {"type": "home", "number": "(312) 555-0177"} in shown
    assert not any(phone["type"] == "fax" for phone in shown)


STATE = "{at: status, codec: lease_state}"
NOTE = "      - name: note\n"
ODD = {
    "turned round": (STATE, STATE.replace("at: status", 'expr: "to_string(status)"')),
    "graphql": (NOTE, f"{NOTE}        encoding: graphql\n"),
    "leese_state": ("codec: lease_state", "codec: leese_state"),
}


@pytest.mark.parametrize(("what", "truth", "told"), [(what, *change) for what, change in ODD.items()])
def test_what_cannot_be_played_is_said_at_once(tmp_path: Path, what: str, truth: str, told: str) -> None:
    text = HARBOR.read_text(encoding="utf-8")
    assert truth in text
    file = tmp_path / "odd.yaml"
    file.write_text(text.replace(truth, told), encoding="utf-8")

    with pytest.raises(CannotPlayError, match=what):
        Caller(Office(file)).ask("GET", "/leases/2001")


def test_no_file_and_no_yaml_are_said(tmp_path: Path) -> None:
    (tmp_path / "list.yaml").write_text("- a\n", encoding="utf-8")
    with pytest.raises(CannotPlayError, match="no table"):
        Office(tmp_path / "list.yaml")
    with pytest.raises(CannotPlayError, match="cannot be read"):
        Office(tmp_path / "nothing.yaml")
