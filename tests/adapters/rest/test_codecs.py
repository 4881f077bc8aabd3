from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, localcontext
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pmsbridge.model.money import Money
from pmsbridge.model.people import PersonName, Phone
from pmsbridge.model.rental import RentalState
from pmsbridge_rest.codecs.making import codec_of
from pmsbridge_rest.codecs.scene import Codec, CodecError, Scene, say
from pmsbridge_rest.mapping.codec_sections import (
    BUILT_IN,
    BooleanCodec,
    DateCodec,
    EnumCodec,
    InstantCodec,
    MoneyCodec,
    NameCodec,
    PhoneCodec,
    TextCodec,
    WordsCodec,
)

CHICAGO = Scene(ZoneInfo("America/Chicago"), "USD")
TOKYO = Scene(ZoneInfo("Asia/Tokyo"), "JPY")
TUNIS = Scene(ZoneInfo("Africa/Tunis"), "TND")
SCENES = st.sampled_from([CHICAGO, TOKYO, TUNIS])
CENTS = st.integers(-(10**11), 10**11)
DAYS = st.dates(date(1000, 1, 1), date(9998, 12, 31))
SECONDS = st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1)).map(  # noqa: DTZ001
    lambda moment: moment.replace(microsecond=0, tzinfo=UTC)
)


def money(**said: Any) -> Codec:
    return codec_of(MoneyCodec(kind="money", **said))


def test_cents_are_hundredths_and_never_a_float() -> None:
    cents = money(spelt="cents")

    assert cents.decode(20800, CHICAGO) == Money.of("208.00", "USD")
    assert say(cents, Money.of("226.72", "USD"), CHICAGO) == 22672
    with pytest.raises(CodecError):
        cents.decode(208.0, CHICAGO)


def test_the_smallest_unit_depends_on_the_currency() -> None:
    minor = money(spelt="minor")

    assert minor.decode(500, TOKYO) == Money.of("500", "JPY")
    assert minor.decode(500, TUNIS) == Money.of("0.500", "TND")
    assert minor.decode(500, CHICAGO) == Money.of("5.00", "USD")


@given(cents=CENTS, spelt=st.sampled_from(["minor", "cents", "text", "number"]), negate=st.booleans(), scene=SCENES)
def test_an_amount_is_read_back_as_it_was_said(cents: int, spelt: str, negate: bool, scene: Scene) -> None:
    codec = money(spelt=spelt, negate=negate)
    amount = Money.of(cents, scene.currency)

    raw = say(codec, amount, scene)

    assert not isinstance(raw, float)
    assert codec.decode(raw, scene) == amount


@given(cents=CENTS, negate=st.booleans())
def test_the_vendors_own_cents_are_written_back_unchanged(cents: int, negate: bool) -> None:
    codec = money(spelt="cents", negate=negate)

    assert say(codec, codec.decode(cents, CHICAGO), CHICAGO) == cents


def test_a_program_with_its_own_decimal_context_rounds_nothing() -> None:
    with localcontext(prec=3):
        assert money(spelt="number").decode("12345678.91", CHICAGO) == Money.of("12345678.91", "USD")
        assert say(money(spelt="cents"), Money.of("12345678.91", "USD"), CHICAGO) == 1234567891
        assert str(say(money(spelt="number"), Money.of("12345678.91", "USD"), CHICAGO)) == "12345678.91"


@pytest.mark.parametrize(
    ("said", "amount"),
    [({"spelt": "cents"}, "1.005"), ({"spelt": "text"}, "1.005"), ({"spelt": "number", "places": 0}, "1.50")],
)
def test_an_amount_that_would_be_rounded_is_refused(said: dict[str, Any], amount: str) -> None:
    with pytest.raises(CodecError):
        say(money(**said), Money.of(amount, "USD"), CHICAGO)


def test_money_in_another_currency_is_refused() -> None:
    with pytest.raises(CodecError, match="EUR"):
        say(money(spelt="cents"), Money.of("1.00", "EUR"), CHICAGO)


@pytest.mark.parametrize("raw", [True, 1.0, "1,000.00", "NaN", "0x10", [], {}, Decimal("Infinity"), "1" * 61, 10**30])
def test_what_is_no_amount_is_refused_and_not_repeated(raw: object) -> None:
    with pytest.raises(CodecError) as refused:
        money(spelt="text").decode(raw, CHICAGO)

    assert str(raw) not in str(refused.value)


def test_a_word_instead_of_an_amount_means_that_there_is_none() -> None:
    codec = money(spelt="number", no_amount=["Variable"])

    assert codec.decode("Variable", CHICAGO) is None
    with pytest.raises(CodecError):
        codec.decode("Unknown", CHICAGO)


@given(day=DAYS, pattern=st.sampled_from(["YYYY-MM-DD", "MM/DD/YYYY", "DD.MM.YYYY", "YYYYMMDD", "YYYY-MM-DDThh:mm:ss"]))
def test_a_day_is_read_back_as_it_was_said(day: date, pattern: str) -> None:
    codec = codec_of(DateCodec(kind="date", pattern=pattern))

    assert codec.decode(say(codec, day, CHICAGO), CHICAGO) == day


def test_the_day_of_an_instant_is_the_facilitys() -> None:
    day = codec_of(DateCodec(kind="date", of_instant=True))

    assert day.decode("2026-03-02T03:00:00Z", CHICAGO) == date(2026, 3, 1)
    assert day.decode("2026-03-02T03:00:00.5+09:00", TOKYO) == date(2026, 3, 2)
    assert day.decode("2026-03-01", CHICAGO) == date(2026, 3, 1)
    assert say(day, date(2026, 3, 1), CHICAGO) == "2026-03-01"
    for text in ("2026-03-02T03:00:00", "2026-03-02T25:00:00Z"):  # without an offset it is nobody's day
        with pytest.raises(CodecError):
            day.decode(text, CHICAGO)
    with pytest.raises(ValidationError, match="usual pattern"):
        DateCodec(kind="date", of_instant=True, ignore_time=True)


def test_a_date_with_a_time_is_that_day_whatever_the_zone_only_when_the_mapping_says_so() -> None:
    loose = codec_of(DateCodec(kind="date", ignore_time=True))
    strict = codec_of(DateCodec(kind="date"))

    assert loose.decode("2026-03-01T23:30:00Z", TOKYO) == date(2026, 3, 1)
    with pytest.raises(CodecError):
        strict.decode("2026-03-01T23:30:00Z", TOKYO)


@pytest.mark.parametrize("raw", ["2026-02-30", "26-02-03", "2026-2-3", 5, True, "2026-01-01x", ["2026-01-01"]])
def test_what_is_no_day_is_refused(raw: object) -> None:
    with pytest.raises(CodecError):
        codec_of(DateCodec(kind="date", ignore_time=True)).decode(raw, CHICAGO)


def test_a_day_that_means_none_reads_as_none() -> None:
    codec = codec_of(DateCodec(kind="date", no_date=("0001-01-01",)))

    assert [codec.decode(raw, CHICAGO) for raw in (None, "", "0001-01-01")] == [None, None, None]


def test_an_instant_is_no_day() -> None:
    with pytest.raises(CodecError):
        say(codec_of(DateCodec(kind="date")), datetime(2026, 1, 1, tzinfo=UTC), CHICAGO)


@given(moment=SECONDS, spelt=st.sampled_from(["iso", "epoch", "epoch_ms"]))
def test_an_instant_is_read_back_as_it_was_said(moment: datetime, spelt: Any) -> None:
    codec = codec_of(InstantCodec(kind="instant", spelt=spelt))

    assert codec.decode(say(codec, moment, CHICAGO), CHICAGO) == moment


@given(moment=SECONDS)
def test_an_instant_in_the_facilitys_own_time_is_read_back_or_refused(moment: datetime) -> None:
    codec = codec_of(InstantCodec(kind="instant", zone="facility"))
    try:
        raw = say(codec, moment, CHICAGO)
    except CodecError:
        assert moment.astimezone(CHICAGO.zone).fold == 1  # the hour that comes twice cannot be told apart
    else:
        assert "Z" not in raw
        assert codec.decode(raw, CHICAGO) == moment


def test_the_second_of_two_equal_hours_cannot_be_said_in_local_time() -> None:
    codec = codec_of(InstantCodec(kind="instant", zone="facility"))
    first = datetime(2026, 11, 1, 6, 30, tzinfo=UTC)

    assert say(codec, first, CHICAGO) == "2026-11-01T01:30:00"
    with pytest.raises(CodecError):
        say(codec, first + timedelta(hours=1), CHICAGO)


def test_a_time_without_an_offset_is_refused_unless_the_mapping_says_where_it_is() -> None:
    refusing, local, utc = (codec_of(InstantCodec(kind="instant", zone=zone)) for zone in ("refuse", "facility", "utc"))

    with pytest.raises(CodecError, match="offset"):
        refusing.decode("2026-07-01T12:00:00", CHICAGO)
    assert local.decode("2026-07-01T12:00:00", CHICAGO) == datetime(2026, 7, 1, 17, tzinfo=UTC)
    assert utc.decode("2026-07-01 12:00", CHICAGO) == datetime(2026, 7, 1, 12, tzinfo=UTC)
    assert local.decode("2026-07-01T12:00:00+02:00", CHICAGO) == datetime(2026, 7, 1, 10, tzinfo=UTC)


def test_a_fraction_of_a_second_that_would_be_lost_is_refused() -> None:
    moment = datetime(2026, 7, 1, 12, 0, 0, 123000, tzinfo=UTC)

    with pytest.raises(CodecError):
        say(codec_of(InstantCodec(kind="instant")), moment, CHICAGO)
    assert say(codec_of(InstantCodec(kind="instant", fraction=3)), moment, CHICAGO) == "2026-07-01T12:00:00.123Z"


@pytest.mark.parametrize(
    "raw", ["2026-W01-1", "2026-07-01", "12:00", "20260701T120000Z", 5, True, "9999-99-99T00:00:00Z"]
)
def test_what_is_no_instant_is_refused(raw: object) -> None:
    with pytest.raises(CodecError):
        codec_of(InstantCodec(kind="instant", zone="utc")).decode(raw, CHICAGO)


def test_a_words_synonyms_read_alike_and_one_of_them_is_written() -> None:
    codec = codec_of(
        EnumCodec(kind="enum", words={"past": "closed", "ended": "closed", "in": "active"}, write={"closed": "past"})
    )

    assert codec.decode("ended", CHICAGO) == codec.decode("past", CHICAGO) == RentalState.CLOSED
    assert say(codec, RentalState.CLOSED, CHICAGO) == "past"
    assert codec.decode("lost", CHICAGO) == "unknown"


def test_a_word_that_several_mean_is_not_guessed_when_written() -> None:
    codec = codec_of(EnumCodec(kind="enum", words={"past": "closed", "ended": "closed"}))

    with pytest.raises(CodecError, match="several"):
        say(codec, "closed", CHICAGO)
    with pytest.raises(CodecError, match="no word"):
        say(codec, "active", CHICAGO)


def test_integers_as_words_are_written_as_integers() -> None:
    codec = codec_of(EnumCodec(kind="enum", words={"1": "active", "2": "closed"}, spelt="integer"))

    assert codec.decode(2, CHICAGO) == "closed"
    assert say(codec, "active", CHICAGO) == 1


@given(st.dictionaries(st.text(min_size=1, max_size=9), st.text(min_size=1, max_size=9), min_size=1, max_size=9))
def test_every_word_that_can_be_said_is_read_back(words: dict[str, str]) -> None:
    codec = codec_of(EnumCodec(kind="enum", words=words))
    for ours in words.values():
        if list(words.values()).count(ours) == 1:
            assert codec.decode(say(codec, ours, CHICAGO), CHICAGO) == ours


@pytest.mark.parametrize(("yes", "no"), [((True,), (False,)), (("Y",), ("N",)), ((1, "true"), (0, "false"))])
def test_yes_and_no_go_both_ways(yes: tuple[Any, ...], no: tuple[Any, ...]) -> None:
    codec = codec_of(BooleanCodec(kind="boolean", when_true=yes, when_false=no))

    assert [codec.decode(word, CHICAGO) for word in (*yes, *no)] == [True] * len(yes) + [False] * len(no)
    assert [codec.decode(say(codec, each, CHICAGO), CHICAGO) for each in (True, False)] == [True, False]


def test_one_is_not_true_unless_the_mapping_says_so() -> None:
    with pytest.raises(CodecError):
        codec_of(BooleanCodec(kind="boolean")).decode(1, CHICAGO)


def test_a_blank_flag_is_what_the_mapping_says() -> None:
    assert codec_of(BooleanCodec(kind="boolean")).decode("", CHICAGO) is None
    assert codec_of(BooleanCodec(kind="boolean", blank_is=False)).decode(None, CHICAGO) is False


@given(st.text(max_size=40))
def test_text_is_read_back_as_it_was_said_or_refused(text: str) -> None:
    for codec in (codec_of(TextCodec(kind="text")), codec_of(TextCodec(kind="text", trim=True, longest=20))):
        try:
            raw = say(codec, text, CHICAGO)
        except CodecError:
            assert text != text.strip() or len(text) > 20
        else:
            assert codec.decode(raw, CHICAGO) == text


def test_a_number_that_is_an_id_reads_as_text_and_keeps_its_zeros() -> None:
    codec = codec_of(TextCodec(kind="text"))

    assert codec.decode(15, CHICAGO) == "15"
    assert codec.decode("015", CHICAGO) == "015"
    with pytest.raises(CodecError):
        codec.decode(1.5, CHICAGO)


@pytest.mark.parametrize("text", ["015", "+5", " 5", "5.0", "\u0665", "1e3", "", True])
def test_an_id_whose_digits_would_change_is_not_sent_as_a_number(text: object) -> None:
    with pytest.raises(CodecError):
        say(codec_of(BUILT_IN["integer"]), text, CHICAGO)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=4))
def test_a_decimal_is_read_back_as_it_was_said(number: Decimal) -> None:
    codec = codec_of(BUILT_IN["decimal"])

    assert codec.decode(say(codec, number, CHICAGO), CHICAGO) == number


PHONES = st.from_regex(r"\+?[0-9() .-]{7,20}", fullmatch=True).filter(lambda text: any(c.isdigit() for c in text))


@given(text=PHONES, spelt=st.sampled_from(["raw", "digits", "e164"]))
def test_a_phone_is_read_back_as_the_same_number_or_refused(text: str, spelt: Any) -> None:
    codec = codec_of(PhoneCodec(kind="phone", spelt=spelt, country="1"))
    try:
        raw = say(codec, Phone(raw=text), CHICAGO)
    except CodecError:
        assert spelt != "raw"
    else:
        assert codec.is_same(codec.decode(raw, CHICAGO), Phone(raw=text), CHICAGO)


def test_a_phone_keeps_its_raw_text_beside_its_international_form() -> None:
    codec = codec_of(PhoneCodec(kind="phone", country="1"))

    read = codec.decode("(813) 555-0100", CHICAGO)

    assert (read.raw, read.e164) == ("(813) 555-0100", "+18135550100")
    assert say(codec, read, CHICAGO) == "(813) 555-0100"
    assert codec.decode("1 813 555 0100", CHICAGO).e164 == "+18135550100"


def test_an_extension_is_not_dropped_silently() -> None:
    with pytest.raises(CodecError):
        say(codec_of(PhoneCodec(kind="phone", spelt="digits")), "813 555 0100 ext. 7", CHICAGO)


@pytest.mark.parametrize("order", ["first_last", "last_comma_first"])
@given(first=st.text("abc -", max_size=8), last=st.text("abc ,-", max_size=8), middle=st.sampled_from(["", "", "Q"]))
def test_a_name_in_one_text_is_read_back_in_the_same_parts_or_refused(
    order: Any, first: str, last: str, middle: str
) -> None:
    codec = codec_of(NameCodec(kind="name", order=order))
    name = PersonName(first=first, middle=middle, last=last)
    try:
        raw = say(codec, name, CHICAGO)
    except CodecError:
        return
    assert codec.decode(raw, CHICAGO) == name


def test_a_plain_name_can_be_said_in_one_text() -> None:
    codec = codec_of(NameCodec(kind="name"))

    assert say(codec, PersonName(first="Ada May", last="Lane"), CHICAGO) == "Ada May Lane"
    with pytest.raises(CodecError):
        say(codec, PersonName(first="Ada", last="van Lane"), CHICAGO)


@given(st.frozensets(st.text("abc;", min_size=1, max_size=5), max_size=5), st.sampled_from([None, ";"]))
def test_words_are_read_back_or_refused(words: frozenset[str], separator: str | None) -> None:
    codec = codec_of(WordsCodec(kind="words", separator=separator))
    try:
        raw = say(codec, words, CHICAGO)
    except CodecError:
        assert any(";" in word for word in words)
    else:
        assert codec.decode(raw, CHICAGO) == words


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_every_built_in_codec_reads_null_as_none_and_refuses_a_table(name: str) -> None:
    codec = codec_of(BUILT_IN[name])

    assert codec.decode(None, CHICAGO) is None
    with pytest.raises(CodecError):
        codec.decode({"a": 1}, CHICAGO)
