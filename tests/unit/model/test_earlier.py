"""What is left out of a stored record, so that earlier code can read it."""

from __future__ import annotations

import json
from typing import Annotated

import pytest

from pmsbridge.actions.effects import PaymentPart, PostBulletin, SendMail, effect_from_json
from pmsbridge.model.earlier import Since, as_earlier, stored_json, unsaid
from pmsbridge.model.record import Value
from pmsbridge.model.rental import Rental
from tests import builders as make
from tests.store.stored_kinds import stored_kinds
from tests.unit.model.specimens import SPECIMENS


class Leaf(Value):
    said: str = ""
    later: Annotated[int, Since(9)] = 7


class Other(Value):
    kind: str = "other"


class Tree(Value):
    name: str
    one: Leaf | Other | None = None
    many: tuple[Leaf, ...] = ()
    named: dict[str, Leaf] = {}
    later: Annotated[str | None, Since(9)] = None


def written(value: Value) -> dict[str, object]:
    found: dict[str, object] = json.loads(stored_json(value))
    return found


def test_a_later_field_is_left_out_while_it_says_nothing_wherever_it_stands() -> None:
    tree = Tree(name="x", one=Leaf(said="a"), many=(Leaf(said="b"), Leaf()), named={"c": Leaf(said="c")})

    assert written(tree) == {
        "name": "x", "one": {"said": "a"}, "many": [{"said": "b"}, {"said": ""}], "named": {"c": {"said": "c"}},
    }  # fmt: skip
    assert Tree.model_validate_json(stored_json(tree)) == tree


@pytest.mark.parametrize(
    "tree",
    [
        Tree(name="x", later="y"),
        Tree(name="x", one=Leaf(later=8)),
        Tree(name="x", many=(Leaf(), Leaf(later=0))),
        Tree(name="x", named={"a": Leaf(later=6)}, one=Other()),
    ],
)
def test_a_record_in_which_one_of_them_says_something_has_them_all(tree: Tree) -> None:
    assert unsaid(tree) is None
    assert written(tree) == tree.model_dump(mode="json")
    assert as_earlier(Tree, written(tree)) == tree.model_dump(mode="json")


def test_what_has_no_later_field_is_written_as_it_is() -> None:
    other = Other()

    assert written(other) == {"kind": "other"}
    document = {"kind": "other"}
    assert as_earlier(Other, document) is document


STORED = [each for each in SPECIMENS if isinstance(each, Value) and type(each).__name__ in stored_kinds()]


@pytest.mark.parametrize("value", STORED, ids=lambda value: type(value).__name__)
def test_every_record_is_read_back_as_it_was_and_its_json_is_cut_alike(value: Value) -> None:
    assert type(value).model_validate_json(stored_json(value)) == value
    assert as_earlier(type(value), value.model_dump(mode="json")) == written(value)


def test_effects_as_earlier_code_knows_them() -> None:
    part = PaymentPart(rental_id="R1", unit_id="U1", amount=make.usd("1.00"))
    post = PostBulletin(account="a", facility="f", subject="s", body="b", reference="PB-ABCDEF")
    mail = SendMail(account="a", facility="f", to="a@example.test", subject="s", text="t", reference="PB-ABCDEF")

    assert "invoice_id" not in written(part)
    assert not {"tenant_id", "rental_id"} & set(json.loads(post.as_stored))
    assert "link" not in json.loads(mail.as_stored)
    for effect in (post, mail, post.changed(tenant_id="T1"), mail.changed(link="sign-in")):
        assert effect_from_json(effect.as_stored) == effect
    assert json.loads(post.changed(tenant_id="T1").as_stored)["rental_id"] is None


def test_a_rental_of_a_unit_is_one_for_earlier_code_and_a_contract_is_none() -> None:
    unit = make.row().rental

    assert not {"kind", "number"} & set(written(unit))
    assert written(unit.changed(number="C-1"))["kind"] == "unit"
    assert as_earlier(Rental, {"kind": "contract", "number": ""}) == {"kind": "contract", "number": ""}
