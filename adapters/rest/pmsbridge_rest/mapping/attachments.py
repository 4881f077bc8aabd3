"""Files in a mapping: where one may be sent, and in which spelling; and that one that is handed in is sent at all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from pmsbridge_rest.mapping.actions import Action, Step
from pmsbridge_rest.mapping.auth import JwtAuth, SessionAuth, SignatureAuth
from pmsbridge_rest.mapping.document import Mapping
from pmsbridge_rest.mapping.requests import Call
from pmsbridge_rest.mapping.walking import Key, sections_of

__all__ = ["CARRIES_A_FILE", "file_problems", "sends_file"]

CARRIES_A_FILE: Final = "attach_document"
"""The one effect with which something is handed in."""

_WHOLE_BODY: Final = re.compile(r"\{\s*step\.body(_base64)?\s*[?|}]")

Found = Iterator[tuple[Key, str, str]]


def file_problems(mapping: Mapping) -> Found:
    """Every file that cannot be sent from where it stands, and one that is not sent although it is handed in."""
    steps = [step for step in _attaching(mapping) if sends_file(step)]
    for key, section in sections_of(mapping):
        if isinstance(section, Call):
            yield from _misplaced(mapping, key, section, may_send=any(section is step for step in steps))
    yield from _unsent(mapping, steps)
    for name, action in mapping.actions.items():
        if action.max_bytes is not None and name != CARRIES_A_FILE:
            yield ("actions", name, "max_bytes"), "wrong_place", f"max_bytes belongs to {CARRIES_A_FILE}"
    if steps:
        yield from _unsignable(mapping)


def _misplaced(mapping: Mapping, key: Key, call: Call, *, may_send: bool) -> Found:
    spoken = call.encoding or mapping.encoding
    within = list(_files_in(call.body, (*key, "body")))
    whole: list[Key] = [(*key, "encoding")] if call.encoding == "file" else []
    for where in (*within, *whole):
        if not may_send:
            yield where, "wrong_place", f"only a step of {CARRIES_A_FILE} has a file to send"
    for where in within:
        if spoken != "multipart":
            yield where, "file_needs_multipart", f"a file cannot stand in {spoken}; say encoding: multipart"


def sends_file(call: Call) -> bool:
    """Whether a call has a file in it."""
    return call.encoding == "file" or any(True for _ in _files_in(call.body, ()))


def _attaching(mapping: Mapping) -> tuple[Step, ...]:
    action: Action | None = mapping.actions.get(CARRIES_A_FILE)
    return () if action is None else action.steps


def _unsent(mapping: Mapping, steps: list[Step]) -> Found:
    if _attaching(mapping) and not steps:
        what = 'no step sends the file; give a multipart body $file: "{effect.title}", or a step the encoding file'
        yield ("actions", CARRIES_A_FILE, "steps"), "file_not_sent", what
    for number, step in enumerate(_attaching(mapping)):
        at = getattr(step.idempotency, "at", None)
        if step.encoding == "file" and at is not None:
            where: Key = ("actions", CARRIES_A_FILE, "steps", number, "idempotency", "at")
            yield where, "wrong_place", "a body that is a file has no fields; put the key into a header or the path"


def _unsignable(mapping: Mapping) -> Found:
    """Credentials that go over the text of a body: a file is not read into one."""
    auth = mapping.auth
    texts = {"over": auth.over} if isinstance(auth, SignatureAuth) else {}
    texts |= {"digest_over": auth.digest_over} if isinstance(auth, JwtAuth) else {}
    for name, text in texts.items():
        if _WHOLE_BODY.search(text):
            what = "goes over the whole body, and a step sends a file; only a digest of the body can be signed then"
            yield ("auth", name), "file_not_signable", what
    if isinstance(auth, SessionAuth) and auth.carry.body is not None:
        what = "the session's token stands in the body, and a step sends a file; a header or the query can carry it"
        yield ("auth", "carry", "body"), "file_not_signable", what


def _files_in(value: Any, key: Key) -> Iterator[Key]:  # noqa: ANN401 - a body
    """Where a body has files."""
    if isinstance(value, dict):
        if "$file" in value:
            yield (*key, "$file")
        for name, each in value.items():
            yield from _files_in(each, (*key, name))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _files_in(each, (*key, number))
