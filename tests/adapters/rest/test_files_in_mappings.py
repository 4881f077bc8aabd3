"""Files in a mapping: where they may stand, how they are shown, what is signed over them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pmsbridge.cli.running import run
from pmsbridge.errors import ConfigurationError
from pmsbridge.ports.files import HandedFile
from pmsbridge.transport.http import HttpRequest, StreamedBody
from pmsbridge_rest.auth.parts import parts_of
from pmsbridge_rest.auth.session_login import _in_body
from pmsbridge_rest.mapping.reading import examine, load_mapping
from pmsbridge_rest.previewing import preview
from pmsbridge_rest.promises import capabilities_of

QUARRY = Path(__file__).parent / "quarry.yaml"
TEXT = QUARRY.read_text(encoding="utf-8")
MULTIPART = "        encoding: multipart\n"
FILE = '          file: {$file: "{effect.title}"}\n'
BODY = TEXT[TEXT.index(MULTIPART) : TEXT.index(FILE) + len(FILE)]
WHOLE = '        encoding: file\n        headers: {X-Ref: "{effect.reference}"}\n'
LOGIN = "auth: {scheme: bearer, token: token}"

LOOK = '            get: "/customers/{effect.tenant_id}/papers"'
NOTE = '        body: {text: "{effect.text} [{attempt.reference}]"}'
SIGNED = 'auth: {scheme: signature, key: token, over: "%s", send: {X-Sign: "{step.signature}"}}'
SESSION = """auth:
  scheme: session
  log_on: {post: /in, body: {key: "{secret.token}"}}
  token_at: t
  carry: {body: session}"""
TYPED = BODY.replace('$file: "{effect.title}"', "$file: 5")

WRONG = {
    "in JSON": (TEXT.replace(MULTIPART, ""), "file_needs_multipart", '"{effect.title}"'),
    "in a form": (TEXT.replace("encoding: multipart", "encoding: form"), "file_needs_multipart", '"{effect.title}"'),
    "never sent": (TEXT.replace(FILE, ""), "file_not_sent", "- name: upload"),
    "a key within a file": (
        TEXT.replace(BODY, WHOLE).replace(
            "idempotency:\n          by: client_reference\n          look_up:\n" + LOOK,
            "idempotency:\n          by: client_reference\n          at: ref\n          look_up:\n" + LOOK,
        ), "wrong_place", "ref",
    ),
    "in a note": (TEXT.replace(NOTE, '        body: {a: {$file: "{effect.text}"}}'), "wrong_place", '"{effect.text}"'),
    "as a note": (TEXT.replace(NOTE, "        encoding: file"), "wrong_place", "file"),
    "as large as a note": (TEXT.replace("  add_note:\n", "  add_note:\n    max_bytes: 5000\n"), "wrong_place", "5000"),
    "signed whole": (TEXT.replace(LOGIN, SIGNED % "{step.body}"), "file_not_signable", '"{step.body}"'),
    "with a session in the body": (TEXT.replace(LOGIN, SESSION), "file_not_signable", "session"),
    "beside a body": (TEXT.replace("encoding: multipart", "encoding: file"), "format", "name: upload"),
    "called by a number": (TEXT.replace(BODY, TYPED), "format", ""),
}  # fmt: skip


@pytest.mark.parametrize(("text", "rule", "there"), WRONG.values(), ids=WRONG)
def test_a_file_where_none_can_be_is_said_with_its_place(text: str, rule: str, there: str) -> None:
    problems = examine(text.encode()).problems
    found = [each for each in problems if each.rule == rule]

    assert found, [(each.rule, each.what) for each in problems]
    assert text.splitlines()[found[0].line - 1][found[0].column - 1 :].startswith(there), found[0]


RIGHT = {
    "multipart": TEXT,
    "whole body": TEXT.replace(BODY, WHOLE),
    "signed by its digest": TEXT.replace(LOGIN, SIGNED % "{step.body_sha256}"),
}


@pytest.mark.parametrize("text", RIGHT.values(), ids=RIGHT)
def test_a_file_where_it_belongs_is_no_problem(text: str) -> None:
    assert [each.what for each in examine(text.encode()).problems] == []


def test_the_capability_row_says_how_large_a_file_may_be() -> None:
    rows = capabilities_of(load_mapping(QUARRY))

    assert (rows["attach_document"].max_bytes, rows["add_note"].max_bytes) == (18_000_000, None)


def test_a_file_is_shown_by_name_and_size_without_being_read(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(["map", "try", str(QUARRY), "attach_document"]) == 0
    assert '"file": "<insurance.pdf, 48210 bytes>"' in capsys.readouterr().out
    whole = tmp_path / "whole.yaml"
    whole.write_text(TEXT.replace(BODY, WHOLE), encoding="utf-8")

    (sent, *_) = preview(load_mapping(whole), "attach_document")
    assert (sent.body, sent.encoding, json.dumps(sent.body)) == ("<the file, 48210 bytes>", "file", f'"{sent.body}"')


DATA = b"%PDF-" + bytes(200_000)


def request(*, streamed: bool) -> HttpRequest:
    file = HandedFile.of_bytes(DATA, name="a.pdf", media_type="application/pdf")
    body: Any = StreamedBody(file.size, file.pieces) if streamed else DATA
    return HttpRequest("PUT", "http://127.0.0.1/x", {"Content-Type": "application/pdf"}, body)


@pytest.mark.parametrize("name", ["body_sha256", "body_sha256_base64", "body_sha512", "body_md5_base64"])
def test_a_digest_over_a_streamed_body_is_that_of_the_same_bytes(name: str) -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    streamed, whole = (parts_of(request(streamed=each), now, "n") for each in (True, False))

    assert name in streamed
    assert streamed[name] == whole[name]
    assert parts_of(request(streamed=True), now, "n")["body_sha256"] == hashlib.sha256(DATA).hexdigest().encode()


def test_credentials_over_the_whole_text_of_a_streamed_body_are_refused_before_it_is_sent() -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)

    for name in ("body", "body_base64"):
        with pytest.raises(ConfigurationError, match="a file is not read into one"):
            parts_of(request(streamed=True), now, "n")[name]
    with pytest.raises(ConfigurationError):
        _in_body(request(streamed=True), "token", "abc")


def test_a_body_is_not_read_for_parts_that_nobody_asks_for() -> None:
    def read() -> Iterator[bytes]:
        raise AssertionError

    sent = HttpRequest("PUT", "http://127.0.0.1/x", {}, StreamedBody(5, read))
    assert parts_of(sent, datetime(2026, 11, 22, tzinfo=UTC), "n")["method"] == b"PUT"
