"""What this vendor can be asked: every call that the mapping names, by method and address, with what it means."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from .mapping_file import CannotPlayError, Sheet, method_and_path
from .paths import turned_round
from .templates import path_pattern, pieces_of, slots_in

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

_SCOPES: Final = ("all", "one", "of_tenant", "of_rental", "search", "account_of_rental")


@dataclass(frozen=True, slots=True)
class Role:
    """What one call means.

    Attributes:
        sort: "read", "write", "undo" or "check".
        name: For rules of faults and the call log: "take_payment.pay", "read.tenants", "look.add_note".
        action: Of writes, and of looks for them; else empty.
        nouns: What it shows, the most telling first.
        scope: Of reads: which of a noun's reads it is; "look" for looks.
        call: Its tables.
        action_call: The action's tables; empty for reads of entities.
    """

    sort: str
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


@dataclass(slots=True)
class Route:
    """One address that is served."""

    method: str
    template: str
    pattern: re.Pattern[str]
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
        self._routes: dict[tuple[str, str], Route] = {}
        self._resources = {_key_of(name): dict(table) for name, table in sheet.beside("resources").items()}
        for role in self._roles():
            self._add(role)
        self.routes = sorted(self._routes.values(), key=lambda route: route.rank)
        self._check()

    def routes_for(self, method: str, path: str) -> tuple[list[Route], bool]:
        """The routes that an address fits, and whether the address is known with whatever method."""
        known = [route for route in self.routes if route.pattern.fullmatch(path)]
        return [route for route in known if route.method == method], bool(known)

    def _add(self, role: Role) -> None:
        method, template = method_and_path(role.call)
        key = (method, shape_of(template))
        route = self._routes.setdefault(key, Route(method, template, path_pattern(template)))
        route.roles.append(self._with_nouns(role, route))

    def _with_nouns(self, role: Role, route: Route) -> Role:
        """A look at an address of an entity shows that entity."""
        if role.scope != "look":
            return role
        nouns = route.renders if any(one.scope in _SCOPES for one in route.roles) else ()
        own = (NOUN_OF.get(role.action, "requests"),)
        return Role(role.sort, role.name, role.action, nouns or own, "look", role.call, role.action_call)

    def resource(self, route: Route) -> dict[str, Any]:
        """What the file beside the mapping says of an address: ``GET /leases/{}/x``; an empty table for nothing."""
        found = self._resources.get((route.method, shape_of(route.template)))
        return found or {}

    def _roles(self) -> Iterator[Role]:
        for noun, entity in self.sheet.part("entities").items():
            for scope in _SCOPES:
                if isinstance(entity.get(scope), Mapping):
                    yield Role("read", f"read.{noun}", "", (noun,), scope, entity[scope])
            file = entity.get(FILE)
            if isinstance(file, Mapping) and "get" in file and "link_at" not in file:
                yield Role("read", f"read.{noun}.{FILE}", "", (noun,), FILE, file)
        prepay = self.sheet.part("prepay", "of_rental")
        if prepay:
            yield Role("read", "read.prepay", "", ("rentals",), PREPAY, prepay)
        check = self.sheet.part("connection", "check")
        if check:
            yield Role("check", "check", "", (), "", check)
        for name, action in self.sheet.part("actions").items():
            yield from self._of_action(name, action)

    def _of_action(self, name: str, action: Mapping[str, Any]) -> Iterator[Role]:
        look = f"look.{name}"
        if isinstance(action.get("before"), Mapping):
            yield Role("read", look, name, (), "look", action["before"])
        for step in action["steps"]:
            own = (NOUN_OF.get(name, "requests"),)
            yield Role("write", f"{name}.{step['name']}", name, own, "", step, action)
            key, update = step.get("idempotency"), step.get("update")
            looks = [
                key.get("look_up") if isinstance(key, Mapping) else None,
                step.get("verify"),
                update.get("read") if isinstance(update, Mapping) else None,
                _poll(step),
            ]
            yield from (Role("read", look, name, (), "look", each) for each in looks if isinstance(each, Mapping))
            if isinstance(step.get("compensate"), Mapping):
                yield Role("undo", f"{name}.undo_{step['name']}", name, own, "", step["compensate"], action)

    def _check(self) -> None:
        """What cannot be played is said at once, not in the middle of a test."""
        beside = f"{self.sheet.path.stem}.office.yaml"
        told = self._told()
        for noun, entity in self.sheet.part("entities").items():
            for name, where in [*entity.get("fields", {}).items(), *entity.get("account", {}).items()]:
                expression = where.get("expr") if isinstance(where, Mapping) else None
                if expression is not None and turned_round(expression) is None and noun not in told:
                    message = (
                        f"entities.{noun}.fields.{name} is read by an expression that cannot be turned round; say in "
                        f"{beside}, under shows.{noun}, what the vendor shows"
                    )
                    raise CannotPlayError(message)
        for key in self._resources.keys() - self._routes.keys():
            message = f"{beside}: resources has {' '.join(key)}, which the mapping never asks"
            raise CannotPlayError(message)
        encodings = {self.sheet.mapping.get("encoding", "json")}
        encodings |= {role.call.get("encoding", "json") for route in self.routes for role in route.roles}
        for spoken in sorted(encodings - {"json", "form", "jsonapi", "multipart", "file"}):
            message = f"the sandbox speaks no {spoken}"
            raise CannotPlayError(message)

    def _told(self) -> set[str]:
        """Nouns of which the file beside the mapping says how they are shown."""
        told = set(self.sheet.beside("shows"))
        for route in self.routes:
            if "show" in self.resource(route) or told & set(route.renders):
                told |= {noun for role in route.roles for noun in role.nouns}
        return told


def _key_of(name: str) -> tuple[str, str]:
    method, _, template = name.partition(" ")
    return method, shape_of(template.replace("{}", "{place}"))


def _poll(step: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a table or nothing
    outcome = step.get("outcome")
    job = outcome.get("job") if isinstance(outcome, Mapping) else None
    return job.get("poll") if isinstance(job, Mapping) else None
