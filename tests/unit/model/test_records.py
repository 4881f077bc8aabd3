from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr, ValidationError

from pmsbridge.actions.effects import effect_from_json
from pmsbridge.model import (
    documents,
    invoices,
    ledger,
    payments,
    people,
    places,
    portal_accounts,
    rental,
    requests,
    sealed,
)
from pmsbridge.model.account import TenantAccount
from pmsbridge.model.documents import Visibility, visible_notes
from pmsbridge.model.payments import Autopay, AutopayState, PaymentMethod
from pmsbridge.model.people import ConsentChannel, ConsentPurpose, Phone
from pmsbridge.model.record import OpenEnum, Record, Value, VendorRef
from pmsbridge.model.schemas import public_models
from tests.unit.model import specimens
from tests.unit.model.making import IDS, TEXTS
from tests.unit.model.specimens import SPECIMENS

MODULES = (documents, invoices, ledger, payments, people, places, portal_accounts, rental, requests, sealed)
OPEN_ENUMS = sorted(
    {
        thing
        for module in MODULES
        for thing in vars(module).values()
        if isinstance(thing, type) and issubclass(thing, OpenEnum) and thing is not OpenEnum
    },
    key=lambda enum: enum.__name__,
)

each_specimen = pytest.mark.parametrize("record", SPECIMENS, ids=lambda record: type(record).__name__)


def free_text_fields(model: type[BaseModel]) -> list[str]:
    return [
        name
        for name, field in model.model_fields.items()
        if field.annotation is str and not field.metadata and name != "zone"
    ]


def test_every_public_model_is_proved_by_a_specimen() -> None:
    rooms = ("pmsbridge.model.", "pmsbridge.ports.", "pmsbridge.actions.effects", "pmsbridge.actions.plan")
    classes = [thing for thing in public_models().values() if isinstance(thing, type)]
    proved_here = {
        thing.__name__
        for thing in classes
        if thing.__module__ != "pmsbridge.actions.plans" and thing.__module__.startswith(rooms)
    }

    assert proved_here == {type(record).__name__ for record in SPECIMENS}


@each_specimen
def test_every_record_survives_json_unchanged(record: BaseModel) -> None:
    text = record.model_dump_json()

    again = type(record).model_validate_json(text)

    assert again == record
    assert again.model_dump_json() == text
    assert type(record).model_validate(record.model_dump()) == record


@each_specimen
@given(data=st.data())
def test_any_text_survives_json_unchanged(record: BaseModel, data: st.DataObject) -> None:
    fields = {name: getattr(record, name) for name in type(record).model_fields}
    for name in free_text_fields(type(record)):
        fields[name] = data.draw(TEXTS.filter(str.strip), label=name)

    filled = type(record).model_validate(fields)

    assert type(record).model_validate_json(filled.model_dump_json()) == filled


@each_specimen
def test_every_record_is_frozen_and_refuses_unknown_fields(record: BaseModel) -> None:
    name = next(iter(type(record).model_fields))

    with pytest.raises(ValidationError, match="frozen"):
        setattr(record, name, getattr(record, name))
    with pytest.raises(ValidationError, match="Extra inputs"):
        type(record).model_validate({**record.model_dump(), "surprise": 1})


@each_specimen
def test_no_model_has_a_field_for_a_secret(record: BaseModel) -> None:
    forbidden = {"card_number", "number_of_card", "pan", "cvv", "password", "gate_code", "ssn", "account_number"}

    assert not forbidden & set(type(record).model_fields)


def test_the_same_record_is_the_same_json_in_every_process() -> None:
    program = "from tests.unit.model.specimens import *; print(UNIT.model_dump_json(), CONTACT.model_dump_json())"

    texts = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.getcwd()},  # noqa: PTH109 - the child's search path
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }

    assert len(texts) == 1
    assert '["alarm","climate","drive_up"]' in texts.pop()


def test_a_token_is_never_written_and_never_shown() -> None:
    method = specimens.METHOD.changed(token=SecretStr("tok_canary_0001"))

    assert "tok_canary" not in method.model_dump_json() + repr(method) + str(method) + str(method.model_dump())
    assert PaymentMethod.model_validate_json(method.model_dump_json()).token is None


def test_every_stored_effect_is_read_back_as_what_it_was() -> None:
    effects = [record for record in SPECIMENS if "kind" in type(record).model_fields and hasattr(record, "target")]

    assert len(effects) == 16
    for effect in effects:
        again = effect_from_json(effect.model_dump_json())
        assert again == effect
        assert type(again) is type(effect)


@pytest.mark.parametrize("enum", OPEN_ENUMS, ids=lambda enum: enum.__name__)
@given(word=TEXTS)
def test_an_unknown_word_reads_as_unknown(enum: type[OpenEnum], word: str) -> None:
    known = {member.value for member in enum}

    assert enum(word).value == (word if word in known else "unknown")
    for no_word in (None, 7, 1.5, b"active"):
        with pytest.raises(ValueError, match="is not a valid"):
            enum(no_word)  # type: ignore[arg-type]


def test_an_unknown_word_stops_no_record_in_python_or_json() -> None:
    text = specimens.RENTAL.model_dump_json().replace('"notice_given"', '"half_gone"')

    assert rental.Rental.model_validate_json(text).state is rental.RentalState.UNKNOWN
    assert specimens.UNIT.changed(state="flooded").state is places.UnitState.UNKNOWN


@pytest.mark.parametrize("hours", [-10, 0, 5, 14])
def test_an_instant_is_kept_as_utc_and_needs_a_zone(hours: int) -> None:
    local = datetime(2026, 11, 21, 12, tzinfo=timezone(timedelta(hours=hours)))

    seen = specimens.ref("tenant").changed(seen_at=local).seen_at

    assert seen == local
    assert seen.tzinfo is UTC
    with pytest.raises(ValidationError, match="needs a time zone"):
        specimens.ref("tenant").changed(seen_at=local.replace(tzinfo=None))


@given(st.tuples(IDS, IDS, IDS), st.tuples(IDS, IDS, IDS))
def test_a_key_is_unique_over_accounts_facilities_and_ids(
    one: tuple[str, str, str], other: tuple[str, str, str]
) -> None:
    refs = [VendorRef(system="s", account=a, facility=f, entity="tenant", id=i) for a, f, i in (one, other)]

    assert (refs[0].key == refs[1].key) is (one == other)


def test_slashes_in_ids_do_not_make_two_records_one() -> None:
    def key(account: str, facility: str) -> str:
        return VendorRef(system="s", account=account, facility=facility, entity="tenant", id="1").key

    assert key("a/b", "c") != key("a", "b/c")
    assert key("a%2Fb", "c") != key("a/b", "c")
    assert key("acme", "L001") == "acme/L001/tenant/1"


@pytest.mark.parametrize("identity", ["", "a\nb", "a\x00", "\x1f", "x" * 201, 15])
def test_an_id_is_printable_text(identity: object) -> None:
    with pytest.raises(ValidationError):
        VendorRef(system="s", account="a", facility="f", entity="tenant", id=identity)  # type: ignore[arg-type]


@pytest.mark.parametrize("record", [r for r in SPECIMENS if isinstance(r, Record)], ids=lambda r: type(r).__name__)
def test_a_reference_names_its_own_kind_of_record(record: Record) -> None:
    assert record.id == record.ref.id
    with pytest.raises(ValidationError, match="must name the entity"):
        record.changed(ref=record.ref.changed(entity="something_else"))


def test_a_changed_copy_is_validated() -> None:
    with pytest.raises(ValidationError):
        specimens.CARD.changed(last4="11111")


@pytest.mark.parametrize("where", ["tenant", "rentals", "unit"])
def test_a_tenant_account_is_of_one_facility(where: str) -> None:
    whole = next(record for record in SPECIMENS if isinstance(record, TenantAccount))
    elsewhere: dict[str, Any] = {
        "tenant": {"tenant": whole.tenant.changed(ref=whole.tenant.ref.changed(facility="L002"))},
        "rentals": {
            "rentals": (
                whole.rentals[0].changed(
                    rental=specimens.RENTAL.changed(ref=specimens.RENTAL.ref.changed(facility="L002"))
                ),
            )
        },
        "unit": {
            "rentals": (
                whole.rentals[0].changed(unit=specimens.UNIT.changed(ref=specimens.UNIT.ref.changed(account="other"))),
            )
        },
    }

    with pytest.raises(ValidationError, match="one account and facility"):
        whole.changed(**elsewhere[where])


def test_a_tenant_account_holds_only_its_tenants_rentals_and_their_autopay() -> None:
    whole = next(record for record in SPECIMENS if isinstance(record, TenantAccount))

    with pytest.raises(ValidationError, match="belongs to its tenant"):
        whole.changed(rentals=(whole.rentals[0].changed(rental=specimens.RENTAL.changed(tenant_id="T2")),))
    with pytest.raises(ValidationError, match="another rental's"):
        whole.rentals[0].changed(autopay=specimens.AUTOPAY.changed(rental_id="R2"))
    assert whole.rental("R2") is None
    assert whole.rental("R1") is not None
    assert whole.total == specimens.BALANCES


def test_the_business_date_is_the_facilitys() -> None:
    whole = next(record for record in SPECIMENS if isinstance(record, TenantAccount))

    assert whole.today(datetime(2026, 11, 21, 5, 59, tzinfo=UTC)).day == 20
    assert whole.today(datetime(2026, 11, 21, 6, 0, tzinfo=UTC)).day == 21


@pytest.mark.parametrize("state", list(AutopayState))
@pytest.mark.parametrize("usable", [True, False])
def test_half_an_enrolment_is_not_autopay(*, state: AutopayState, usable: bool) -> None:
    enrolled = state in {AutopayState.CARD, AutopayState.BANK_DEBIT}

    assert Autopay(rental_id="R1", state=state, method_usable=usable).is_on is (enrolled and usable)


@pytest.mark.fact("S1.41")
def test_notes_are_internal_unless_said_otherwise() -> None:
    note = documents.Note(ref=specimens.ref("note"), tenant_id="T1", text="private")

    assert note.visibility is Visibility.INTERNAL
    assert visible_notes((note,)) == ()
    assert visible_notes((note.changed(visibility=Visibility.CUSTOMER),)) != ()


@pytest.mark.parametrize("text", ["", "  ", "\n"])
def test_an_empty_note_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="needs text"):
        documents.Note(ref=specimens.ref("note"), tenant_id="T1", text=text)


def test_a_phone_keeps_its_raw_text_and_is_compared_by_digits() -> None:
    assert Phone(raw=" (555) 010-0001 x2 ").raw == " (555) 010-0001 x2 "
    assert Phone(raw="555.010.0001").digits == Phone(raw="(555) 010 0001").digits


def test_the_last_recorded_consent_counts() -> None:
    yes = specimens.CONSENT
    tenant = specimens.TENANT.changed(consents=(yes, yes.changed(granted=False)))

    assert tenant.consent(ConsentChannel.SMS, ConsentPurpose.PAYMENT_REMINDERS) is False
    assert tenant.consent(ConsentChannel.EMAIL, ConsentPurpose.MARKETING) is None


@pytest.mark.parametrize("zone", ["Central", "America/Nowhere", "../etc/passwd", ""])
def test_a_zone_exists(zone: str) -> None:
    with pytest.raises(ValidationError, match="IANA"):
        specimens.FACILITY.changed(zone=zone)


def test_a_value_has_no_hidden_state() -> None:
    assert all(isinstance(record, Value) for record in SPECIMENS)
    assert json.loads(specimens.SIZE.model_dump_json()) == {
        "width": "10",
        "length": "20.50",
        "height": "8",
        "measure": "ft",
    }
    assert specimens.SIZE.text == "10 x 20.5 x 8 ft"
