"""What a portal says: every key there is has words in both languages, and facts are named where they are known."""

from __future__ import annotations

import ast
import re
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

from pmsbridge import errors
from pmsbridge.actions.eligibility import Offer, judge
from pmsbridge.actions.kinds import ActionKind
from pmsbridge.actions.readiness import ADVICE
from pmsbridge.model.account import PaymentStatus
from pmsbridge.model.requests import CallOffReason
from pmsbridge.portal.asked import REASONS
from pmsbridge.portal.coming import ComingKind
from pmsbridge.portal.words import LANGUAGES, keys_of, say, say_offer
from pmsbridge.ports.outcome import Outcome
from tests import builders as make

SOURCES = Path(errors.__file__).parent


def codes_of_denials() -> set[str]:
    """Every reason code that stands in the sources: of the judge, and of errors raised by hand."""
    found = {reason.value for reason in CallOffReason if reason is not CallOffReason.UNKNOWN}
    for path in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = ast.unparse(node.func)
            if name == "No" and isinstance(node.args[0], ast.Constant):
                found.add(str(node.args[0].value))
            if name == "IneligibleError":
                given = {k.arg: str(k.value.value) for k in node.keywords if isinstance(k.value, ast.Constant)}
                if not given.get("message_key", "").startswith("readiness."):
                    found |= {text for name, text in given.items() if name == "code"}
    return found


def test_every_denial_outcome_status_and_shortcoming_has_words_in_both_languages() -> None:
    wanted = {f"eligibility.{code}" for code in codes_of_denials()}
    wanted |= {f"payment_status.{status.value}" for status in PaymentStatus}
    wanted |= {f"outcome.{outcome.value}" for outcome in Outcome} | {"outcome.partial"}
    wanted |= {f"readiness.{code}" for code in ADVICE}
    wanted |= {f"request.{reason}" for reason in REASONS}
    wanted |= {kind.message_key for kind in ComingKind}

    assert len(wanted) > 60
    for language in LANGUAGES:
        spoken = {key for key in keys_of(language) if not key.startswith("unblock.")}
        assert spoken == wanted, language
    assert keys_of("en") == keys_of("fr")


NOTHING_WOULD = frozenset({
    "looked_up_already", "complimentary", "no_rentals", "rental_over", "covered_by_credit", "already_off_rent",
    "no_move_out", "no_request", "request_paid", "request_withdrawn",
    "no_call_off", "call_off_withdrawn",
})  # fmt: skip
"""Denials of what is over, or was never there: a person has nothing to do."""


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_denial_says_what_unblocks_it_but_where_nothing_would(language: str) -> None:
    spoken = keys_of(language)
    without = {code for code in codes_of_denials() if f"unblock.{code}" not in spoken}

    assert without == NOTHING_WOULD


def test_both_languages_name_the_same_facts_and_french_is_no_english() -> None:
    held = {
        language: tomllib.loads(files("pmsbridge.portal.words").joinpath(f"{language}.toml").read_text("utf-8"))
        for language in LANGUAGES
    }
    for kind, sentences in held["en"].items():
        for name, english in sentences.items():
            french = held["fr"][kind][name]
            assert re.findall(r"\{\w+\}", english) == re.findall(r"\{\w+\}", french), name
            assert ("|" in english) == ("{" in english) == ("|" in french), name
            assert english != french, name


@pytest.mark.parametrize(("language", "said"), [("en", "unit A-12"), ("fr-CA", "local A-12"), ("de", "unit A-12")])
def test_a_denial_names_what_it_is_about(language: str, said: str) -> None:
    of = make.account(make.row(), make.row("R2", number="A-12", billed=False))

    message, unblock = say_offer(judge(ActionKind.PAY_ALL, make.subject(of)), language)

    assert said in message
    assert unblock


def test_without_facts_it_is_said_in_general_and_what_is_allowed_says_nothing() -> None:
    assert say("eligibility.not_all_billed", "fr") == "La facture d'un local n'est pas encore faite."
    assert say("unblock.no_move_out") == ""
    assert say_offer(Offer(kind=ActionKind.PAY_ALL, allowed=True)) == ("", "")
    with pytest.raises(KeyError):
        say("eligibility.no_such_reason")
