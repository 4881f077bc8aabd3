"""Every mapping keeps what every adapter must, against the back office that is made of it, over real HTTP."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pmsbridge.errors import UnsupportedError
from pmsbridge.testing.conformance import Conformance, Subject
from pmsbridge_rest.testing import opened_subject

HARBOR = Path(__file__).parent.parent / "adapters" / "rest" / "harbor.yaml"
PLAYED = HARBOR.parent / "played"


class TestHarbor(Conformance):
    """A made-up vendor."""

    @pytest.fixture(scope="class")
    @classmethod
    def subject(cls) -> Iterator[Subject]:
        with opened_subject(HARBOR) as subject:
            yield subject


class TestBuildium(Conformance):
    """Residential leases."""

    @pytest.fixture(scope="class")
    @classmethod
    def subject(cls) -> Iterator[Subject]:
        with opened_subject("buildium") as subject:
            yield subject


class TestCubby(Conformance):
    """Self storage, by posts alone."""

    @pytest.fixture(scope="class")
    @classmethod
    def subject(cls) -> Iterator[Subject]:
        with opened_subject("cubby") as subject:
            yield subject


class TestBooqable(Conformance):
    """Equipment rental, in JSON:API."""

    @pytest.fixture(scope="class")
    @classmethod
    def subject(cls) -> Iterator[Subject]:
        with opened_subject("booqable") as subject:
            yield subject


class TestStoredge(Conformance):
    """Self storage; no call that lists the movements of an account is published."""

    @pytest.fixture(scope="class")
    @classmethod
    def subject(cls) -> Iterator[Subject]:
        with opened_subject("storedge") as subject:
            yield subject

    def test_a_ledger_adds_up_to_its_balance(self, subject: Subject) -> None:
        with pytest.raises(UnsupportedError):
            subject.adapter.ledger(subject.facility, subject.tenant_id, "2001")


class TestBeacon(Conformance):
    """A vendor that is asked in GraphQL alone, with errors within status 200."""

    @pytest.fixture(scope="class")
    @classmethod
    def subject(cls) -> Iterator[Subject]:
        with opened_subject(PLAYED / "beacon.yaml") as subject:
            yield subject


class TestFerry(Conformance):
    """A vendor whose writes are forms, answered with tickets that are asked about until they are over."""

    @pytest.fixture(scope="class")
    @classmethod
    def subject(cls) -> Iterator[Subject]:
        with opened_subject(PLAYED / "ferry.yaml") as subject:
            yield subject


PAPERS = """\
  attach_document:
    steps:
      - name: upload
        post: "/leases/{effect.rental_id}/papers"
        %s
        idempotency:
          by: client_reference
          look_up:
            get: "/leases/{effect.rental_id}/papers"
            rows: papers
            match: {%s: "{effect.%s}"}
            outputs: {paper: id}
        outputs: {paper: id}

unsupported:
"""
SPOKEN = {
    "multipart": (
        'encoding: multipart\n        body: {ref: "{effect.reference}", file: {$file: "{effect.title}"}}', "ref",
        "reference",
    ),
    "file": ('encoding: file\n        query: {ref: "{effect.reference}"}', "sha256", "sha256"),
}  # fmt: skip


class TestHarborWithPapers(Conformance):
    """The same vendor, if it took what tenants hand in: as a part, and as the whole body."""

    @pytest.fixture(scope="class", params=list(SPOKEN))
    @classmethod
    def subject(cls, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Subject]:
        folder = tmp_path_factory.mktemp("harbor")
        text = HARBOR.read_text(encoding="utf-8").replace(
            "  attach_document: {because: the vendor keeps no papers}\n", ""
        )
        made = folder / "harbor.yaml"
        made.write_text(text.replace("unsupported:\n", PAPERS % SPOKEN[request.param]), encoding="utf-8")
        shutil.copy(HARBOR.with_name("harbor.office.yaml"), folder)
        with opened_subject(made) as subject:
            yield subject


def test_cubby_quotes_months_ahead_for_every_current_rental() -> None:
    with opened_subject("cubby") as subject:
        quote = subject.adapter.prepay_quote(subject.facility, subject.tenant_id, 3)
        rows = subject.adapter.account(subject.facility, subject.tenant_id).current

    assert rows
    assert [(line.rental_id, line.future) for line in quote.lines] == [
        (row.id, row.rental.rent * 3) for row in rows if row.rental.rent is not None
    ]
    assert quote.months == 3
