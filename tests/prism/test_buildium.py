"""The mapping of Buildium against Prism: an implementation of the vendor's document that nobody here wrote.

``make test-prism`` runs this. Prism remembers nothing, so nothing is read back; what it knows is the document, and with
``--errors`` it refuses what does not fit it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from pmsbridge.actions.effects import EffectBody
from pmsbridge.errors import OutcomeUnknownError, RejectedError
from pmsbridge.ports.adapter import Adapter, Entity, Query
from pmsbridge.ports.outcome import Absent, Attempt, Found
from pmsbridge_rest.adapter import create
from pmsbridge_rest.mapping.reading import load_mapping
from pmsbridge_rest.shipped import file_of
from pmsbridge_rest.testing.harness import SandboxSecrets, examples_of
from tests.adapters.rest.vendors.documents import parsed
from tests.prism.present import DOCUMENT
from tests.prism.prism_server import fit_to_serve, prism

PROGRAM = os.environ.get("PRISM", "")
WORDS = {"client_id": "fake-id", "client_secret": "fake-secret", "webhook_secret": "fake-hook"}
KEY = "0123456789abcdef" * 2
EXAMPLES = examples_of(load_mapping(file_of("buildium")), date(2026, 5, 4))


def _account(base_url: str, mapping: str) -> Adapter:
    options = {
        "mapping": mapping,
        "base_url": f"{base_url}/v1",
        "options": {"staff_user": "7"},
        "secrets": {name: f"env:{name}" for name in WORDS},
        "facilities": [{"code": "F1", "zone": "America/Chicago", "options": {"property": "0"}}],
    }
    return create("main", options, secrets=SandboxSecrets(WORDS))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if not shutil.which("node"):
        pytest.skip("needs node")
    if not PROGRAM:
        pytest.skip("needs Prism, which `make test-prism` installs and names")
    published = parsed(DOCUMENT)
    with prism(PROGRAM, fit_to_serve(published, ("Home", "Payment")), tmp_path_factory.mktemp("prism")) as url:
        yield url


@pytest.fixture(scope="module")
def adapter(served: str) -> Iterator[Adapter]:
    made = _account(served, "buildium")
    yield made
    made.close()


@pytest.mark.parametrize("effect", EXAMPLES, ids=lambda effect: str(getattr(effect, "kind", "")))
def test_every_action_is_taken_as_the_document_has_it(adapter: Adapter, effect: EffectBody) -> None:
    attempt = Attempt(key=KEY, baseline=adapter.baseline(effect))
    if getattr(effect, "kind", "") == "change_contact":
        # Prism remembers nothing: the record is read back as it was, which the adapter must not take for done.
        with pytest.raises(OutcomeUnknownError, match="reading it back shows"):
            adapter.execute(effect, attempt)
    else:
        receipt = adapter.execute(effect, attempt)
        assert receipt.code in {"200", "201", "204"}

    assert isinstance(adapter.probe(effect, attempt), Absent | Found)


def test_every_read_is_answered_and_read(adapter: Adapter) -> None:
    assert adapter.facility("F1").id == "F1"
    assert adapter.tenant("F1", "0").id == "0"
    assert list(adapter.units("F1"))
    assert adapter.ledger("F1", "0", "0")
    assert adapter.payments("F1", "0", "0")
    assert adapter.notes("F1", "0", "0")
    for entity in (Entity.UNITS, Entity.TENANTS, Entity.RENTALS):
        assert [record for batch in adapter.fetch(Query(entity, "F1")) for record in batch.records], entity


TOTAL = '          TotalAmount: "{effect.total|amount_number}"\n          Date: "{today}"\n'
UNFIT = {
    "type": (TOTAL, TOTAL.replace('"{effect.total|amount_number}"', "many")),
    "word": ("PaymentMethod: ElectronicPayment", "PaymentMethod: Barter"),
    "missing": (TOTAL, ""),
}


@pytest.mark.parametrize(("truth", "told"), UNFIT.values(), ids=UNFIT.keys())
def test_what_does_not_fit_the_document_is_refused(served: str, tmp_path: Path, truth: str, told: str) -> None:
    text = file_of("buildium").read_text(encoding="utf-8")
    assert truth in text
    lying = tmp_path / "lying.yaml"
    lying.write_text(text.replace(truth, told, 1), encoding="utf-8")
    payment = next(effect for effect in EXAMPLES if getattr(effect, "kind", "") == "take_payment")
    adapter = _account(served, str(lying))

    with pytest.raises(RejectedError):
        adapter.execute(payment, Attempt(key=KEY))
    adapter.close()
