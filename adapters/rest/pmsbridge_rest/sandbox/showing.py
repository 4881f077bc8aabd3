"""Records as this vendor shows them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from .billing import Asked, asked_of
from .mapping_file import Sheet
from .paths import ABSENT, PathError, get, put, take_out, turned_round
from .plan import PREPAY
from .records import Record, Shelf
from .spelling import Place, show
from .templates import Slot, pieces_of, slots_in

_ZERO = Decimal(0)


class Window:
    """Shows records.

    Args:
        sheet: The mapping: where which field stands, and how it is spelt.
        where: The facility.
        constants: What is the same in every row: the options, the facility's code.
        today: The facility's business date.
    """

    def __init__(
        self, sheet: Sheet, where: Place, constants: Mapping[str, Any], today: Callable[[], date]
    ) -> None:  # fmt: skip
        self._sheet = sheet
        self._where = where
        self._today = today
        self._constants = dict(constants)
        ahead = {name: sheet.part("prepay")[name] for name in ("future", "through") if sheet.part("prepay").get(name)}
        self._entities = {**sheet.part("entities"), PREPAY: {"fields": ahead}}
        self.numbers_ids = _writes_number_ids(sheet)

    def row(
        self, nouns: tuple[str, ...], record: Record, shelf: Shelf, more: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """A record as a row.

        Args:
            nouns: Whose fields stand in it.
            record: The record.
            shelf: Where records that belong to it are.
            more: What else is shown, by path; what ``shows`` says of the nouns where this is None.
        """
        row = copy.deepcopy(record.raw)
        values = self._values(record, shelf)
        for noun in nouns:
            self._fields(row, self._entities.get(noun, {}), values, record)
        tables = [self._sheet.beside("shows").get(noun, {}) for noun in nouns] if more is None else [more]
        for path, shown in (pair for table in tables for pair in table.items()):
            _put_shown(row, path, self._made(shown, values, shelf))
        return row

    def _values(self, record: Record, shelf: Shelf) -> dict[str, Any]:
        values = {
            **self._constants, **record.values, "id": record.id, "version": str(record.version),
            "changed_at": record.changed_at,
        }  # fmt: skip
        if record.noun != "rentals":
            return values
        owed = shelf.owed(record.id)
        credit = max(-owed, _ZERO)
        asked = asked_of(shelf, record.id, self._today()) or Asked(owed, max(owed, _ZERO))
        autopay = shelf.one("autopay", record.id)
        moved = [row.values for row in shelf.all("ledger_entries") if row.values["rental_id"] == record.id]
        payments = [row for row in moved if row["effect"] < 0]
        paid = -sum((row["effect"] for row in payments), _ZERO)
        return {
            **values, "ledger": owed, "due": asked.due, "payable_now": max(asked.due, _ZERO),
            "past_due": asked.past_due, "credit": credit,
            "billed": True, "days_past_due": 0, "payments_blocked": False, "is_complimentary": False,
            "charged": owed + paid, "paid": paid, "began_at": moved[0]["posted_at"] if moved else None,
            "last_payment_on": payments[-1]["effective_on"] if payments else None,
            "autopay.on": autopay.values["autopay.on"] if autopay is not None else False,
            "method_id": autopay.values["method_id"] if autopay is not None else None,
        }  # fmt: skip

    def _fields(
        self, row: dict[str, Any], entity: Mapping[str, Any], values: Mapping[str, Any], record: Record
    ) -> None:
        tables = [entity.get("fields", {}), entity.get("account", {}) if record.noun == "rentals" else {}]
        for name, where in (pair for table in tables for pair in table.items()):
            if name in values or name == "name":
                self._field(row, name, where, values)
        for consent in entity.get("consents", []):
            granted = values.get(f"consent.{consent['channel']}.{consent['purpose']}")
            if granted is not None and consent.get("dir") != "write":
                _put_shown(
                    row, consent["at"], show(self._sheet.codec(consent.get("codec", "boolean")), granted, self._where)
                )
        since = (entity.get("all") or {}).get("since") or {}
        if since.get("row_changed_at"):
            codec = self._sheet.codec(since.get("row_codec", "instant"))
            _put_shown(row, since["row_changed_at"], show(codec, record.changed_at, self._where))

    def _field(self, row: dict[str, Any], name: str, where: Any, values: Mapping[str, Any]) -> None:  # noqa: ANN401
        table = {"at": where} if isinstance(where, str) else where
        path = turned_round(table["expr"]) if table.get("expr") else table.get("at")
        if path is None or table.get("dir") == "write":
            return
        codec = self._sheet.codec(table.get("codec"))
        value = _whole_name(codec, values) if codec is not None and codec["kind"] == "name" else values.get(name)
        if codec is None and (name == "id" or name.endswith("_id")) and self.numbers_ids:
            value = _as_number(value)
        shown = show(codec, value, self._where)
        if get(row, path) is not ABSENT or (shown is None and "[" in path):
            return  # what the sender wrote there stands there
        _put_shown(row, path, shown)
        if table.get("currency_at"):
            _put_shown(row, table["currency_at"], self._where.currency)

    def answer(self, action: str, record: Record, shelf: Shelf) -> dict[str, Any] | None:
        """What the file beside the mapping says that an action is answered with; None where it says nothing."""
        shown = self._sheet.beside("answers").get(action)
        return None if shown is None else dict(self._made(shown, self._values(record, shelf), shelf))

    def _made(self, shown: Any, values: Mapping[str, Any], shelf: Shelf) -> Any:  # noqa: ANN401 - any structure
        """What the file beside the mapping says is shown, with its places filled."""
        if isinstance(shown, Mapping):
            return self._made_table(shown, values, shelf)
        if isinstance(shown, list):
            return [self._made(each, values, shelf) for each in shown]
        return self._made_text(shown, values) if isinstance(shown, str) else shown

    def _made_table(self, shown: Mapping[str, Any], values: Mapping[str, Any], shelf: Shelf) -> Any:  # noqa: ANN401
        if "$each" in shown:
            return self._each(shown, values, shelf)
        if "$if" in shown:
            return self._made(shown.get("$then" if _is_so(shown["$if"], values) else "$else"), values, shelf)
        return {key: self._made(each, values, shelf) for key, each in shown.items()}

    def _made_text(self, shown: str, values: Mapping[str, Any]) -> Any:  # noqa: ANN401
        pieces = pieces_of(shown)
        if len(pieces) == 1 and isinstance(pieces[0], Slot):
            return self._slot(pieces[0], values)
        return "".join(p if isinstance(p, str) else str(self._slot(p, values) or "") for p in pieces)

    def _each(self, shown: Mapping[str, Any], values: Mapping[str, Any], shelf: Shelf) -> list[Any]:
        """Records that belong to this one, ``{$each: rentals, $by: tenant_id}``: as they are, or as ``$show`` says."""
        noun, by = shown["$each"], shown["$by"]
        own = values["id"] if values.get(by) is None or shown.get("$mine") == "id" else values[by]
        rows = [row for row in shelf.all(noun) if str(row.values.get(by)) == str(own)]
        rows = [row for row in rows if "$only" not in shown or _is_so(shown["$only"], row.values)]
        if "$show" not in shown:
            return [self.row((noun,), row, shelf) for row in rows]
        return [self._made(shown["$show"], self._values(row, shelf), shelf) for row in rows]

    def _slot(self, slot: Slot, values: Mapping[str, Any]) -> Any:  # noqa: ANN401
        value = values.get(slot.name)
        if slot.codec is None and slot.name.endswith("id") and self.numbers_ids:
            value = _as_number(value)
        return show(self._sheet.codec(slot.codec), value, self._where)


def _put_shown(row: dict[str, Any], path: str, value: Any) -> None:  # noqa: ANN401
    try:
        put(row, path, value)
    except PathError:
        top = path.split(".", maxsplit=1)[0].split("[", maxsplit=1)[0]
        take_out(row, top)
        put(row, path, value)


def _is_so(question: str, values: Mapping[str, Any]) -> bool:
    """``leaving_on`` (there is one), ``kind=payment`` (it says that), ``!on`` (there is none)."""
    if question.startswith("!"):
        return not _is_so(question[1:], values)
    name, is_compared, word = question.partition("=")
    return str(values.get(name)) in word.split("|") if is_compared else bool(values.get(name))


def _as_number(value: Any) -> Any:  # noqa: ANN401
    return int(value) if isinstance(value, str) and value.isdigit() else value


def _whole_name(codec: Mapping[str, Any], values: Mapping[str, Any]) -> str:
    first, last = values.get("name.first") or "", values.get("name.last") or ""
    return f"{last}, {first}" if codec.get("order") == "last_comma_first" else f"{first} {last}".strip()


def _writes_number_ids(sheet: Sheet) -> bool:
    """Whether ids are numbers here: somewhere the mapping writes one as a number."""
    for action in sheet.part("actions").values():
        for slot in slots_in([step.get("body") for step in action["steps"]]):
            if slot.name.endswith("id") and slot.codec and (sheet.codec(slot.codec) or {}).get("kind") == "integer":
                return True
    return False
