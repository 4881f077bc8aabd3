"""Contracts and subscriptions into rentals, and the lines of a contract into items out.

When a part of a line is picked up or comes back, the vendor splits the line: the part keeps the id, the rest gets a new
one. Lines that are the same but for that are one item here, named by the lowest id, which is the first of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from pmsbridge.model.places import Unit, UnitKind, UnitState
from pmsbridge.model.rental import ItemOut, Rental, RentalKind, RentalState
from pmsbridge.model.requests import CallOff, CallOffState
from pmsbridge_tryton.mapping.scope import STAYS, Scope, account_id, day_of, number, one, text
from pmsbridge_tryton.vocabulary import RENTAL, RENTAL_STATES, SUBSCRIPTION, SUBSCRIPTION_STATES
from pmsbridge_tryton.wire import Row, nested

__all__ = ["account_rental", "contract_of", "is_out", "item_groups", "subscription_of", "unit_of"]

_SPLIT_KEEPS = ("per_day", "planned_start_day", "planned_end_day", "planned_start", "planned_end", "unit_price")


def is_out(line: Mapping[str, Any]) -> bool:
    """Whether the customer has what a line is about."""
    return line.get("actual_start") is not None and line.get("actual_end") is None


def item_groups(lines: Iterable[Row]) -> dict[int, list[Row]]:
    """Lines by item; an item's id is the lowest of its lines."""
    found: dict[tuple[object, ...], list[Row]] = {}
    for line in sorted(lines, key=lambda one: one["id"]):
        same = (one(line, "product").get("id"), one(line, "unit").get("id"), *(line.get(name) for name in _SPLIT_KEEPS))
        found.setdefault(same, []).append(line)
    return {group[0]["id"]: group for group in found.values()}


def _item(item_id: int, lines: Sequence[Row], rental_id: str, scope: Scope, asked: Sequence[CallOff]) -> ItemOut:
    product = one(lines[0], "product")
    gone = [line for line in lines if line.get("actual_start") is not None]
    out = sum((number(line, "quantity") for line in gone), Decimal(0))
    returned = sum((number(line, "quantity") for line in gone if not is_out(line)), Decimal(0))
    starts = [day for line in gone if (day := scope.local(line["actual_start"])) is not None]
    due = [day for line in lines if (day := day_of(line, "planned_end_day") or scope.local(line.get("planned_end")))]
    own = [call for call in asked if call.item_id == str(item_id)]
    pending = sum((c.quantity for c in own if c.call_off_state is CallOffState.REQUESTED), Decimal(0))
    confirmed = sum((c.quantity for c in own if c.call_off_state is CallOffState.ACKNOWLEDGED), Decimal(0))
    confirmed = min(confirmed, out - returned)
    return ItemOut(
        ref=scope.ref("item_out", item_id),
        rental_id=rental_id,
        code=text(product, "code"),
        description=text(product, "name"),
        measure=text(one(lines[0], "unit"), "symbol"),
        out_on=min(starts, default=None),
        due_back_on=max(due, default=None),
        ordered=sum((number(line, "quantity") for line in lines), Decimal(0)),
        out=out,
        returned=returned,
        call_off_pending=min(pending, out - returned - confirmed),
        call_off_confirmed=confirmed,
    )


def _contract_state(row: Row) -> RentalState:
    lines = nested(row, "lines")
    if any(is_out(line) for line in lines):
        return RentalState.ACTIVE
    state = RENTAL_STATES.get(text(row, "state"), RentalState.UNKNOWN)
    came_back = any(line.get("actual_end") is not None for line in lines)
    return RentalState.RETURNED if came_back and state in {RentalState.ACTIVE, RentalState.RESERVED} else state


def contract_of(row: Row, scope: Scope, asked: Sequence[CallOff] = ()) -> Rental | None:
    """A contract, from a quote to its end; None for a draft that was never quoted, which no customer has seen.

    Args:
        row: With its lines and their moves.
        scope: Where from.
        asked: The call-offs there are for it.
    """
    if text(row, "state") == "draft" and not text(row, "number"):
        return None
    rental_id, lines = f"{RENTAL},{row['id']}", nested(row, "lines")
    ended = [day for line in lines if (day := scope.local(line.get("actual_end"))) is not None]
    state = _contract_state(row)
    items = item_groups(lines)
    starts = [day for line in lines if (day := scope.local(line.get("actual_start"))) is not None]
    return Rental(
        ref=scope.ref("rental", rental_id),
        tenant_id=str(row["party"]),
        kind=RentalKind.CONTRACT,
        number=text(row, "number"),
        state=state,
        vendor_state=text(row, "state"),
        moved_in_on=min(starts, default=None),
        moved_out_on=max(ended, default=None) if state is RentalState.CLOSED else None,
        items=tuple(_item(item_id, group, rental_id, scope, asked) for item_id, group in items.items()),
        extra=_extra(row, "reference", "description"),
    )


def _extra(row: Row, *names: str) -> dict[str, str]:
    return {name: text(row, name) for name in names if text(row, name)}


def subscription_of(row: Row, scope: Scope) -> Rental | None:
    """A recurring rental, such as a unit by the month; None for a draft that was never quoted.

    A running one is a draft again while its end is being written: it has a billing position, and goes on. One whose
    last period is billed is closed there, and let until its day. Many may be for one product, so the product is no
    unit of theirs.
    """
    word, leaving = text(row, "state"), day_of(row, "end_date")
    if word == "draft" and not text(row, "number"):
        return None
    runs = word == "running" or (word in {"draft", "quotation"} and row.get("next_invoice_date") is not None)
    runs = runs or _stays(row, scope)
    state = RentalState.ACTIVE if runs else SUBSCRIPTION_STATES.get(word, RentalState.UNKNOWN)
    if runs and leaving is not None:
        state = RentalState.NOTICE_GIVEN
    lines = nested(row, "lines")
    rent = sum((number(line, "quantity") * number(line, "unit_price") for line in lines), Decimal(0))
    consumed = [day for line in lines if (day := day_of(line, "consumed_until")) is not None]
    start = day_of(row, "start_date")
    return Rental(
        ref=scope.ref("rental", f"{SUBSCRIPTION},{row['id']}"),
        tenant_id=str(row["party"]),
        kind=RentalKind.UNIT,
        number=text(row, "number"),
        unit_number=text(lines[0], "description").split("\n")[0] if lines and text(lines[0], "description") else "",
        state=state,
        vendor_state=word,
        rent=scope.money(rent) if lines else None,
        billing_period=text(one(row, "invoice_recurrence"), "name"),
        bills_on_day=start.day if start is not None else None,
        moved_in_on=start,
        leaving_on=leaving if runs else None,
        moved_out_on=leaving if state is RentalState.CLOSED else None,
        extra={
            **_extra(row, "reference", "description"),
            **_extra(one(one(lines[0], "service"), "product") if lines else {}, "code", "name"),
            **({"billed_until": min(consumed).isoformat()} if consumed else {}),
        },
    )


def _stays(row: Row, scope: Scope) -> bool:
    """Whether the tenant of a recurring rental that is billed to its end is still there, its last day included."""
    leaving, today = day_of(row, "end_date"), scope.local(scope.read_at)
    if text(row, "state") != "closed" or leaving is None:
        return False
    return bool(row.get(STAYS)) if today is None else leaving >= today


def account_rental(party: object, scope: Scope) -> Rental:
    """What stands for a party's account: what belongs to no one rental."""
    return Rental(
        ref=scope.ref("rental", account_id(party)),
        tenant_id=str(party),
        kind=RentalKind.ACCOUNT,
        state=RentalState.UNKNOWN,
    )


def unit_of(row: Row, scope: Scope) -> Unit:
    """A product that is let: articles of a contract in any number, services by the period."""
    is_service = text(row, "type") == "service"
    return Unit(
        ref=scope.ref("unit", row["id"]),
        number=text(row, "code") or str(row["id"]),
        kind=UnitKind.STORAGE if is_service else UnitKind.EQUIPMENT,
        type_name=text(row, "name"),
        state=UnitState.UNKNOWN if row.get("active") is not False else UnitState.OUT_OF_SERVICE,
        asking_rate=scope.money(row["list_price"]) if is_service and row.get("list_price") is not None else None,
    )
