"""What this vendor can be asked: every call that the mapping names, by method and address, with what it means."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from . import graphql
from .exact import read_back
from .mapping_file import CannotPlayError, Sheet, method_and_path
from .templates import filled, path_pattern, pieces_of, slots_in

NOUN_OF: Final = {
    "take_payment": "payments",
    "post_future_charges": "ledger_entries",
    "set_autopay": "autopay",
    "schedule_move_out": "move_outs",
    "cancel_move_out": "move_outs",
    "change_contact": "tenants",
    "set_consent": "tenants",
    "add_note": "notes",
    "post_bulletin": "bulletins",
    "reserve_unit": "reservations",
    "request_call_off": "call_offs",
    "withdraw_call_off": "call_offs",
    "attach_document": "documents",
}
"""What an action makes or changes."""

PREPAY: Final = "prepay"
"""The scope of a read of what months ahead cost."""

FILE: Final = "file"
"""The scope of a read that is answered with a document's bytes."""

LINK: Final = "link"
"""The scope of a read that would be answered with a link to them."""

POLL: Final = "poll"
"""The scope of a read that asks how a job stands."""

_SCOPES: Final = ("all", "one", "of_tenant", "of_rental", "search", "account_of_rental")


@dataclass(frozen=True, slots=True)
class Role:
    """What one call means.

    Attributes:
        sort: "read", "write", "undo" or "check".
        key: Where in the mapping the call stands.
        name: For rules of faults and the call log: "take_payment.pay", "read.tenants", "look.add_note".
        action: Of writes, and of looks for them; else empty.
        nouns: What it shows, the most telling first.
        scope: Of reads: which of a noun's reads it is; "look" for looks, "poll" for how a job stands.
        call: Its tables.
        action_call: The action's tables; empty for reads of entities.
    """

    sort: str
    key: tuple[str | int, ...]
    name: str
    action: str
    nouns: tuple[str, ...]
    scope: str
    call: Mapping[str, Any]
    action_call: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_write(self) -> bool:
        """Whether the books change."""
        return self.sort in {"write", "undo"}

    @property
    def idempotency(self) -> dict[str, Any]:
        """What the mapping says of a repetition."""
        found = self.call.get("idempotency")
        return dict(found) if isinstance(found, Mapping) else {"by": "none"}

    @property
    def job(self) -> dict[str, Any]:
        """What the mapping says of a ticket that this is answered with; empty where it says nothing."""
        found = self.call.get("outcome")
        job = found.get("job") if isinstance(found, Mapping) and self.sort == "write" else None
        return dict(job) if isinstance(job, Mapping) else {}

    @property
    def query_text(self) -> str:
        """The GraphQL that is posted; empty for none."""
        if self.call.get("graphql"):
            return str(self.call["graphql"])
        body = self.call.get("body")
        written = body.get("query") if isinstance(body, Mapping) and self.call.get("encoding") == "graphql" else None
        return filled(written, {}) if isinstance(written, str) and not list(slots_in(written)) else ""


@dataclass(slots=True)
class Route:
    """One address that is served; where all that is asked goes to one, what is asked there.

    Attributes:
        asks: The GraphQL that is posted, on one line; empty for none.
    """

    method: str
    template: str
    pattern: re.Pattern[str]
    asks: str = ""
    roles: list[Role] = field(default_factory=list)

    @property
    def rank(self) -> int:
        """Addresses with fewer places go first: they are the more exact ones."""
        return sum(1 for _ in slots_in(self.template))

    @property
    def ends_with_a_place(self) -> bool:
        """Whether it names one thing by its id."""
        return self.template.rstrip("/").endswith("}")

    @property
    def name(self) -> str:
        """For rules of faults: a write's name where there is one."""
        return next((role.name for role in self.roles if role.is_write), self.roles[0].name)

    @property
    def leading(self) -> Role:
        """The read that says what is served here: one of whole records before one that looks into them."""
        reads = [role for role in self.roles if role.sort == "read"]
        own = [role for role in reads if role.scope in {"all", "one", "search"}]
        return (own or reads or self.roles)[0]

    @property
    def renders(self) -> tuple[str, ...]:
        """The nouns whose fields are read at this address, the leading one first."""
        lead = self.leading
        same = [r for r in self.roles if r.scope in _SCOPES and r.call.get("rows", "@") == lead.call.get("rows", "@")]
        if not same and self.asks:
            return lead.nouns  # a query of its own shows what it looks for, too
        return tuple(dict.fromkeys(noun for role in same for noun in role.nouns))


def shape_of(template: str) -> str:
    """An address without the names of its places."""
    return "".join(piece if isinstance(piece, str) else "{}" for piece in pieces_of(template))


class Plan:
    """All routes of a mapping.

    Raises:
        CannotPlayError: The mapping needs something that this sandbox does not have.
    """

    def __init__(self, sheet: Sheet) -> None:
        self.sheet = sheet
        self.beside = f"{sheet.path.stem}.office.yaml"
        self._routes: dict[tuple[str, str, str], Route] = {}
        self._resources = {_key_of(name): dict(table) for name, table in sheet.beside("resources").items()}
        for role in self._roles():
            self._add(role)
        self.routes = sorted(self._routes.values(), key=lambda route: route.rank)
        self._check()

    @property
    def roles(self) -> list[Role]:
        """Every call, whatever its address."""
        return [role for route in self.routes for role in route.roles]

    def routes_for(self, method: str, path: str, body: bytes = b"") -> tuple[list[Route], bool]:
        """The routes that a request fits, and whether the address is known with whatever method and query."""
        known = [route for route in self.routes if route.pattern.fullmatch(path)]
        fitting = [route for route in known if route.method == method]
        if any(route.asks for route in fitting):
            asked = _asked_in(body)
            fitting = [route for route in fitting if route.asks in {"", asked}]
        return fitting, bool(known)

    def goes_by_body(self, method: str, path: str) -> bool:
        """Whether only the body of a request says what is asked."""
        return any(route.asks and route.method == method and route.pattern.fullmatch(path) for route in self.routes)

    def _add(self, role: Role) -> None:
        method, template = method_and_path(role.call)
        asks = graphql.one_line(role.query_text)
        try:
            graphql.query_of(asks or "{nothing}")
        except graphql.QueryError as problem:
            raise self.sheet.cannot_play(str(problem), *role.key, "graphql") from None
        key = (method, shape_of(template), asks)
        route = self._routes.setdefault(key, Route(method, template, path_pattern(template), asks))
        route.roles.append(self._with_nouns(role, route))

    def _with_nouns(self, role: Role, route: Route) -> Role:
        """A look at an address of an entity shows that entity; in GraphQL, one at the rows of an entity."""
        if role.scope != "look":
            return role
        nouns = route.renders if any(one.scope in _SCOPES for one in route.roles) else ()
        if route.asks and not nouns:
            nouns = tuple(dict.fromkeys(noun for each in self._reads_at(role.call) for noun in each.nouns))
        own = (NOUN_OF.get(role.action, "requests"),)
        return replace(role, nouns=nouns or own)

    def _reads_at(self, call: Mapping[str, Any]) -> Iterator[Role]:
        """Reads of entities whose rows stand where those of a call do."""
        for route in self._routes.values():
            for role in route.roles:
                if role.scope in _SCOPES and role.query_text and role.call.get("rows", "@") == call.get("rows", "@"):
                    yield role

    def resource(self, route: Route) -> dict[str, Any]:
        """What the file beside the mapping says of an address (``GET /leases/{}/x``); an empty table for nothing."""
        name = graphql.query_of(route.asks).name if route.asks else ""
        found = self._resources.get((route.method, shape_of(route.template), name))
        return found or {}

    def _roles(self) -> Iterator[Role]:
        for noun, entity in self.sheet.part("entities").items():
            key = ("entities", noun)
            for scope in _SCOPES:
                if isinstance(entity.get(scope), Mapping):
                    yield Role("read", (*key, scope), f"read.{noun}", "", (noun,), scope, entity[scope])
            file = entity.get(FILE)
            if isinstance(file, Mapping):
                scope = LINK if "link_at" in file else FILE
                yield Role("read", (*key, FILE), f"read.{noun}.{FILE}", "", (noun,), scope, file)
        prepay = self.sheet.part("prepay", "of_rental")
        if prepay:
            yield Role("read", ("prepay", "of_rental"), "read.prepay", "", ("rentals",), PREPAY, prepay)
        check = self.sheet.part("connection", "check")
        if check:
            yield Role("check", ("connection", "check"), "check", "", (), "", check)
        for name, action in self.sheet.part("actions").items():
            yield from self._of_action(name, action)

    def _of_action(self, name: str, action: Mapping[str, Any]) -> Iterator[Role]:
        look, own = f"look.{name}", (NOUN_OF.get(name, "requests"),)
        above = ("actions", name)
        if isinstance(action.get("before"), Mapping):
            yield Role("read", (*above, "before"), look, name, (), "look", action["before"])
        for number, step in enumerate(action["steps"]):
            key = (*above, "steps", number)
            yield Role("write", key, f"{name}.{step['name']}", name, own, "", step, action)
            for below in (("idempotency", "look_up"), ("verify",), ("update", "read")):
                each = _inside(step, below)
                if isinstance(each, Mapping):
                    yield Role("read", (*key, *below), look, name, (), "look", each)
            poll = _inside(step, ("outcome", "job", "poll"))
            if isinstance(poll, Mapping):
                yield Role("read", (*key, "outcome", "job", "poll"), f"poll.{name}", name, own, POLL, poll)
            if isinstance(step.get("compensate"), Mapping):
                undone = f"{name}.undo_{step['name']}"
                yield Role("undo", (*key, "compensate"), undone, name, own, "", step["compensate"], action)

    def _check(self) -> None:
        """What the file beside the mapping says of addresses that are never asked is a mistake in it."""
        known = {(route.method, shape_of(route.template)) for route in self.routes}
        names = {(*_address(route), graphql.query_of(route.asks).name) for route in self.routes if route.asks}
        for key in self._resources:
            if key[:2] not in known or (key[2] and key not in names):
                message = f"{self.beside}: resources has {' '.join(filter(None, key))}, which the mapping never asks"
                raise CannotPlayError(message)

    def told(self) -> set[str]:
        """Nouns of which the file beside the mapping says how they are shown."""
        told = set(self.sheet.beside("shows"))
        for route in self.routes:
            if "show" in self.resource(route) or told & set(route.renders):
                told |= {noun for role in route.roles for noun in role.nouns}
        return told


def _address(route: Route) -> tuple[str, str]:
    return route.method, shape_of(route.template)


def _key_of(name: str) -> tuple[str, str, str]:
    """``GET /leases/{}/x``, or of GraphQL with the query's name, ``POST /graphql Notes``."""
    method, _, rest = name.partition(" ")
    template, _, query = rest.partition(" ")
    return method, shape_of(template.replace("{}", "{place}")), query


def _inside(table: Any, keys: tuple[str, ...]) -> Any:  # noqa: ANN401 - a table or nothing
    for key in keys:
        table = table.get(key) if isinstance(table, Mapping) else None
    return table


def _asked_in(body: bytes) -> str:
    """The query of a GraphQL body, on one line; empty where there is none."""
    try:
        document = read_back(body)
        return graphql.one_line(str(document["query"])) if isinstance(document, dict) and "query" in document else ""
    except ValueError:
        return ""
