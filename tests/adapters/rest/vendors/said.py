"""Every request that a mapping can build: its reads, and its actions for any effect."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from pmsbridge.actions.effects import ChangeContact, EffectBody, SetConsent, effect_from_json
from pmsbridge.ports.outcome import Attempt
from pmsbridge_rest.bodies.exact_json import write_json
from pmsbridge_rest.building import Built, build, build_step, effect_filler, fitting_steps
from pmsbridge_rest.codecs.scene import Scene
from pmsbridge_rest.filling import CannotSayError, Filler
from pmsbridge_rest.mapping.document import Mapping
from pmsbridge_rest.mapping.paths import Absent, write_at
from pmsbridge_rest.mapping.requests import Reading
from pmsbridge_rest.updating import Updating

SCENE = Scene(ZoneInfo("America/Chicago"), "USD")
NOW = datetime(2026, 3, 1, 18, 0, tzinfo=UTC)
_KEY = "c0f0" * 10
_READS = ("all", "one", "of_tenant", "of_rental", "search", "account_of_rental", "shown")
_SEARCHES = ("first_name", "last_name", "company", "email", "phone", "unit_number")


@dataclass(frozen=True, slots=True)
class Said:
    """One request as it would leave.

    Attributes:
        where: Where the mapping says it.
        body: As JSON readers see it; None for none.
    """

    where: str
    method: str
    path: str
    query: dict[str, str]
    body: Any


def said(where: str, built: Built, *, query: dict[str, str] | None = None, body: dict[str, Any] | None = None) -> Said:
    document = None if isinstance(built.document, Absent) else json.loads(write_json(built.document))
    for path, value in (body or {}).items():
        document = write_at(document or {}, path, value)
    return Said(where, built.method, built.path, {**dict(built.query), **(query or {})}, document)


def options_of(mapping: Mapping) -> dict[str, str]:
    """An account's options: numbers where they have to look like them."""
    return {
        name: next(each for each in ("acme", "11") if re.fullmatch(one.pattern, each))
        for name, one in mapping.connection.options.items()
    }


# reads


def reads(mapping: Mapping) -> Iterator[Said]:
    """Every read, with and without what may be left out, with the parameters of its pages and of what changed since."""
    if mapping.connection.check is not None:
        yield from _read(mapping, "connection.check", mapping.connection.check, {})
    for noun, entity in mapping.entities.items():
        for which in _READS:
            reading = getattr(entity, which)
            if reading is not None:
                yield from _read(mapping, f"entities.{noun}.{which}", reading, _ids())
        if entity.file is not None:
            yield said(f"entities.{noun}.file", build(entity.file, _filler(mapping, read=_ids())))
    if mapping.prepay is not None:
        yield from _read(mapping, "prepay", mapping.prepay.of_rental, _ids())


def _ids() -> dict[str, Any]:
    return {"id": "7", "tenant_id": "1001", "rental_id": "2001", "unit_id": "3001", "months": 3}


def _read(mapping: Mapping, where: str, reading: Reading, ids: dict[str, Any]) -> Iterator[Said]:
    for given in product((True, False), repeat=len(_SEARCHES)):
        words = {name: f"{name}@x.test" if there else None for name, there in zip(_SEARCHES, given, strict=True)}
        if not where.endswith("search") and not all(given):
            continue
        try:
            built = build(reading, _filler(mapping, read={**ids, **words}))
        except CannotSayError:
            continue
        query, body = _pages(mapping, reading), dict[str, Any]()
        yield said(where, built, query=query)
        if reading.since is not None and reading.since.name is not None:
            (query if reading.since.carried == "query" else body)[reading.since.name] = "2026-03-01T12:00:00Z"
            yield said(f"{where}.since", built, query=query, body=body)


def _pages(mapping: Mapping, reading: Reading) -> dict[str, str]:
    section = mapping.pagination.get(reading.paginate or "")
    if section is None:
        return {}
    names = {name: getattr(section, name, None) for name in ("size_as", "page_as", "offset_as", "after_as")}
    return {**{text: "2" for text in names.values() if text}, **section.sort}


def _filler(mapping: Mapping, **places: Any) -> Filler:
    facility = {"code": "F1", "zone": SCENE.zone.key, "currency": SCENE.currency}
    known = {"facility": facility, "option": options_of(mapping), "today": date(2026, 3, 1), "now": NOW}
    return Filler(mapping, SCENE, {**known, **places})


# actions


def asked(mapping: Mapping, effect: EffectBody, *, record: dict[str, Any] | None = None) -> Iterator[Said]:
    """Every request of an effect, in order: what is read first, what is sent, what looks for it.

    Raises:
        CannotSayError: It cannot be said; nothing would be sent.
    """
    kind = str(getattr(effect, "kind", ""))
    action = mapping.actions[kind]
    filler = effect_filler(
        mapping, effect, Attempt(key=_KEY, sent_at=NOW), scene=SCENE, now=NOW, option=options_of(mapping)
    )
    filler = filler.with_places(read={"id": getattr(effect, "tenant_id", ""), "tenant_id": "1001", "rental_id": "2001"})
    if action.before is not None:
        yield said(f"{kind}.before", build(action.before, filler), query=_pages(mapping, action.before))
        filler = filler.with_places(step={"before": dict.fromkeys(action.before.outputs, "4001")})
    for step in fitting_steps(action, effect):
        if step.update is not None and isinstance(effect, ChangeContact | SetConsent):
            made = Updating(mapping, step.update, effect, SCENE).records(record)
            filler = filler.with_record(**made)
        yield said(f"{kind}.{step.name}", build_step(step, filler))
        look = getattr(step.idempotency, "look_up", None)
        if look is not None:
            yield said(f"{kind}.{step.name}.look_up", build(look, filler), query=_pages(mapping, look))


# any effect

_TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=60).filter(
    lambda text: text.strip()
)
_REFERENCES = st.from_regex(r"PB-[A-Z2-7]{12}", fullmatch=True)
_DAYS = st.dates(date(2026, 3, 1), date(2028, 12, 31)).map(date.isoformat)
_CENTS = st.integers(1, 10_000_000).map(lambda cents: f"{cents // 100}.{cents % 100:02d}")


def effects(mapping: Mapping, kind: str, ids: st.SearchStrategy[str]) -> st.SearchStrategy[EffectBody]:
    """Any effect of a kind that the mapping accepts, its ids spelt as the vendor spells them."""
    where = {"kind": st.just(kind), "account": st.just("main"), "facility": st.just("F1")}
    rental = {"tenant_id": ids, "rental_id": ids}
    fields: dict[str, dict[str, st.SearchStrategy[Any]]] = {
        "take_payment": {
            "tenant_id": ids, "reference": _REFERENCES,
            "parts": st.tuples(_part(ids)), "means": st.sampled_from(_MEANS),
        },
        "set_autopay": {
            **rental, "on": st.booleans(), "method_id": st.none() | st.just("4001"), "unit_id": ids,
        },
        "schedule_move_out": {**rental, "leaving_on": _DAYS, "notice_given_on": _DAYS},
        "cancel_move_out": rental,
        "change_contact": {"tenant_id": ids, "changes": _changes(mapping)},
        "set_consent": {
            "tenant_id": ids, "granted": st.booleans(), "channel": st.sampled_from(["email", "sms"]),
            "purpose": st.just("marketing"),
        },
        "add_note": {**rental, "text": _TEXTS, "reference": _REFERENCES},
        "post_bulletin": {
            "tenant_id": st.none() | ids, "rental_id": st.none() | ids, "subject": _TEXTS, "body": _TEXTS,
            "due_on": st.none() | _DAYS, "reference": _REFERENCES,
        },
    }  # fmt: skip
    return st.fixed_dictionaries({**where, **fields[kind]}).map(lambda given: effect_from_json(json.dumps(given)))


_MEANS = (
    {"by": "external", "gateway": "gate", "reference": "gw_0001"},
    {"by": "stored", "method_id": "4001"},
)


def _part(ids: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"rental_id": ids, "unit_id": st.none(), "amount": _money()})


def _money() -> st.SearchStrategy[dict[str, str]]:
    return st.fixed_dictionaries({"amount": _CENTS, "currency": st.just("USD")})


def _changes(mapping: Mapping) -> st.SearchStrategy[dict[str, str]]:
    fields = mapping.entities["tenants"].fields
    known = [
        name
        for name, where in fields.items()
        if where.is_written and (name.startswith(("name.", "address.")) or name in {"email", "phone", "mobile"})
    ]
    return st.dictionaries(st.sampled_from(known), st.just("") | _TEXTS, min_size=1)
