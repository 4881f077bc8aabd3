"""Drafts from documents that vendors, or somebody who watched them, really wrote; on machines that have them."""

from __future__ import annotations

import pytest

from pmsbridge_rest.lint import lint
from pmsbridge_rest.mapping.connection import Evidence
from pmsbridge_rest.mapping.document import Mapping
from pmsbridge_rest.mapping.reading import read_mapping
from pmsbridge_rest.scaffold import scaffold
from pmsbridge_rest.spec import Spec, load_spec
from tests.adapters.rest.vendors.documents import document

LEAST = {
    "buildium-v1.openapi.json": {"units", "tenants"},
    "storedge-v1.thirdparty.openapi.yaml": {"units", "tenants"},
    "booqable-v4.thirdparty.openapi.yaml": set[str](),
}
"""What a draft of each finds at least; a document of JSON:API says too little for any noun."""


def drafted(name: str) -> tuple[str, Mapping, Spec]:
    spec = load_spec(document(name))
    draft = scaffold(spec, name="drafted", file=name, evidence=Evidence.THIRD_PARTY_SPEC)
    return draft, read_mapping(draft.encode(), file="drafted.yaml"), spec


@pytest.mark.parametrize("name", LEAST)
def test_a_draft_of_a_real_document_can_be_used_and_has_no_error_beside_it(name: str) -> None:
    draft, mapping, spec = drafted(name)

    errors = [each for each in lint(draft.encode(), spec=spec) if each.level == "error"]

    assert LEAST[name] <= set(mapping.entities)
    assert [f"{each.key}: {each.what}" for each in errors] == []
    assert draft.startswith("# yaml-language-server: $schema=pmsmap-1.json\n# A draft")


@pytest.mark.parametrize("name", LEAST)
def test_a_draft_moves_no_money_that_nothing_would_recognise(name: str) -> None:
    _, mapping, _ = drafted(name)

    pay = mapping.actions.get("take_payment")

    assert pay is None or all(step.idempotency.by != "none" for step in pay.steps)
    assert "take_payment" in {**mapping.actions, **mapping.unsupported}


@pytest.mark.parametrize("name", LEAST)
def test_a_draft_is_for_a_person_to_finish_and_never_for_production(name: str) -> None:
    draft, mapping, _ = drafted(name)

    found = {each.rule for each in lint(draft.encode(), production=True)}

    assert mapping.vendor.evidence is Evidence.THIRD_PARTY_SPEC
    assert found & {"guess", "guess_in_production"}
