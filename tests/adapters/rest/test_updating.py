from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmsbridge.actions.effects import ChangeContact, SetConsent
from pmsbridge.model.people import ConsentChannel, ConsentPurpose
from pmsbridge_rest.codecs.scene import Scene
from pmsbridge_rest.filling import CannotSayError
from pmsbridge_rest.mapping.actions import Update
from pmsbridge_rest.mapping.document import Mapping
from pmsbridge_rest.mapping.entities import Consent, FieldMap
from pmsbridge_rest.mapping.paths import read_at
from pmsbridge_rest.updating import Edit, Updating, changed_meanwhile, not_as_asked
from tests.adapters.rest.test_rows import TENANT

SCENE = Scene(ZoneInfo("America/Chicago"), "USD")
PUT = {"strategy": "put_full", "drop": ["id", "how_found"]}
PATCH = {"strategy": "patch_changed"}


def edit(**said: Any) -> ChangeContact:
    return ChangeContact(account="main", facility="F1", tenant_id="4711", **said)


def updating(harbor: Mapping, how: dict[str, Any], effect: Edit) -> Updating:
    return Updating(harbor, Update.model_validate(how), effect, SCENE)


def test_a_patch_holds_the_changes_and_nothing_else(harbor: Mapping) -> None:
    update = updating(harbor, PATCH, edit(changes={"email": "new@example.test", "address.city": "Quay"}))

    assert not update.needs_record
    assert update.records(None) == {"changes": {"email": "new@example.test", "address": {"city": "Quay"}}}


def test_a_put_holds_everything_that_was_read_less_what_must_not_go_back(harbor: Mapping) -> None:
    whole = updating(harbor, PUT, edit(changes={"email": "new@example.test"})).records(TENANT)["whole"]

    wanted = {key: value for key, value in TENANT.items() if key not in {"id", "how_found"}}
    assert whole == {**wanted, "email": "new@example.test"}
    assert TENANT["email"] == "ada@example.test"


def test_a_put_may_name_the_only_keys_that_go_back(harbor: Mapping) -> None:
    how = {"strategy": "put_full", "keep": ["first_name", "address.city", "nowhere"]}

    whole = updating(harbor, how, edit(changes={"email": "e@example.test"})).records(TENANT)["whole"]

    assert whole == {"first_name": "Ada", "address": {"city": "Port"}, "email": "e@example.test"}


def test_what_is_read_as_a_list_may_be_written_as_a_table(harbor: Mapping) -> None:
    reshape = [{"read": "phones[?type=='cell'].number | [0]", "write": "PhoneNumbers.Mobile", "drop": "phones"}]
    how = {"strategy": "put_full", "keep": ["first_name", "phones"], "reshape": reshape}

    whole = updating(harbor, how, edit(changes={"name.first": "Bea"})).records(TENANT)["whole"]

    assert whole == {"first_name": "Bea", "PhoneNumbers": {"Mobile": "+1 813 555 0100"}}


def test_a_list_that_a_change_is_in_goes_whole_with_its_other_entries(harbor: Mapping) -> None:
    update = updating(harbor, PATCH, edit(changes={"phone": "813 555 0199"}))

    assert update.needs_record
    with pytest.raises(CannotSayError, match="read before"):
        update.records(None)
    assert update.records(TENANT)["changes"] == {
        "phones": [{"type": "cell", "number": "+1 813 555 0100"}, {"type": "home", "number": "813 555 0199"}]
    }


def test_a_cleared_field_is_empty_null_or_refused_as_the_mapping_says(harbor: Mapping) -> None:
    update = updating(harbor, PATCH, edit(changes={"email": "", "address.line2": ""}))

    assert update.records(None)["changes"] == {"email": "", "address": {"street2": None}}


def test_a_field_the_back_office_has_no_place_for_is_refused_before_anything_is_sent(harbor: Mapping) -> None:
    with pytest.raises(CannotSayError, match=r"name\.middle"):
        updating(harbor, PATCH, edit(changes={"name.middle": "Q"})).records(None)


def test_the_version_that_was_read_goes_back(harbor: Mapping) -> None:
    how = {**PATCH, "guard": {"by": "version", "at": "rev"}}
    update = updating(harbor, how, edit(changes={"email": "e@example.test"}))

    assert update.records(TENANT)["changes"] == {"email": "e@example.test", "rev": "7"}
    with pytest.raises(CannotSayError, match="version"):
        update.records({**TENANT, "rev": None})


def test_consent_is_written_in_the_vendors_words(harbor: Mapping) -> None:
    answer = SetConsent(
        account="main", facility="F1", tenant_id="1", channel=ConsentChannel.EMAIL, purpose=ConsentPurpose.MARKETING,
        granted=False,
    )  # fmt: skip

    assert updating(harbor, PATCH, answer).records(None)["changes"] == {"prefs": {"email_news": "N"}}
    other = answer.changed(channel=ConsentChannel.POST)
    with pytest.raises(CannotSayError, match="post"):
        updating(harbor, PATCH, other).records(None)


FIELDS = ["name.first", "name.last", "name.company", "phone", "mobile", "email", "address.line1", "address.line2"]
TEXTS = st.text(st.characters(exclude_categories=["C"]), max_size=8)
CHANGES = st.dictionaries(st.sampled_from(FIELDS), TEXTS, min_size=1)


@given(changes=CHANGES)
def test_an_edit_leaves_every_other_key_of_the_record_as_it_was(harbor: Mapping, changes: Any) -> None:
    update = updating(harbor, {"strategy": "put_full"}, edit(changes=changes))

    whole = update.records(TENANT)["whole"]

    assert update.differences(TENANT, whole) == []
    for path, (name, text) in zip(update.paths(), changes.items(), strict=True):
        assert read_at(whole, path) == (text or (None if name == "address.line2" else ""))


def test_what_changed_beside_the_edit_is_named(harbor: Mapping) -> None:
    update = updating(harbor, {**PATCH, "moves": ["rev"]}, edit(changes={"email": "e@example.test"}))
    after = {**TENANT, "email": "e@example.test", "rev": "8", "prefs": {**TENANT["prefs"], "email_news": "N"}}
    del after["company"]

    assert update.differences(TENANT, after) == ["company", "prefs.email_news"]


def test_a_field_that_is_read_elsewhere_than_it_is_written_is_no_other_change(harbor: Mapping) -> None:
    phone = {"expr": "phones[?type=='home'].number | [0]", "at": "PhoneNumbers.Home"}
    tenants = harbor.entities["tenants"]
    fields = {**tenants.fields, "phone": FieldMap.model_validate(phone)}
    entities = {**harbor.entities, "tenants": tenants.model_copy(update={"fields": fields})}
    reshaping = harbor.model_copy(update={"entities": entities})
    update = updating(reshaping, PATCH, edit(changes={"phone": "1"}))
    after = {**TENANT, "phones": [{"type": "home", "number": "1"}]}

    assert update.differences(TENANT, after) == []
    assert updating(reshaping, PATCH, edit(changes={"email": "e"})).differences(TENANT, {**after, "email": "e"}) == [
        "phones"
    ]


def test_a_consent_that_is_read_elsewhere_than_it_is_written_is_no_other_change(harbor: Mapping) -> None:
    shown = {"channel": "email", "purpose": "marketing", "at": "prefs.shown.email", "codec": "flag", "dir": "read"}
    written = {**shown, "at": "prefs.email_news", "dir": "write"}
    tenants = harbor.entities["tenants"].model_copy(
        update={"consents": tuple(Consent.model_validate(each) for each in (shown, written))}
    )
    reading_elsewhere = harbor.model_copy(update={"entities": {**harbor.entities, "tenants": tenants}})
    effect = SetConsent(
        account="main", facility="H1", tenant_id="7", channel=ConsentChannel.EMAIL, purpose=ConsentPurpose.MARKETING,
        granted=False,
    )  # fmt: skip
    update = updating(reading_elsewhere, PATCH, effect)
    before = {"prefs": {"shown": {"email": "Y", "sms": "Y"}}}

    assert update.differences(before, {"prefs": {"shown": {"email": "N", "sms": "Y"}}}) == []
    assert update.differences(before, {"prefs": {"shown": {"email": "N", "sms": "N"}}}) == ["prefs.shown.sms"]


def test_an_edit_that_is_so_already_and_one_that_somebody_else_was_faster_with_are_known() -> None:
    effect = edit(changes={"email": "new"}, seen={"email": "old"})

    assert not_as_asked(effect, {"email": "new"}) == []
    assert not_as_asked(effect, {"email": "old"}) == ["email"]
    assert changed_meanwhile(effect, {"email": "old"}) == []
    assert changed_meanwhile(effect, {"email": "new"}) == []
    assert changed_meanwhile(effect, {"email": "third"}) == ["email"]
