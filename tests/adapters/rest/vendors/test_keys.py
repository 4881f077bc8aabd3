"""Every request of a shipped mapping has the keys that its vendor knows: proven without the vendor's documents, too."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmsbridge_rest.filling import CannotSayError
from pmsbridge_rest.mapping.reading import load_mapping
from pmsbridge_rest.shipped import shipped_mappings
from pmsbridge_rest.spec import load_spec
from tests.adapters.rest.vendors.documents import document
from tests.adapters.rest.vendors.keys import DOCUMENTED, VENDORS, kept, requests_of, said_by_the_vendor
from tests.adapters.rest.vendors.said import Said, asked, effects, reads
from tests.adapters.rest.vendors.strictness import keys_unknown_to

MAPPINGS = {name: load_mapping(shipped_mappings()[name]) for name in VENDORS}
IDS = {"buildium": st.integers(1, 2**31 - 1).map(str)}
WORDS = st.from_regex(r"[a-z]{2,8}_[A-Za-z0-9]{6,12}", fullmatch=True)
RECORD: dict[str, Any] = {"PhoneNumbers": None, "Address": None, "FirstName": "A", "LastName": "B"}
EACH = [(name, kind) for name, mapping in MAPPINGS.items() for kind in mapping.actions]


def strangers(name: str, each: Said) -> list[str]:
    return keys_unknown_to(kept()[name], MAPPINGS[name].contract, each)


@pytest.mark.parametrize(("name", "kind"), EACH)
def test_what_is_sent_has_keys_and_kinds_of_values_that_the_vendor_knows(name: str, kind: str) -> None:
    mapping, count = MAPPINGS[name], Counter[str]()

    @given(effect=effects(mapping, kind, IDS.get(name, WORDS)))
    def check(effect: Any) -> None:
        try:
            for each in asked(mapping, effect, record=dict(RECORD)):
                if each.body is not None:
                    assert strangers(name, each) == []
                count[each.where] += 1
        except CannotSayError:
            count["refused before a byte leaves"] += 1

    check()
    assert any(count[where] for where in count if "refused" not in where)


@pytest.mark.parametrize("name", VENDORS)
def test_what_is_read_by_a_body_has_keys_that_the_vendor_knows(name: str) -> None:
    """But for filters by time: pages tell them in words, and no example has one."""
    asked_for = [said for said in reads(MAPPINGS[name]) if said.body is not None and not said.where.endswith(".since")]

    assert [each for said in asked_for for each in strangers(name, said)] == []


def test_a_key_that_no_vendor_has_is_noticed() -> None:
    table = kept()["buildium"]["take_payment.pay"]
    good = Said(
        "take_payment.pay", "POST", "/x", {}, dict.fromkeys((key for key in table if table[key] == ["text"]), "a")
    )
    assert strangers("buildium", good) == []

    assert strangers("buildium", Said("take_payment.pay", "POST", "/x", {}, {"Amount": 1}))
    assert strangers("buildium", Said("take_payment.pay", "POST", "/x", {}, {"TotalAmount": "1"}))


@pytest.mark.parametrize(
    ("where", "body"),
    [
        ("take_payment.pay", {"leaseId": "lease_1", "paymentMethodId": "pm_1", "amount": 1500}),
        ("schedule_move_out.plan", {"leaseId": "lease_1", "moveOutDate": "2026-03-31"}),
        ("add_note.note", {"leaseId": "lease_1", "text": "A note"}),
    ],
)
@pytest.mark.parametrize("stranger", ["moveOutDate", "token", "rentAmount", "where", "customReason"])
def test_a_key_of_another_verb_of_cubby_is_noticed(where: str, body: dict[str, Any], stranger: str) -> None:
    assert strangers("cubby", Said(where, "POST", "/x", {}, body)) == []

    found = strangers("cubby", Said(where, "POST", "/x", {}, {**body, stranger: "2026-03-31"}))

    known = where == "schedule_move_out.plan" and stranger in {"moveOutDate", "customReason"}
    assert found == ([] if known else [f"{where}: {stranger} is unknown"])


@pytest.mark.parametrize("name", VENDORS)
def test_the_table_has_every_request_with_a_body_and_no_other(name: str) -> None:
    assert set(kept()[name]) == {each.where for each in requests_of(name)}


def test_what_storedge_is_paid_by_is_what_its_page_names() -> None:
    table = kept()["storedge"]["take_payment.pay"]
    good = {"payment": {"kind": "custom", "amount": "5.00"}, "payment_method": {"payment_method_id": "pm"}}
    assert strangers("storedge", Said("take_payment.pay", "POST", "/x", {}, good)) == []

    for bad in ({**good, "amount": "5.00"}, {**good, "payment": {"amount": 5}}, {"payment_method_id": "pm"}):
        assert strangers("storedge", Said("take_payment.pay", "POST", "/x", {}, bad))
    assert not [key for key in table if "card_number" in key]


@pytest.mark.parametrize("name", DOCUMENTED)
def test_the_table_is_what_the_vendors_documents_say(name: str) -> None:
    assert kept()[name] == said_by_the_vendor(name)


def test_what_is_entered_by_hand_for_storedge_stands_in_no_description_that_it_could_be_made_of() -> None:
    """Fails when one is there that knows these keys: then make the table of it, as those of the others are made."""
    spec = load_spec(document("storedge-v1.thirdparty.openapi.yaml"))
    known = {}
    for each in requests_of("storedge"):
        operation = spec.find(each.method.lower(), each.path)
        known[each.where] = set(spec.shape(operation.body if operation else None).properties) & set(each.body)

    assert {where: keys for where, keys in known.items() if keys} == {"add_note.note": {"note"}}
    assert spec.shape(spec.shape(spec.find("post", "/f1/notes").body).properties["note"]).properties == {}  # type: ignore[union-attr]
