"""What a mapping says and this sandbox cannot play: said at the start, with line and word, never half played."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from .door import SCHEMES
from .mapping_file import CannotPlayError, Sheet
from .paths import is_plain, turned_round
from .plan import NOUN_OF, Plan, Role
from .spelling import KINDS
from .templates import slots_in

_ENCODINGS: Final = frozenset({"json", "form", "jsonapi", "multipart", "file", "graphql"})
_EDITS: Final = frozenset({"change_contact", "set_consent"})
_PAGING: Final = {
    "page": ("total_at", "more_at", "last_at"), "offset": ("total_at", "more_at"),
    "cursor": ("total_at", "more_at", "next_at"), "keyset": ("total_at", "more_at"),
    "link_header": ("total_at", "more_at"), "next_url": ("total_at", "more_at", "next_at"),
    "header": ("total_at", "more_at"), "stored_set": ("total_at", "more_at", "set_at"),
}  # fmt: skip
"""Styles of lists in pieces, and what each says in an answer."""

_NOT_ROUND: Final = "is an expression that cannot be turned round, so the sandbox does not know where to put the value"

Key = tuple[str | int, ...]


def check(plan: Plan) -> None:
    """Look at everything that a mapping asks of its vendor.

    Raises:
        CannotPlayError: Something cannot be played; one line for each.
    """
    found = dict.fromkeys(plan.sheet.said(what, *key) for key, what in _problems(plan))
    if found:
        raise CannotPlayError("\n".join(found))


def notes_on(sheet: Sheet) -> list[str]:
    """What is left out or looked at less strictly than the vendor does, a sentence each, with its line."""
    found = []
    for noun, entity in sheet.part("entities").items():
        file = entity.get("file")
        if isinstance(file, Mapping) and "link_at" in file:
            what = "a file behind a link is not played: that call is answered with status 501"
            found.append(sheet.said(what, "entities", noun, "file", "link_at"))
    scheme = sheet.part("auth").get("scheme")
    if scheme in {"signature", "jwt"}:
        found.append(sheet.said(f"of a {scheme}, only that it is there is looked at", "auth", "scheme"))
    for name, action in sheet.part("actions").items():
        found += [sheet.said(what, *key) for key, what in _left_out(("actions", name), action)]
    if sheet.part("webhooks"):
        found.append(sheet.said("webhooks are not sent", "webhooks"))
    return found


def _left_out(key: Key, action: Mapping[str, Any]) -> Iterator[tuple[Key, str]]:
    """What of an action is answered, and yet never happens as it does at the vendor."""
    if key[-1] not in NOUN_OF:
        yield key, "is written down as a request, and nothing comes of it"
    for number, step in enumerate(action["steps"]):
        job = (step.get("outcome") or {}).get("job")
        if isinstance(job, Mapping) and not job.get("failed"):
            what = "no word says that it failed, so a job that fails is worked on for ever"
            yield (*key, "steps", number, "outcome", "job"), what


def _problems(plan: Plan) -> Iterator[tuple[Key, str]]:
    sheet = plan.sheet
    yield from _spellings(sheet)
    yield from _wrappings(sheet)
    yield from _fields(plan)
    for name, paging in sheet.part("pagination").items():
        yield from _lists(("pagination", name), paging)
    if sheet.mapping.get("encoding", "json") not in _ENCODINGS:
        yield ("encoding",), f"the sandbox speaks no {sheet.mapping['encoding']}"
    if sheet.part("auth").get("scheme", "none") not in SCHEMES:
        yield ("auth", "scheme"), "the sandbox knows no such log-in"
    for role in plan.roles:
        yield from _call(sheet, role)


def _spellings(sheet: Sheet) -> Iterator[tuple[Key, str]]:
    for name, codec in sheet.part("codecs").items():
        if codec.get("kind") not in KINDS:
            yield ("codecs", name, "kind"), f"the sandbox knows no spelling {codec.get('kind')!r}"


def _wrappings(sheet: Sheet) -> Iterator[tuple[Key, str]]:
    envelope = sheet.part("envelope")
    if turned_round(str(envelope.get("data", "@"))) is None:
        yield ("envelope", "data"), _NOT_ROUND
    yield from _condition(("envelope", "good"), envelope.get("good"))


def _condition(
    key: Key,
    condition: Any,  # noqa: ANN401 - a table or nothing
    *,
    headers: bool = False,
    filled: bool = False,
) -> Iterator[tuple[Key, str]]:
    """What an answer of ours is to fulfil.

    Args:
        key: Where it stands.
        condition: It; anything else is none.
        headers: It may be about headers.
        filled: It may be about values of the request, which the answer shows where the record does.
    """
    if not isinstance(condition, Mapping):
        return
    for path, demand in condition.get("body", {}).items():
        if turned_round(path) is None:
            yield (*key, "body", path), _NOT_ROUND
        elif not filled and any(True for _ in slots_in(demand)):
            yield (*key, "body", path), "has places to fill, and the sandbox answers before it knows what stands there"
    if condition.get("headers") and not headers:
        yield (*key, "headers"), "the sandbox's answers have no such headers"


def _fields(plan: Plan) -> Iterator[tuple[Key, str]]:
    told = plan.told()
    for noun, entity in plan.sheet.part("entities").items():
        for part in ("fields", "account"):
            for name, where in entity.get(part, {}).items():
                expression = where.get("expr") if isinstance(where, Mapping) else None
                if expression is not None and turned_round(expression) is None and noun not in told:
                    what = (
                        f"{noun}.{name} is read by an expression that cannot be turned round; say in {plan.beside}, "
                        f"under shows.{noun}, what the vendor shows"
                    )
                    yield ("entities", noun, part, name, "expr"), what


def _lists(key: Key, paging: Mapping[str, Any]) -> Iterator[tuple[Key, str]]:
    style = str(paging.get("style"))
    if style not in _PAGING:
        yield (*key, "style"), f"the sandbox cuts no lists in the style {style!r}"
    for name in _PAGING.get(style, ()):
        if paging.get(name) and turned_round(paging[name]) is None:
            yield (*key, name), _NOT_ROUND
    if style == "keyset" and not is_plain(str(paging.get("row_key", "id"))):
        yield (*key, "row_key"), "is no plain path into the row"


def _call(sheet: Sheet, role: Role) -> Iterator[tuple[Key, str]]:
    call, key = role.call, role.key
    if call.get("encoding", "json") not in _ENCODINGS:
        yield (*key, "encoding"), f"the sandbox speaks no {call['encoding']}"
    if call.get("encoding") == "graphql" and not role.query_text:
        yield (*key, "encoding"), "the query is not written out: say it under graphql, and its variables in the body"
    since = call.get("since") or {}
    told = [slot for slot in slots_in((since.get("filter") or {}).get("json_text")) if slot.name == "since"]
    if since.get("filter") and len(told) != 1:
        yield (*key, "since", "filter", "json_text"), "{read.since} has to stand in it once"
    outcome = call.get("outcome") or {}
    yield from _condition((*key, "outcome", "proof"), outcome.get("proof"), filled=True)
    if role.sort == "write" and role.action not in sheet.beside("answers"):
        for name, expression in call.get("outputs", {}).items():
            if turned_round(expression) is None:
                what = f"{_NOT_ROUND}; say in the file beside it, under answers.{role.action}, what is answered"
                yield (*key, "outputs", name), what
    if role.sort == "write" and role.action in _EDITS and not call.get("update"):
        yield key, "an edit is played by its update; say one: which record it changes, and how"
    yield from _ticket(key, role)


def _ticket(key: Key, role: Role) -> Iterator[tuple[Key, str]]:
    job = role.job
    if not job:
        return
    key = (*key, "outcome", "job")
    yield from _condition((*key, "when"), job.get("when"), headers=True)
    if turned_round(str(job["state"])) is None:
        yield (*key, "state"), _NOT_ROUND
    poll = job["poll"]
    asked = [poll.get(part) for part in ("get", "post", "query", "headers", "body")]
    names = {slot.name for slot in slots_in(asked)}
    own = {f"step.{role.call['name']}.{output}" for output in role.call.get("outputs", {})}
    if not names & {*own, "reference"}:
        yield (*key, "poll"), "names neither what the ticket said ({step.NAME.OUTPUT}) nor {attempt.reference}"
    elif any(name.startswith("step.") and name not in own for name in names):
        yield (*key, "poll"), "names what another step said"
