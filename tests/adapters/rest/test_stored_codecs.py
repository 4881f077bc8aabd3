"""Last digits and months, as they stand on what is stored to pay with."""

from __future__ import annotations

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pmsbridge.model.sealed import BankAccountFace, BankAccountKind, CardBrand, CardFace
from pmsbridge_rest.codecs.paying import LastDigits, Months
from pmsbridge_rest.codecs.scene import CodecError, Scene
from pmsbridge_rest.mapping.codec_sections import LastDigitsCodec, MonthCodec
from pmsbridge_rest.mapping.reading import load_mapping
from pmsbridge_rest.rows import RowReader, Scope
from pmsbridge_rest.shipped import file_of

SCENE = Scene(ZoneInfo("America/Chicago"), "USD")
DIGITS = LastDigits(LastDigitsCodec(kind="last_digits"))


def months(pattern: Any = "MM/YY") -> Months:
    return Months(MonthCodec(kind="month", pattern=pattern))


@pytest.mark.parametrize(
    ("pattern", "text"),
    [("MM/YY", "02/28"), ("MM/YYYY", "02/2028"), ("MMYY", "0228"), ("YYYY-MM", "2028-02"), ("YYYYMM", "202802")],
)
def test_a_card_is_good_to_the_last_day_of_its_month(pattern: str, text: str) -> None:
    assert months(pattern).decode(text, SCENE) == date(2028, 2, 29)


@pytest.mark.parametrize("text", ["13/28", "00/28", "2/28", "02/2028", "02-28", "soon", 228, "01/9\u0660"])
def test_what_is_no_such_month_is_refused(text: Any) -> None:
    with pytest.raises(CodecError):
        months().decode(text, SCENE)


@pytest.mark.parametrize("text", ["XXXX1234", "1234", "**** **** **** 1234", "Visa ending in 1234", 1234])
def test_of_a_masked_number_the_last_digits_are_kept(text: Any) -> None:
    assert DIGITS.decode(text, SCENE) == "1234"


@pytest.mark.parametrize("text", ["4111111111111111", "4111 11XX XXXX 1111", "XX34", "1234X", "", None, "12 34"])
def test_of_a_number_that_is_not_masked_nothing_is_kept(text: Any) -> None:
    assert DIGITS.decode(text, SCENE) is None


@pytest.mark.parametrize("codec", [DIGITS, months()])
def test_neither_is_ever_written(codec: Any) -> None:
    with pytest.raises(CodecError):
        codec.encode("1234", SCENE)


CARD = {"kind": "credit_card", "card_number": "XXXX1234", "card_type": "mastercard", "expiration_date": "11/23"}
BANK = {"kind": "ach", "account_number": "XXXX4321", "account_type": "C", "routing_number": "XXXX0000"}
CUBBY_CARD = {"type": "CREDIT_CARD", "cardBrand": "JCB", "cardLastFour": "1234", "cardExpiration": "03/24"}
CUBBY_BANK = {"type": "ACH", "achAccountLastFour": "4321", "achAccountType": "CHECKING"}


@pytest.mark.parametrize(
    ("name", "row", "face"),
    [
        ("storedge", CARD, CardFace(brand=CardBrand.MASTERCARD, last4="1234", expires_on=date(2023, 11, 30))),
        ("storedge", BANK, BankAccountFace(kind=BankAccountKind.UNKNOWN, last4="4321")),
        ("storedge", {**CARD, "card_number": "4111111111111111"}, None),
        ("storedge", {"kind": "digital_wallet"}, None),
        ("cubby", CUBBY_CARD, CardFace(brand=CardBrand.UNKNOWN, last4="1234", expires_on=date(2024, 3, 31))),
        ("cubby", CUBBY_BANK, BankAccountFace(kind=BankAccountKind.UNKNOWN, last4="4321")),
    ],
)
def test_a_row_is_a_card_or_a_bank_account(name: str, row: dict[str, Any], face: Any) -> None:
    mapping = load_mapping(file_of(name))
    scope = Scope(name, "main", "F1", ZoneInfo("America/Chicago"), "USD")
    reader = RowReader(mapping, "payment_methods", scope, {"read": {"tenant_id": "7"}})

    method: Any = reader.record({"id": "pm_1", "paymentMethodId": "pm_1", **row})

    assert (method.id, method.tenant_id, method.face) == ("pm_1", "7", face)
