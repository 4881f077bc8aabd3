"""Papers of a tenant over loopback: listed as far as the tenant may see them, streamed, capped, of their kind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pmsbridge.errors import NotFoundError, RejectedError, UnavailableError, UnsupportedError
from pmsbridge.ports.books import PaperPort
from pmsbridge.testing.memory import TestClock
from pmsbridge_rest.adapter import RestAdapter, create
from tests.adapters.rest.wire.harbor_office import HarborOffice, good, opened_harbor
from tests.adapters.rest.wire.office import Answer, FakeSecrets, Office, opened, run

HARBOR = Path(__file__).parent.parent / "harbor.yaml"
PDF = b"%PDF-1.7 " + bytes(range(256)) * 1_500
DOCUMENTS = """
  documents:
    of_tenant: {get: "/customers/{read.tenant_id}/papers"}
    of_rental: {get: "/leases/{read.rental_id}/papers"}
    shown: {get: "/papers/{read.id}/sharing", match: {tenants: true}}
    FILE
    fields:
      id: id
      tenant_id: {value: "{read.tenant_id}"}
      rental_id: {value: "{read.rental_id?}"}
      kind: {value: lease}
      title: name
      dated_on: day
      size_bytes: bytes
"""
DIRECT = 'file: {get: "/papers/{read.id}/content", kinds: [application/pdf, text/plain]}'
LINKED = 'file: {post: "/papers/{read.id}/link", safe: true, link_at: url, kinds: [application/pdf]}'


def paper(key: str, **more: Any) -> dict[str, Any]:
    return {"id": key, "name": f"Lease {key}", "day": f"2026-0{key}-01", "bytes": len(PDF), **more}


class PaperOffice(HarborOffice):
    """A back office that keeps papers: number 3 is for the staff's eyes only."""

    def __init__(self) -> None:
        super().__init__()
        self.filed = {"customers/7": [paper("1")], "leases/70": [paper("2"), paper("3")], "leases/71": [paper("2")]}
        self.contents: dict[str, Answer] = {}
        self.link = ""
        self.routes += [
            ("GET", r"/(\w+/\w+)/papers", lambda _seen, key: good(self.filed.get(key, []))),
            ("GET", r"/papers/(\w+)/sharing", lambda _seen, key: good({"tenants": key != "3"})),
            ("GET", r"/papers/(\w+)/content", lambda _seen, key: self.contents[key]),
            ("POST", r"/papers/(\w+)/link", lambda _seen, _key: good({"url": self.link})),
        ]


@pytest.fixture
def office() -> Iterator[PaperOffice]:
    with run(PaperOffice()) as found:
        assert isinstance(found, PaperOffice)
        found.contents["2"] = Answer(raw=PDF, headers={"Content-Type": "application/pdf"})
        yield found


def adapter_at(url: str, folder: Path, file: str = DIRECT, *, caps: str = "") -> RestAdapter:
    text = HARBOR.read_text(encoding="utf-8")
    mapping = folder / "papers.yaml"
    text = text.replace("\nactions:\n", DOCUMENTS.replace("FILE", file) + "\nactions:\n", 1)
    mapping.write_text(text.replace("  base_url:", f"{caps}  base_url:", 1), encoding="utf-8")
    options = {
        "mapping": str(mapping), "options": {"company": "acme"}, "base_url": url,
        "secrets": {"client_id": "env:ID", "client_secret": "env:SECRET"},
        "facilities": [{"code": "H1", "zone": "America/Chicago", "options": {"site": "1"}}],
    }  # fmt: skip
    return create(
        "main", options, secrets=FakeSecrets(id="not-a-real-id", secret="not-a-real-secret"), clock=TestClock()
    )


@pytest.fixture
def adapter(office: PaperOffice, tmp_path: Path) -> Iterator[RestAdapter]:
    made = adapter_at(office.url, tmp_path)
    yield made
    made.close()


def read(adapter: RestAdapter, document_id: str = "2") -> tuple[str, str, bytes]:
    with adapter.content("H1", "7", document_id) as content:
        return content.name, content.media_type, b"".join(content.chunks)


@pytest.mark.fact("S3.5")
def test_a_tenant_sees_the_papers_that_are_shared_newest_first_and_each_once(adapter: RestAdapter) -> None:
    assert isinstance(adapter, PaperPort)
    assert [(each.id, each.title, each.size_bytes) for each in adapter.documents("H1", "7")] == [
        ("2", "Lease 2", len(PDF)), ("1", "Lease 1", len(PDF)),
    ]  # fmt: skip


def test_a_paper_is_streamed_under_a_name_and_kind_of_its_own(adapter: RestAdapter) -> None:
    assert read(adapter) == ("Lease 2.pdf", "application/pdf", PDF)


@pytest.mark.fact("S3.5")
@pytest.mark.parametrize("document_id", ["3", "9", "../1"], ids=["not shared", "not there", "no id"])
def test_what_a_tenant_may_not_see_is_not_there(adapter: RestAdapter, office: PaperOffice, document_id: str) -> None:
    office.contents["3"] = Answer(raw=PDF, headers={"Content-Type": "application/pdf"})
    with pytest.raises(NotFoundError):
        read(adapter, document_id)

    assert not [seen for seen in office.seen if seen.path.endswith("/content")]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(raw=b"<html>", headers={"Content-Type": "application/pdf"}), RejectedError),
        (Answer(raw=b"<html>", headers={"Content-Type": "text/html"}), RejectedError),
        (Answer(raw=b"\x89PNG\r\n\x1a\n0", headers={"Content-Type": "text/plain"}), RejectedError),
        (Answer(404, {"ok": False, "error": {"code": "NONE"}}), NotFoundError),
        (Answer(204), UnavailableError),
        (Answer(500, {}), UnavailableError),
        (Answer(raw=PDF, headers={"Content-Type": "application/pdf"}, cut=300), UnavailableError),
    ],
    ids=["a page called a PDF", "a page", "a picture called text", "gone", "nothing", "an error", "cut"],
)
def test_what_is_no_such_file_is_not_handed_out_as_one(
    adapter: RestAdapter, office: PaperOffice, answer: Answer, error: type[Exception]
) -> None:
    office.contents["2"] = answer
    with pytest.raises(error):
        read(adapter)


def test_a_text_is_handed_out_and_not_called_what_nothing_shows(adapter: RestAdapter, office: PaperOffice) -> None:
    office.contents["2"] = Answer(raw=b"hello", headers={"Content-Type": "text/plain; charset=utf-8"})

    assert read(adapter) == ("Lease 2", "application/octet-stream", b"hello")


@pytest.mark.parametrize("told", [True, False], ids=["by its size", "while it comes"])
def test_a_file_above_the_cap_is_refused(office: PaperOffice, tmp_path: Path, *, told: bool) -> None:
    adapter = adapter_at(office.url, tmp_path, caps="  caps: {file_bytes: 100000}\n")
    if not told:
        office.filed["leases/70"] = [paper("2", bytes=None)]
        office.filed["leases/71"] = []
    with pytest.raises(RejectedError) as caught:
        read(adapter)
    adapter.close()

    assert caught.value.code == "too_large"


@pytest.fixture
def store() -> Iterator[Office]:
    with opened() as found:
        found.answers("/signed/2", Answer(raw=PDF, headers={"Content-Type": "binary/octet-stream"}))
        yield found


def test_a_link_is_followed_without_our_credentials(office: PaperOffice, store: Office, tmp_path: Path) -> None:
    office.link = f"{store.url}/signed/2?token=good-for-five-minutes"
    adapter = adapter_at(office.url, tmp_path, LINKED)

    assert read(adapter) == ("Lease 2.pdf", "application/pdf", PDF)
    adapter.close()
    (seen,) = store.seen
    assert not {"authorization", "x-client-id", "x-client-secret", "cookie"} & set(seen.headers)


@pytest.mark.parametrize(
    "link",
    [
        "http://files.example.com/1",
        "https://127.0.0.1:1/x",
        "file:///etc/hosts",
        "https://user:pw@x.example/1",
        "",
        "x",
    ],
)
def test_a_link_leads_where_the_mapping_says_and_nowhere_else(
    office: PaperOffice, store: Office, tmp_path: Path, link: str
) -> None:
    office.link = link
    hosts = LINKED.replace("kinds:", "link_hosts: [.files.example], kinds:")
    adapter = adapter_at(office.url, tmp_path, hosts)
    with pytest.raises(RejectedError) as caught:
        read(adapter)
    adapter.close()

    assert caught.value.code == "bad_link"


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_link_that_is_over_leads_to_no_document(
    office: PaperOffice, store: Office, tmp_path: Path, status: int
) -> None:
    store.answers("/signed/2", Answer(status, {}))
    office.link = f"{store.url}/signed/2"
    adapter = adapter_at(office.url, tmp_path, LINKED)
    with pytest.raises(NotFoundError):
        read(adapter)
    adapter.close()


def test_a_mapping_without_papers_says_so(tmp_path: Path) -> None:
    with opened_harbor() as office:
        options = {
            "mapping": str(HARBOR), "options": {"company": "acme"}, "base_url": office.url,
            "secrets": {"client_id": "env:ID", "client_secret": "env:SECRET"},
            "facilities": [{"code": "H1", "zone": "America/Chicago", "options": {"site": "1"}}],
        }  # fmt: skip
        secrets = FakeSecrets(id="not-a-real-id", secret="not-a-real-secret")
        adapter = create("main", options, secrets=secrets, clock=TestClock())
        with pytest.raises(UnsupportedError):
            adapter.documents("H1", "7")
        adapter.close()
