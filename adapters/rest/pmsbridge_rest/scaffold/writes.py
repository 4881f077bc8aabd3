"""Actions of a draft: operations that look like one of ours, with a body made of the keys whose meaning is clear."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from pmsbridge_rest.mapping.model_fields import ACTIONS
from pmsbridge_rest.mapping.references import STAFF_CAN_DO
from pmsbridge_rest.scaffold.reads import Draft, by_likeness, path_of_mapping, rows_of
from pmsbridge_rest.scaffold.words import REFERENCE_WORDS, noun_of, plain
from pmsbridge_rest.spec import Operation, Spec

__all__ = ["propose_actions"]

_KEY_HEADER: Final = "Idempotency-Key"


@dataclass(frozen=True, slots=True)
class _Idea:
    """What an operation must look like to be an action.

    Attributes:
        ends: What the last named step of its path is like.
        values: By plain key, the template that fills it.
    """

    methods: tuple[str, ...]
    ends: Callable[[str], bool]
    values: dict[str, str]
    accepts: dict[str, Any] | None = None


def _is(noun: str) -> Callable[[str], bool]:
    return lambda step: noun_of(step) == noun


def _like(pattern: str) -> Callable[[str], bool]:
    return lambda step: re.search(pattern, plain(step)) is not None


_TEXT: Final = "{effect.text} [{effect.reference}]"
_IDEAS: Final[dict[str, _Idea]] = {
    "take_payment": _Idea(
        ("post",),
        lambda step: noun_of(step) == "payments" or plain(step) == "makepayment",
        {
            "amount": "{effect.total|MONEY}", "amountcents": "{effect.total|cents}",
            "totalamount": "{effect.total|MONEY}",
            "date": "{today}", "entrydate": "{today}", "paymentdate": "{today}", "paidon": "{today}",
            "leaseid": "{effect.parts[0].rental_id}", "rentalid": "{effect.parts[0].rental_id}",
            "customerid": "{effect.tenant_id}", "tenantid": "{effect.tenant_id}", "payeeuserid": "{effect.tenant_id}",
            "currency": "{facility.currency}",
        },
        accepts={"means.by": "external"},
    ),
    "add_note": _Idea(
        ("post",),
        _is("notes"),
        dict.fromkeys(("text", "note", "body", "content", "message"), _TEXT)
        | {"tenantid": "{effect.tenant_id}", "customerid": "{effect.tenant_id}", "leaseid": "{effect.rental_id}"},
    ),
    "post_bulletin": _Idea(
        ("post",),
        _is("bulletins"),
        {"title": "{effect.subject} [{effect.reference}]", "subject": "{effect.subject} [{effect.reference}]",
         "name": "{effect.subject} [{effect.reference}]", "description": "{effect.body}", "body": "{effect.body}",
         "text": "{effect.body}", "dueon": "{effect.due_on?}", "duedate": "{effect.due_on?}"},
    ),
    "schedule_move_out": _Idea(
        ("post", "put"),
        _like("moveout|notice|leaving"),
        {"date": "{effect.leaving_on}", "moveoutdate": "{effect.leaving_on}", "leavingon": "{effect.leaving_on}",
         "scheduledmoveout": "{effect.leaving_on}", "noticedate": "{effect.notice_given_on}",
         "noticegivendate": "{effect.notice_given_on}", "tenantid": "{effect.tenant_id}",
         "leaseid": "{effect.rental_id}", "rentalid": "{effect.rental_id}"},
    ),
}  # fmt: skip


def propose_actions(spec: Spec, draft: Draft) -> tuple[dict[str, Any], dict[str, Any]]:
    """Actions, and what is not one with the reason."""
    actions: dict[str, Any] = {}
    seen: dict[str, str] = {}
    for operation in by_likeness(spec):
        for name, idea in _IDEAS.items():
            if name not in actions and _looks_like(operation, idea):
                made = _step(spec, operation, name, idea)
                if isinstance(made, str):
                    seen.setdefault(name, made)
                else:
                    actions[name] = {**({"accepts": idea.accepts} if idea.accepts else {}), "steps": [made]}
        if "change_contact" not in actions and operation.method in {"patch", "put"}:
            edit = _edit(spec, draft, operation)
            actions.update({"change_contact": {"steps": [edit]}} if edit else {})
    return actions, {name: _unsupported(name, seen) for name in ACTIONS if name not in actions}


def _unsupported(name: str, seen: dict[str, str]) -> dict[str, Any]:
    because = seen.get(name, "no operation of the document looks like it")
    return {"because": because, "cannot": False, **({"fallback": "staff"} if name in STAFF_CAN_DO else {})}


def _looks_like(operation: Operation, idea: _Idea) -> bool:
    named = [step for step in operation.path.strip("/").split("/") if "{" not in step]
    return (
        operation.method in idea.methods and bool(named) and idea.ends(named[-1]) and not operation.path.endswith("}")
    )


def _step(spec: Spec, operation: Operation, name: str, idea: _Idea) -> dict[str, Any] | str:
    """The step, or why there is none."""
    path = path_of_mapping(operation.path, root="effect")
    where = f"{operation.method.upper()} {operation.path} looks like it"
    if path is None:
        return f"{where}, but a place of its path cannot be filled"
    if name == "take_payment":
        path = path.replace("{effect.rental_id}", "{effect.parts[0].rental_id}")
    if name == "post_bulletin" and "{effect." in path:
        return f"{where}, but a bulletin belongs to no tenant"
    body = _body(spec, operation, idea)
    if isinstance(body, str):
        return f"{where}, but nothing is known for {body}"
    key = _idempotency(spec, operation, name, path, body)
    if key is None:
        return f"{where}, but nothing in it would let a second delivery be recognised"
    return {"name": name.rsplit("_", maxsplit=1)[-1], operation.method: path, "body": body, "idempotency": key}


def _body(spec: Spec, operation: Operation, idea: _Idea) -> dict[str, Any] | str:
    shape = spec.shape(operation.body)
    made: dict[str, Any] = {}
    for key, schema in shape.properties.items():
        template = idea.values.get(plain(key), "")
        if template and not schema.get("readOnly"):
            made[key] = template.replace("MONEY", _money(key, schema))
        elif plain(key) in REFERENCE_WORDS and plain(key) not in idea.values:
            made[key] = "{attempt.reference}"
    missing = sorted(key for key in shape.required - made.keys() if not shape.properties.get(key, {}).get("readOnly"))
    return ", ".join(missing) if missing else made or "its body"


def _money(key: str, schema: dict[str, Any]) -> str:
    if "cents" in key.lower() or schema.get("type") == "integer":
        return "cents"
    return "amount_text" if schema.get("type") == "string" else "amount_number"


def _idempotency(spec: Spec, operation: Operation, name: str, path: str, body: dict[str, Any]) -> dict[str, Any] | None:
    """By reference where a list can be read in which it stands; a state is looked for where it was set."""
    listed = spec.find("get", path)
    if listed is None or listed.path != operation.path:
        return None
    rows, _ = rows_of(spec, listed.answer)
    look: dict[str, Any] = {"get": path, **({"rows": rows} if rows != "@" else {})}
    holding = {key: text for key, text in body.items() if "reference}" in text}
    if holding:
        whole = "{attempt.reference}"
        match = {key: whole if text == whole else {"contains": whole} for key, text in holding.items()}
        return {"by": "client_reference", "look_up": {**look, "match": match}}
    if name == "schedule_move_out":
        dates = {key: text for key, text in body.items() if "leaving_on" in text}
        return {"by": "state", "look_up": {**look, "match": dates}} if dates else None
    amounts = {key: text for key, text in body.items() if "effect.total" in text}
    return {"by": "natural_key", "look_up": {**look, "match": amounts}} if amounts else None


def _is_writable(tenants: dict[str, Any]) -> bool:
    """The record can be read by its id, and some field of a contact edit is among its fields."""
    contact = ("name.", "address.", "phone", "mobile", "email")
    fields = tenants.get("fields", {})
    return "one" in tenants and any(name.startswith(contact) and isinstance(each, str) for name, each in fields.items())


def _kept(spec: Spec, operation: Operation) -> list[str]:
    """What a whole put may send back: the keys that it takes, and that the read of the same address answers with."""
    read = spec.find("get", operation.path)
    shown = spec.shape(rows_of(spec, read.answer)[1]).properties if read is not None else {}
    taken = spec.shape(operation.body).properties
    return sorted(key for key, schema in taken.items() if key in shown and not schema.get("readOnly"))


def _edit(spec: Spec, draft: Draft, operation: Operation) -> dict[str, Any] | None:
    """A change of a tenant's own record."""
    steps = operation.path.strip("/").split("/")
    tenants = draft.entities.get("tenants", {})
    if len(steps) < 2 or noun_of(steps[-2]) != "tenants" or not steps[-1].startswith("{") or not _is_writable(tenants):  # noqa: PLR2004
        return None
    path = path_of_mapping(operation.path, root="effect")
    if path is None or tenants["one"]["get"].replace("{read.id}", "{effect.tenant_id}") != path:
        return None
    strategy = "patch_changed" if operation.method == "patch" else "put_full"
    wrapped = [key for key in spec.shape(operation.body).properties if noun_of(key) == "tenants"]
    whole = "changes" if operation.method == "patch" else "whole"
    own_id = tenants["fields"].get("id", "id")
    own_id = own_id["at"] if isinstance(own_id, dict) else own_id
    look = {**tenants["one"], "get": path, "match": {own_id: "{effect.tenant_id}"}}
    kept = _kept(spec, operation) if operation.method == "put" and not wrapped else []
    return {
        "name": "edit",
        operation.method: path,
        "update": {"strategy": strategy, **({"keep": kept} if kept else {})},
        **({"body": {wrapped[0]: {"$record": whole}}} if wrapped else {}),
        "idempotency": {"by": "state", "look_up": look},
    }
