"""What the newcomer's page promises of its mapping: how short it is, and what it covers. Its commands run elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pmsbridge.ports.capability import Support
from pmsbridge_rest.lint import lint
from pmsbridge_rest.mapping.connection import Evidence, Vendor
from pmsbridge_rest.mapping.document import Mapping
from pmsbridge_rest.mapping.reading import read_mapping
from pmsbridge_rest.promises import capabilities_of
from pmsbridge_rest.spec import Spec, load_spec
from tests.e2e.conftest import ROOT

PAGE = (ROOT / "docs" / "adapters" / "write-a-mapping.md").read_text(encoding="utf-8")
COVERED = ("take_payment", "set_autopay", "schedule_move_out", "cancel_move_out", "change_contact", "add_note",
           "post_bulletin")  # fmt: skip
MOST_LINES = 150


def block(name: str) -> str:
    (found,) = re.findall(rf"^```yaml\n# file: {re.escape(name)}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


@pytest.fixture(scope="module")
def quay() -> Mapping:
    return read_mapping(block("quay.yaml").encode(), file="quay.yaml")


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Spec:
    file: Path = tmp_path_factory.mktemp("quay") / "openapi.yaml"
    file.write_text(block("quay-openapi.yaml"), encoding="utf-8")
    return load_spec(file)


@pytest.mark.parametrize("action", COVERED)
def test_what_a_tenant_asks_for_the_back_office_does_itself(quay: Mapping, action: str) -> None:
    assert action in quay.actions
    assert capabilities_of(quay)[action].support is Support.NATIVE


def test_it_is_one_short_file() -> None:
    lines = block("quay.yaml").splitlines()

    assert len(lines) <= MOST_LINES
    assert max(map(len, lines)) <= 160


def test_nothing_is_wrong_with_it_beside_its_document(document: Spec) -> None:
    found = lint(block("quay.yaml").encode(), spec=document, production=True)

    assert [(each.level, each.rule) for each in found] == [("warning", "write_without_key")]


def test_every_word_of_evidence_on_the_page_is_one_that_a_mapping_may_say() -> None:
    paragraphs = [each for each in re.split(r"\n(?=\n|- )", PAGE) if "`evidence`" in each]
    words = {word for each in paragraphs for word in re.findall(r"`([a-z_]+)`", each)} - set(Vendor.model_fields)

    assert len(paragraphs) > 1
    assert {Evidence.OFFICIAL_SPEC, Evidence.SANDBOX, Evidence.GUESS} <= words
    assert words <= set(Evidence)


def test_every_shipped_vendor_has_a_page_that_the_index_names() -> None:
    from pmsbridge_rest.shipped import shipped_mappings

    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")

    for name in shipped_mappings():
        page = (ROOT / "docs" / "adapters" / f"{name}.md").read_text(encoding="utf-8")
        assert f"(adapters/{name}.md)" in index
        assert f'mapping = "{name}"' in page
        assert f"<!-- generated: {name}-capabilities -->" in page
