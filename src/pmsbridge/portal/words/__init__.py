"""What a portal says, in English and French, by the keys that offers, errors and outcomes carry."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Final

from pmsbridge.actions.eligibility import Offer

__all__ = ["LANGUAGES", "keys_of", "say", "say_offer"]

LANGUAGES: Final = ("en", "fr")
_OTHERWISE: Final = "|"


def say(key: str, language: str = "en", facts: Mapping[str, str] | None = None) -> str:
    """A sentence for people.

    Args:
        key: "eligibility.leaving", "unblock.leaving", "outcome.pending", "payment_status.due", "readiness.no_email".
        language: "en", "fr", or a tag that begins so ("fr-CA"); any other is answered in English.
        facts: An offer's facts; a sentence that names one is said in general terms without it.

    Returns:
        The sentence; empty for an unblock that there is none of.

    Raises:
        KeyError: There is no such key.
    """
    kind, _, name = key.partition(".")
    held = _catalogue(_spoken(language))[kind]
    if kind == "unblock" and name not in held:
        return ""
    exact, _, general = held[name].partition(_OTHERWISE)
    try:
        return exact.format_map(facts or {})
    except KeyError:
        return general


def say_offer(offer: Offer, language: str = "en") -> tuple[str, str]:
    """Why something is denied and what would make it possible; empty texts for an offer that is allowed."""
    if offer.allowed:
        return "", ""
    return say(offer.message_key, language, offer.facts), say(f"unblock.{offer.code}", language, offer.facts)


def keys_of(language: str) -> frozenset[str]:
    """Every key there is in a language."""
    return frozenset(f"{kind}.{name}" for kind, held in _catalogue(language).items() for name in held)


def _spoken(language: str) -> str:
    short = language.lower().partition("-")[0]
    return short if short in LANGUAGES else LANGUAGES[0]


@lru_cache(maxsize=len(LANGUAGES))
def _catalogue(language: str) -> Mapping[str, Mapping[str, str]]:
    text = files(__package__).joinpath(f"{language}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
