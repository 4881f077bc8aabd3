from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmsbridge.store.spelling import (
    Fit,
    fit_of_names,
    fit_of_phones,
    name_head,
    name_key,
    name_keys,
    name_tail,
    one_edit_away,
    phone_tail,
    typos_of,
    unit_key,
)

WORDS = st.text(alphabet="abcdefghiklmnoprstuvwz", min_size=4, max_size=12)


@pytest.mark.parametrize(("asked", "held"), [
    ("Müller", "Mueller"), ("Muller", "Mueller"), ("MÜLLER", "muller"), ("Größe", "Groesse"), ("Åberg", "Aaberg"),
    ("Sørensen", "Soerensen"), ("Ægir", "Aegir"), ("ﬁnch", "Finch"), ("O'Brien", "O\u2019Brien"),
    ("O'Brien", "OBrien"),
    ("O'Brien", "O Brien"), ("D\u00b4Angelo", "DAngelo"), ("Smith-Jones", "Smith Jones"),
    ("Smith\u2011Jones", "smithjones"),
    ("McDonald", "MacDonald"), ("Mc Donald", "Macdonald"), ("van den Berg", "Vandenberg"), ("De la Cruz", "delacruz"),
    ("Saint-Pierre", "St. Pierre"), ("René", "Rene\u0301"), ("Ørsted", "Orsted"), ("Çelik", "celik"),
])  # fmt: skip
def test_spellings_of_one_name_have_one_key_and_fit_both_ways(asked: str, held: str) -> None:
    assert name_key(asked) == name_key(held)
    assert {fit_of_names(asked, held), fit_of_names(held, asked)} <= {Fit.EXACT, Fit.SPELLING}


@pytest.mark.parametrize(("asked", "held", "fit"), [
    ("MÜLLER ", "muller", Fit.EXACT), ("Mueller", "muller", Fit.SPELLING), ("Jones", "Smith-Jones", Fit.PART),
    ("Smith Jones", "Jones", Fit.PART), ("Jones-Smith", "Smith-Jones", Fit.PART), ("Berg", "van der Berg", Fit.PART),
    ("de Vries", "Vries", Fit.PART), ("Mull", "Muller", Fit.WITHIN), ("Mullre", "Muller", Fit.TYPO),
    ("Miller", "Muller", Fit.TYPO), ("Mulller", "Muller", Fit.TYPO), ("Muler", "Muller", Fit.TYPO),
    ("Jonse", "Smith-Jones", Fit.TYPO), ("Mollar", "Muller", None), ("Ng", "Nb", None), ("Muller", "", None),
    ("%", "Muller", None),
])  # fmt: skip
def test_a_name_fits_as_well_as_it_does(asked: str, held: str, fit: Fit | None) -> None:
    assert fit_of_names(asked, held) is fit


@pytest.mark.parametrize(("name", "head", "tail"), [
    ("Smith", "", ""), ("Smith-Jones", "smith", "jones"), ("van der Berg", "berg", ""),
    ("Garcia y Lopez", "garcia", "lopez"),
    ("O'Brien", "", ""), ("Mac Donald", "mc", "donald"), ("", "", ""), ("de la", "de", "la"),
])  # fmt: skip
def test_a_name_of_several_words_is_held_by_its_first_and_last_telling_word(name: str, head: str, tail: str) -> None:
    assert (name_head(name), name_tail(name)) == (head, tail)


@given(WORDS, WORDS)
def test_either_part_of_a_double_name_is_a_key_of_it(one: str, other: str) -> None:
    for name in (f"{one}-{other}", f"{one} {other}"):
        held = {name_key(name), name_head(name), name_tail(name)}
        assert name_keys(one) & held
        assert name_keys(other) & held
        assert name_keys(f"{other}-{one}") & held


@given(WORDS, st.integers(0, 30), st.sampled_from("abcxyz"), st.sampled_from(["drop", "add", "change", "swap"]))
def test_one_typo_anywhere_is_found_from_either_side(word: str, place: int, letter: str, kind: str) -> None:
    at = place % (len(word) - 1)
    typed = {
        "drop": word[:at] + word[at + 1 :], "add": word[:at] + letter + word[at:],
        "change": word[:at] + letter + word[at + 1 :], "swap": word[:at] + word[at + 1] + word[at] + word[at + 2 :],
    }[kind]  # fmt: skip
    if typed != word:
        assert one_edit_away(typed, word)
        assert one_edit_away(word, typed)
        assert typed in typos_of(word)


@given(WORDS)
def test_every_typo_that_is_looked_up_is_one_edit_away(word: str) -> None:
    assert all(one_edit_away(word, typed) for typed in typos_of(word))


@given(st.text(max_size=30))
def test_no_text_has_a_key_that_depends_on_case_or_composition(name: str) -> None:
    assert name_key(unicodedata.normalize("NFD", name)) == name_key(unicodedata.normalize("NFC", name))
    if name.isascii():
        assert name_key(name.upper()) == name_key(name.lower()) == name_key(name)


@pytest.mark.parametrize(("asked", "held", "fit"), [
    ("312 555 0101", "3125550101", Fit.EXACT), ("+1 (312) 555-0101", "3125550101", Fit.SPELLING),
    ("3125550101", "13125550101", Fit.SPELLING), ("030 1234567", "49301234567", Fit.SPELLING),
    ("+49 30 1234567", "0301234567", Fit.SPELLING), ("+49 (0)30 1234567", "49301234567", Fit.SPELLING),
    ("0049 30 1234567", "0301234567", Fit.SPELLING), ("030 1234567", "490301234567", Fit.SPELLING),
    ("555-0101", "13125550101", Fit.WITHIN), ("0101", "13125550101", Fit.WITHIN), ("312 555 0102", "3125550101", None),
    ("0", "3125550101", None), ("3125550101", "", None), ("99993125550101", "3125550101", None),
])  # fmt: skip
def test_a_number_fits_with_and_without_prefix_and_trunk_zero(asked: str, held: str, fit: Fit | None) -> None:
    assert fit_of_phones(asked, held) is fit


@given(st.text("123456789", min_size=8, max_size=10), st.sampled_from(["1", "44", "49", "353"]))
def test_all_ways_to_write_a_number_are_looked_up_by_the_same_digits(national: str, country: str) -> None:
    ways = [national, f"0{national}", f"+{country} {national}", f"+{country} (0){national}", f"00{country}{national}"]

    for asked in ways:
        for digits in (national, f"0{national}", f"{country}{national}"):
            assert phone_tail(asked) == phone_tail(digits)
            assert fit_of_phones(asked, digits) in {Fit.EXACT, Fit.SPELLING}


@pytest.mark.parametrize(("one", "other"), [
    ("015", "15"), ("A 015", "a-15"), ("a15", "A15"), ("A-001B", "a1 b"), ("0", "000"), ("1-05", "1 5"), ("#7", "7"),
])  # fmt: skip
def test_unit_numbers_fit_but_for_case_blanks_signs_and_zeros(one: str, other: str) -> None:
    assert unit_key(one) == unit_key(other) != ""


@pytest.mark.parametrize(("one", "other"), [("1-5", "15"), ("150", "15"), ("A15", "15"), ("A1", "B1"), ("10", "1")])
def test_other_unit_numbers_stay_others(one: str, other: str) -> None:
    assert unit_key(one) != unit_key(other)


@given(st.text("ab", max_size=2), st.integers(0, 9999), st.integers(0, 3), st.sampled_from(["", " ", "-"]))
def test_zeros_case_and_blanks_never_matter(letters: str, number: int, zeros: int, between: str) -> None:
    assert unit_key(f" {letters.upper()}{between}{'0' * zeros}{number}") == unit_key(f"{letters}{number}")
