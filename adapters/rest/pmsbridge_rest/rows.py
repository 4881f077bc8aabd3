"""Rows into records: what a mapping says about one noun, applied to one row as it was answered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, cast

from pydantic import ValidationError

from pmsbridge.model.payments import Autopay, AutopayRecord, PaymentMethod
from pmsbridge.model.people import ConsentChannel, ConsentPurpose, ConsentRecord, Contact, ContactRole, PersonName
from pmsbridge.model.record import Record, Value
from pmsbridge.model.sealed import BankAccountFace, CardBrand, CardFace
from pmsbridge.model.stamps import without_stamp
from pmsbridge_rest.mapping.document import Mapping
from pmsbridge_rest.mapping.entities import EntityMap, FieldMap, Items
from pmsbridge_rest.mapping.model_fields import (
    ACCOUNT_FIELDS,
    ALTERNATE,
    BY_UNIT,
    ENTITY_MODELS,
    METHOD,
    Target,
    item_model,
    targets_of,
)
from pmsbridge_rest.mapping.paths import ABSENT, Absent, read_at
from pmsbridge_rest.matching import row_fits
from pmsbridge_rest.row_values import FieldReader, RowError, Scope, searched

__all__ = ["RowError", "RowReader", "Scope"]

_SHOWN_TEXTS: Final = frozenset({"text", "comment", "body", "subject", "description"})


@dataclass(frozen=True, slots=True)
class RowReader:
    """Makes the records of one noun at one facility.

    Attributes:
        mapping: The mapping.
        noun: Which entity of it.
        scope: Where the rows come from.
        places: What places of the fields lead to, by root: ``read`` and ``facility``.
        unread: Fields that are not read; the model's own default stands.
    """

    mapping: Mapping
    noun: str
    scope: Scope
    places: dict[str, Any] = field(default_factory=dict)
    unread: frozenset[str] = frozenset()

    @property
    def entity(self) -> EntityMap:
        """The noun's part of the mapping."""
        return self.mapping.entities[self.noun]

    def id_of(self, row: Any) -> str:  # noqa: ANN401 - one row as it was answered
        """The id of a row.

        Raises:
            RowError: It has none.
        """
        key = "id" if self.noun != "autopay" else BY_UNIT if BY_UNIT in self.entity.fields else "rental_id"
        target = targets_of(ENTITY_MODELS[self.noun])[key]
        found = self._field(key, self.entity.fields[key], target, row)
        if not isinstance(found, str) or not found:
            message = f"{key}: a row without one"
            raise RowError(message)
        return found

    def record(self, row: Any) -> Record:  # noqa: ANN401
        """The record of a row.

        Raises:
            RowError: The row is no record of this noun.
        """
        values = self._values(row)
        try:
            return self._made(values, row)
        except ValidationError as error:
            problems = error.errors(include_url=False, include_input=False, include_context=False)
            fields = sorted({".".join(map(str, found["loc"])) or "the record" for found in problems})
            message = f"{', '.join(fields)}: not what a record may hold ({problems[0]['msg']})"
        raise RowError(message)

    def account(self, row: Any) -> dict[str, Any]:  # noqa: ANN401
        """What a row says of the account beside the rental, by the account's field names.

        Raises:
            RowError: A value cannot be read.
        """
        fields = self.entity.account
        found = {name: self._field(name, where, ACCOUNT_FIELDS[name], row) for name, where in fields.items()}
        return {name: value for name, value in found.items() if not isinstance(value, Absent)}

    def contact_texts(self, row: Any) -> dict[str, str]:  # noqa: ANN401
        """The fields of a contact edit as a person sees them, by their names; empty where the row has none.

        Raises:
            RowError: A value cannot be read.
        """
        targets = targets_of(ENTITY_MODELS[self.noun])
        found = {name: self._field(name, where, targets[name], row) for name, where in self._editable().items()}
        return {name: _text_of(value) for name, value in found.items()}

    def _editable(self) -> dict[str, FieldMap]:
        return {name: where for name, where in self.entity.fields.items() if where.is_written and where.is_read}

    # values

    def _reader(self) -> FieldReader:
        return FieldReader(self.mapping, self.scope, self.places)

    def _values(self, row: Any) -> dict[str, Any]:  # noqa: ANN401
        targets = targets_of(ENTITY_MODELS[self.noun])
        found = {
            name: self._field(name, where, targets[name], row)
            for name, where in self.entity.fields.items()
            if where.is_read and name not in self.unread
        }
        return {name: value for name, value in found.items() if not isinstance(value, Absent)}

    def _field(self, name: str, where: FieldMap, target: Target, row: Any) -> Any:  # noqa: ANN401
        """A field's value. Our reference is for finding a text again, not for reading."""
        value = self._reader().value(name, where, target, row)
        if self.entity.hides_reference and name in _SHOWN_TEXTS and isinstance(value, str):
            return without_stamp(value, or_bare=self.noun != "notes")[0]
        return value

    # records

    def _made(self, values: dict[str, Any], row: Any) -> Record:  # noqa: ANN401
        alternate: dict[str, Any] = {name: values.pop(name) for name in ALTERNATE if name in values}
        if self.noun == "autopay":
            return self._autopay(values)
        model = ENTITY_MODELS[self.noun]
        fields = _nested({name: value for name, value in values.items() if name not in {"id", "version"}})
        fields["ref"] = self.scope.ref(_entity_of(model), str(values.get("id", "")), values.get("version"))
        fields.update(self._lists(row, str(values.get("id", ""))))
        fields.update(self._of_tenant(row, alternate, fields.get("contacts", ())))
        if self.noun == "facilities":
            fields = {
                "name": self.scope.facility,
                "zone": self.scope.zone.key,
                "currency": self.scope.currency,
                **fields,
            }
        if self.noun == "payment_methods":
            fields["face"] = _face(fields.get("face", {}))
        extra = dict(self._extra(row))
        if extra:
            fields["extra"] = extra
        return cast("Record", model.model_validate(fields))  # every model but autopay's is one

    def _autopay(self, values: dict[str, Any]) -> AutopayRecord:
        """A row that names a unit has it in the rental's place: which rental that is, the row does not say."""
        tenant, unit, method = (values.pop(name, "") for name in ("tenant_id", BY_UNIT, METHOD))
        if unit:
            values["rental_id"] = unit
        fields = {**_nested(values), "read_at": values.get("read_at", self.scope.seen_at)}
        if method:
            rental = None if unit else values.get("rental_id")
            ref = self.scope.ref("payment_method", method)
            fields["method"] = PaymentMethod(ref=ref, tenant_id=tenant, rental_id=rental)
        autopay = Autopay.model_validate(fields)
        return AutopayRecord(ref=self.scope.ref("autopay", autopay.rental_id), tenant_id=tenant, autopay=autopay)

    def _of_tenant(self, row: Any, alternate: dict[str, Any], listed: tuple[Any, ...]) -> dict[str, Any]:  # noqa: ANN401
        """Consents, and the alternate contact that some back offices keep in the tenant's own row."""
        if self.noun != "tenants":
            return {}
        contact = self._alternate(alternate, self.id_of(row))
        contacts = (*listed, contact) if contact is not None else listed
        made = {"consents": tuple(self._consents(row)), "contacts": contacts}
        return {name: value for name, value in made.items() if value}

    def _alternate(self, values: dict[str, Any], tenant_id: str) -> Contact | None:
        if not any(_text_of(value).strip() for value in values.values()):
            return None
        first, last, phone, email = (values.get(name) for name in ALTERNATE)
        return Contact(
            ref=self.scope.ref("contact", f"{tenant_id}:alternate"),
            tenant_id=tenant_id,
            role=ContactRole.ALTERNATE,
            name=PersonName(first=first or "", last=last or ""),
            phone=phone,
            email=email or "",
        )

    def _consents(self, row: Any) -> Iterator[ConsentRecord]:  # noqa: ANN401
        for each in self.entity.consents:
            raw = read_at(row, each.at)
            if each.dir == "write" or raw is ABSENT:
                continue
            granted = self._reader().decoded(f"consents {each.channel} {each.purpose}", each.codec, raw)
            given = ABSENT if each.given_at is None else read_at(row, each.given_at)
            given_at = None if given is ABSENT else self._reader().decoded("consents given_at", each.given_codec, given)
            if granted is not None:
                yield ConsentRecord(
                    channel=ConsentChannel(each.channel),
                    purpose=ConsentPurpose(each.purpose),
                    granted=granted,
                    given_at=given_at,
                    source="back office",
                )

    def _lists(self, row: Any, own_id: str) -> dict[str, Any]:  # noqa: ANN401
        return {name: tuple(self._items(name, items, row, own_id)) for name, items in self.entity.items.items()}

    def _items(self, name: str, items: Items, row: Any, own_id: str) -> Iterator[Value]:  # noqa: ANN401
        model = item_model(self.noun, name)
        found = searched(items.rows, row)
        for entry in found if isinstance(found, list) and model is not None else ():
            if row_fits(items.where, entry):
                yield self._item(model, items, entry, own_id)

    def _item(self, model: Any, items: Items, entry: Any, own_id: str) -> Value:  # noqa: ANN401
        targets = targets_of(model)
        found = {name: self._field(name, where, targets[name], entry) for name, where in items.fields.items()}
        values = {name: value for name, value in found.items() if not isinstance(value, Absent)}
        owner = {"tenants": "tenant_id", "rentals": "rental_id"}.get(self.noun, "")
        if owner in model.model_fields:
            values.setdefault(owner, own_id)
        is_record = issubclass(model, Record)
        apart = {"id", "version"} if is_record else set[str]()  # of a record they are its reference
        fields = _nested({name: value for name, value in values.items() if name not in apart})
        if is_record:
            fields["ref"] = self.scope.ref(model.entity, str(values.get("id", "")), values.get("version"))
        made: Value = model.model_validate(fields)
        return made

    def _extra(self, row: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401
        if self.noun == "notes" and (reference := self._hidden_reference(row)):
            yield "reference", reference
        for name, path in self.entity.extra.items():
            raw = read_at(row, path)
            if isinstance(raw, str | int) and not isinstance(raw, bool) and str(raw):
                yield name, str(raw)

    def _hidden_reference(self, row: Any) -> str:  # noqa: ANN401
        """Ours, which is not shown with the text: what a note is about and who may read it is known by it."""
        where = self.entity.fields.get("text")
        if not self.entity.hides_reference or where is None or not where.is_read:
            return ""
        text = self._reader().value("text", where, targets_of(ENTITY_MODELS[self.noun])["text"], row)
        return without_stamp(text)[1] if isinstance(text, str) else ""


def _face(told: dict[str, Any]) -> CardFace | BankAccountFace | None:
    """A card's face or a bank account's, by which of the two the row has; None without the last digits."""
    if not told.get("last4"):
        return None
    if "kind" in told:
        return BankAccountFace(kind=told["kind"], last4=told["last4"])
    return CardFace(brand=told.get("brand", CardBrand.UNKNOWN), last4=told["last4"], expires_on=told.get("expires_on"))


def _entity_of(model: type[Value]) -> str:
    return str(getattr(model, "entity", ""))


def _nested(values: dict[str, Any]) -> dict[str, Any]:
    """Dotted names as tables in tables. A part of a whole name goes over the whole."""
    made: dict[str, Any] = {}
    for name in sorted(values, key=lambda each: each.count(".")):
        here, *below = name.split(".")
        if not below:
            made[here] = values[name]
            continue
        table = made.get(here, {})
        table = table if isinstance(table, dict) else table.model_dump()
        made[here] = {**table, ".".join(below): values[name]}
    return {name: _nested(value) if _is_dotted(value) else value for name, value in made.items()}


def _is_dotted(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, dict) and any("." in key for key in value)


def _text_of(value: Any) -> str:  # noqa: ANN401
    """A contact field as a person sees it."""
    if value is None or isinstance(value, Absent):
        return ""
    return str(getattr(value, "raw", value))
