"""Lints of honesty: guesses in production, effects that nobody speaks of, names that nothing uses."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as Table
from typing import Any

from pmsbridge_rest.lint.findings import Finding, doubt, wrong
from pmsbridge_rest.mapping.connection import Evidence
from pmsbridge_rest.mapping.document import Mapping
from pmsbridge_rest.mapping.entities import Consent, FieldMap
from pmsbridge_rest.mapping.model_fields import ACTIONS, effect_model
from pmsbridge_rest.mapping.pagination import Since
from pmsbridge_rest.mapping.requests import Reading
from pmsbridge_rest.mapping.walking import Key, places_of, sections_of

__all__ = ["evidence_findings", "gap_findings", "reversal_findings", "unused_findings"]

_NOT_THE_VENDORS = frozenset({Evidence.GUESS, Evidence.THIRD_PARTY_SPEC})
_TAKES_BACK = {"cancel_move_out": "schedule_move_out"}
_NAMED_SECRETS = (
    "token", "password", "consumer_key", "consumer_secret", "client_id", "client_secret", "key", "refresh_token",
)  # fmt: skip


def evidence_findings(mapping: Mapping, *, production: bool) -> Iterator[Finding]:
    """What nobody but a stranger says is not told to a back office in production."""
    evidence = mapping.vendor.evidence
    if evidence not in _NOT_THE_VENDORS:
        return
    what = f"made from a {evidence.value.replace('_', ' ')}; hold it against the vendor's own documents or sandbox"
    key = ("vendor", "evidence")
    if production and (evidence is Evidence.GUESS or "take_payment" in mapping.actions):
        yield wrong(key, "guess_in_production", f"{what} before it is used in production")
    else:
        yield doubt(key, "guess", what)


def gap_findings(mapping: Mapping) -> Iterator[Finding]:
    """Every effect is mapped, or said not to be; but one that travels sealed, which no mapping can send."""
    for name in ACTIONS:
        if not effect_model(name).needs_sealed and name not in mapping.actions and name not in mapping.unsupported:
            yield doubt(("actions",), "silent_gap", f"{name} is neither here nor in unsupported; say why")


def reversal_findings(mapping: Mapping) -> Iterator[Finding]:
    """What takes an action of the same mapping back says so, and nothing else says it: a capability table tells it."""
    for name, action in mapping.actions.items():
        taken_back = _TAKES_BACK.get(name)
        if action.reverses is None and taken_back in mapping.actions:
            what = f"it takes back {taken_back} and does not say so; write reverses: {taken_back}"
            yield doubt(("actions", name), "silent_reversal", what)
        elif action.reverses not in {None, taken_back}:
            remedy = f"write reverses: {taken_back}" if taken_back else "take reverses out"
            what = f"{name} does not take back {action.reverses}; {remedy}"
            yield wrong(("actions", name, "reverses"), "wrong_reversal", what)


def unused_findings(mapping: Mapping) -> Iterator[Finding]:
    """Names that are declared and never used."""
    used = set(_used(mapping))
    declared: dict[str, tuple[Key, Table[str, Any]]] = {
        "codec": (("codecs",), mapping.codecs),
        "pagination": (("pagination",), mapping.pagination),
        "option": (("connection", "options"), mapping.connection.options),
        "secret": (("connection", "secrets"), mapping.connection.secrets),
    }
    for sort, (key, names) in declared.items():
        for name in names:
            if (sort, name) not in used:
                yield doubt((*key, name), "unused_name", f"nothing uses this {sort}; take it out")


def _used(mapping: Mapping) -> Iterator[tuple[str, str]]:
    for key, section in sections_of(mapping):
        for _, place in places_of(section, key):
            yield place.root, place.path.partition(".")[2]
            yield "codec", place.codec
        if isinstance(section, Reading) and section.paginate:
            yield "pagination", section.paginate
        for name in _codecs_named(section):
            yield "codec", name
    for field in _NAMED_SECRETS:
        yield "secret", str(getattr(mapping.auth, field, ""))
    if mapping.webhooks is not None:
        yield "secret", mapping.webhooks.verify.key
    yield from _in_bodies(mapping)


def _codecs_named(section: object) -> Iterator[str]:
    if isinstance(section, FieldMap | Consent) and section.codec:
        yield section.codec
    if isinstance(section, Consent):
        yield section.given_codec
    if isinstance(section, Since):
        yield from (section.spelt_as, section.row_codec)


def _in_bodies(mapping: Mapping) -> Iterator[tuple[str, str]]:
    """Codecs that are named by ``$as``."""
    for _, section in sections_of(mapping):
        heap: list[Any] = [getattr(section, "body", None)]
        while heap:
            value = heap.pop()
            if isinstance(value, dict):
                if "$as" in value:
                    yield "codec", str(value["$as"])
                heap += value.values()
            elif isinstance(value, list):
                heap += value
