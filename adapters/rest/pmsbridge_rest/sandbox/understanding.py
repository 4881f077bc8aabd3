"""Requests, understood or not: what stands in the places of a call, and what is wrong with it. Strict."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

from . import graphql, pages
from .answers import unfolded
from .door import Door, Request
from .exact import read_back
from .files import Handed, nested, parts_of
from .mapping_file import Sheet
from .paths import ABSENT, get, put, take_out, take_out_whole
from .plan import Role, Route
from .spelling import Place, SpellingError, read
from .templates import match_file, match_structure, match_text, pieces_of, slots_in
from .understood import Understood, asked_since, since_name

_DAYS: Final = frozenset({"leaving_on", "notice_given_on", "due_on", "needed_on", "expires_on", "wanted_on", "today"})

_TRUTH: Final = {"true": True, "false": False}
"""How yes and no are spelt where everything is text."""

_SPOKEN: Final = {
    "json": "application/json", "form": "application/x-www-form-urlencoded", "multipart": "multipart/form-data",
    "graphql": "application/json",
}  # fmt: skip


class Reader:
    """Reads requests of one mapping.

    Args:
        sheet: The mapping.
        where: The facility.
        constants: What options and the facility's code must be.
        door: Which parts of a request are credentials.
    """

    def __init__(self, sheet: Sheet, where: Place, constants: Mapping[str, str], door: Door) -> None:
        self._sheet = sheet
        self._where = where
        self._constants = constants
        self._door = door
        self._pagination = sheet.part("pagination")
        self._templates: dict[int, tuple[Role, Any]] = {}

    def paging_of(self, role: Role) -> dict[str, Any] | None:
        """How a read is cut into pieces; None when it is not."""
        name = role.call.get("paginate")
        return None if name is None else dict(self._pagination[name])

    def understand(self, role: Role, route: Route, request: Request) -> Understood:
        """Read a request as this role's."""
        found = Understood()
        self._path(route, role, request, found)
        self._headers(role, request, found)
        since = role.call.get("since") or {}
        self._query(role, request, since, found)
        self._body(role, request, since, found)
        self._days(found)
        found.wrong += [
            (name, "is another's") for name, value in found.values.items()
            if name in self._constants and str(value) != self._constants[name]
        ]  # fmt: skip
        return found

    def _days(self, found: Understood) -> None:
        """Days that no codec spells are written as ISO 8601 has it."""
        for name in _DAYS & found.values.keys():
            if isinstance(found.values[name], str):
                try:
                    found.values[name] = date.fromisoformat(found.values[name])
                except ValueError:
                    found.wrong.append((name, "is no day"))

    def _reader(self, codec: str | None, raw: Any) -> Any:  # noqa: ANN401
        value = read(self._sheet.codec(codec), raw, self._where)
        return str(value) if codec and isinstance(value, int) and not isinstance(value, bool) else value

    def _text_reader(self, codec: str | None, raw: Any) -> Any:  # noqa: ANN401
        """In an address everything is text."""
        kind = (self._sheet.codec(codec) or {}).get("kind")
        if kind in {None, "boolean"} and raw in _TRUTH:
            raw = _TRUTH[raw]
        if kind in {"integer", "decimal", "money"} and isinstance(raw, str):
            try:
                number = Decimal(raw)
            except InvalidOperation:
                message = "a number is expected"
                raise SpellingError(message) from None
            raw = int(number) if "." not in raw else number
        return self._reader(codec, raw)

    # parts of a request

    def _path(self, route: Route, role: Role, request: Request, found: Understood) -> None:
        template = next(str(role.call[name]) for name in ("get", "post", "put", "patch", "delete") if name in role.call)
        hit = route.pattern.fullmatch(request.path)
        slots = [piece for piece in pieces_of(template) if not isinstance(piece, str)]
        for slot, text in zip(slots, hit.groups() if hit is not None else (), strict=False):
            found.take(match_text("{" + _written(slot) + "}", unquote(text), self._text_reader, "path"))
        found.in_path = frozenset(slot.name for slot in slots)

    def _headers(self, role: Role, request: Request, found: Understood) -> None:
        named = dict(role.call.get("headers", {}))
        if role.idempotency["by"] == "header":
            named[role.idempotency["name"]] = role.idempotency.get("value", "{attempt.key}")
        since = role.call.get("since") or {}
        if since.get("carried") == "header":
            name = since_name(since)
            text = request.headers.get(name.lower())
            if name not in named or not self._fits(named[name], text):
                self._since(since, text, found)
                named = {key: each for key, each in named.items() if key != name or text is None}
        for name, template in named.items():
            text = request.headers.get(name.lower())
            if text is not None:
                found.take(match_text(template, text, self._text_reader, name))
            elif not any(slot.optional for slot in slots_in(template)):
                found.wrong.append((name, "is missing"))

    def _query(self, role: Role, request: Request, since: Mapping[str, Any], found: Understood) -> None:
        named = role.call.get("query", {})
        paging = self.paging_of(role) or {}
        ours = pages.names_of(paging) if paging.get("carried", "query") == "query" else set(paging.get("sort", {}))
        others = ours | self._door.own_query
        given = dict(request.pairs)
        if since.get("carried", "query") == "query" and since:
            name = since_name(since)
            if name not in named or not self._fits(named[name], given.get(name)):
                self._since(since, given.get(name), found)
                named = {key: each for key, each in named.items() if key != name or name not in given}
                given.pop(name, None)
        for name, text in given.items():
            if name in named:
                found.take(match_text(named[name], text, self._text_reader, name))
            elif name not in others and not name.startswith("oauth_"):
                found.wrong.append((name, "is no parameter of this"))
        for name, template in named.items():
            slots = list(slots_in(template))
            found.constants.update({} if slots else {name: template})
            if name not in given and not (slots and all(slot.optional for slot in slots)):
                found.wrong.append((name, "is missing"))

    def _fits(self, template: str, text: str | None) -> bool:
        return text is not None and not match_text(template, text, self._text_reader, "").wrong

    def _since(self, since: Mapping[str, Any], raw: Any, found: Understood) -> None:  # noqa: ANN401
        asked_since(since, raw, found, self._reader)

    def _body(self, role: Role, request: Request, since: Mapping[str, Any], found: Understood) -> None:
        if role.call.get("encoding") == "file":
            kind = request.headers.get("content-type", "").partition(";")[0].strip()
            found.body = Handed.of(request.body, name="", media_type=kind)
            found.take(match_file("", found.body, self._reader, "body"))
            return
        template = self._template(role)
        if template is None and not role.query_text:
            if not request.body.strip():
                return
            if not self._has_own_words(role, since):
                found.wrong.append(("body", "none is expected"))
                return
        body = self._parsed(role, request, found)
        if body is None:
            return
        found.whole = body
        own = self._without_ours(role, since, copy.deepcopy(body), found)
        if role.query_text:
            asked = graphql.query_of(role.query_text)
            given = body.get("variables") if isinstance(body, dict) else None
            found.wrong += graphql.objections(asked, given, is_write=role.is_write)
        if role.call.get("graphql"):
            own = self._variables(own, found)
            found.in_path |= {slot.name for slot in slots_in(role.call.get("body"))}
        found.body = own
        encoding = self._encoding(role)
        if role.call.get("update"):
            self._record(template, own, found)
        elif encoding in {"form", "multipart"}:
            found.take(match_structure(_in_words(template or {}), own, self._text_reader))
        else:
            found.take(match_structure({} if template is None else template, own, self._reader))

    def _has_own_words(self, role: Role, since: Mapping[str, Any]) -> bool:
        """Whether a body may come although the mapping writes none: it asks for a piece, or for what changed."""
        return "body" in {since.get("carried"), (self.paging_of(role) or {}).get("carried")}

    def _without_ours(self, role: Role, since: Mapping[str, Any], body: Any, found: Understood) -> Any:  # noqa: ANN401
        """A body less what belongs to the log-in, to the pieces of a list, and to since when is asked."""
        if since.get("carried") == "body" and isinstance(body, dict):
            raw = get(body, since_name(since))
            self._since(since, None if raw is ABSENT else raw, found)
            take_out_whole(body, since_name(since))
        body = pages.without_paging(self.paging_of(role) or {}, body)
        if self._door.own_body and isinstance(body, dict):
            take_out(body, self._door.own_body)
        return body

    @staticmethod
    def _variables(own: Any, found: Understood) -> Any:  # noqa: ANN401 - any JSON
        """The variables of a GraphQL request, of which the rest is the query that it was known by."""
        if not isinstance(own, dict) or own.keys() - {"query", "variables", "operationName"}:
            found.wrong.append(("body", "query and variables are expected"))
            return {}
        return own.get("variables") or {}

    def _template(self, role: Role) -> Any:  # noqa: ANN401
        """The structure of a role's body, made once."""
        found = self._templates.get(id(role))
        if found is None:
            found = self._templates[id(role)] = (role, _template_of(role))
        return found[1]

    def _parsed(self, role: Role, request: Request, found: Understood) -> Any:  # noqa: ANN401
        encoding = self._encoding(role)
        kind = request.headers.get("content-type", "").partition(";")[0].strip()
        wanted = _SPOKEN.get(encoding, "application/vnd.api+json")
        if kind != wanted:
            found.wrong.append(("content-type", f"{wanted} is expected"))
            return None
        try:
            if encoding == "form":
                return nested(parse_qsl(request.body.decode(), keep_blank_values=True))
            if encoding == "multipart":
                return nested(parts_of(request.headers["content-type"], request.body))
            return read_back(request.body)
        except ValueError as problem:
            found.wrong.append(("body", str(problem) if encoding in {"form", "multipart"} else "is no JSON"))
            return None

    def _encoding(self, role: Role) -> str:
        if role.call.get("graphql"):
            return "graphql"
        return str(role.call.get("encoding") or self._sheet.mapping.get("encoding", "json"))

    def _record(self, template: Any, body: Any, found: Understood) -> None:  # noqa: ANN401
        """The edited record within a body, and what stands beside it."""
        if not isinstance(template, Mapping) or not isinstance(body, dict):
            found.take(match_structure(template, body, self._reader))
            return
        if "$record" in template:
            beside = {key: each for key, each in template.items() if key != "$record"}
            found.record = {key: value for key, value in body.items() if key not in beside}
            found.take(match_structure(beside, {k: v for k, v in body.items() if k in beside}, self._reader))
            return
        for key, value in body.items():
            if key not in template:
                found.wrong.append((key, "is not known"))
            elif _has_record(template[key]):
                self._record(template[key], value, found)
            else:
                found.take(match_structure(template[key], value, self._reader, key))
        found.wrong += [(key, "is missing") for key in template if key not in body]


def _in_words(template: Any) -> Any:  # noqa: ANN401 - a structure
    """A structure as it is spelt where everything is text."""
    if isinstance(template, Mapping):
        return {key: each if key.startswith("$") else _in_words(each) for key, each in template.items()} | (
            {"$make": _in_words(template["$make"])} if "$make" in template else {}
        )
    if isinstance(template, list):
        return [_in_words(each) for each in template]
    return {True: "true", False: "false"}[template] if isinstance(template, bool) else str(template)


def plain_body(body: Any) -> dict[str, Any]:  # noqa: ANN401
    """What is kept of a body: the table within its wrappings."""
    inside = unfolded(body)
    while isinstance(inside, dict) and len(inside) == 1 and isinstance(next(iter(inside.values())), dict):
        inside = next(iter(inside.values()))
    return copy.deepcopy(inside) if isinstance(inside, dict) else {}


def _template_of(role: Role) -> Any:  # noqa: ANN401
    template = copy.deepcopy(role.call.get("body"))
    update, key = role.call.get("update"), role.idempotency
    if template is None and update:
        template = {"$record": "whole" if update["strategy"] == "put_full" else "changes"}
    if key["by"] in {"body_field", "client_reference"} and key.get("at"):
        usual = "{attempt.key}" if key["by"] == "body_field" else "{attempt.reference}"
        template = {} if template is None else template
        put(template, key["at"], key.get("value", usual))
    return template


def _has_record(template: Any) -> bool:  # noqa: ANN401
    if not isinstance(template, Mapping):
        return False
    return "$record" in template or any(_has_record(each) for each in template.values())


def _written(slot: Any) -> str:  # noqa: ANN401 - a slot, as a place again
    return f"{slot.name}{'?' if slot.optional else ''}" + (f"|{slot.codec}" if slot.codec else "")
