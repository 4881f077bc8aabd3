"""Settings that are well written and cannot be meant: a facility no account has, a window too short to look."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Self

from pmsbridge.cli.checks import Check
from pmsbridge.errors import ConfigurationError
from pmsbridge.model.letterhead import Letterhead
from pmsbridge.portal.papers.library import try_letterhead

if TYPE_CHECKING:
    from pmsbridge.ports.adapter import Adapter
    from pmsbridge.settings import Settings

__all__ = ["Declared", "setting_checks"]


@dataclass(frozen=True, slots=True)
class Declared:
    """What an account's adapter says of itself, without asking its back office.

    Attributes:
        codes: Its facilities.
        settle_window: How long an unknown outcome has to sleep there before a look proves anything.
    """

    codes: tuple[str, ...]
    settle_window: timedelta

    @classmethod
    def of(cls, adapter: Adapter) -> Self:
        """Of this adapter."""
        return cls(tuple(adapter.facility_codes), adapter.settle_window)


def setting_checks(settings: Settings, declared: Mapping[str, Declared]) -> Iterator[Check]:
    """Only what is wrong.

    Args:
        settings: As loaded.
        declared: By account; one whose adapter could not be made is left out, and nothing is said about it.
    """
    for part, places in (("notices", settings.notices.places), ("portal", settings.portal.places)):
        for place in places:
            yield from _unknown_place(f"{part}.places", place, declared)
    for endpoint in settings.webhooks:
        for place in endpoint.facilities:
            yield from _unknown_place(f'webhooks "{endpoint.name}": facilities', place, declared)
    yield from _short_windows(settings.engine.settle_window, declared)
    yield from _letterheads(settings)


def _unknown_place(key: str, place: str, declared: Mapping[str, Declared]) -> Iterator[Check]:
    account, _, code = place.partition("/")
    if not code or account not in declared or code in declared[account].codes:
        return
    codes = declared[account].codes
    close = difflib.get_close_matches(code, codes, n=1, cutoff=0.5)
    remedy = f"Did you mean {account}/{close[0]}?" if close else f"Write one of {', '.join(codes[:20])}."
    yield Check(key, "failed", f"{place}: account {account} has no facility of that code", remedy)


def _letterheads(settings: Settings) -> Iterator[Check]:
    """A paper is drawn with each that is set: else a customer would be the first to meet a logo that is missing."""
    heads = {"portal.letterhead": settings.portal.letterhead}
    heads |= {
        f'portal.places."{name}".letterhead': place.letterhead
        for name, place in settings.portal.places.items()
        if place.letterhead is not None
    }
    for key, head in heads.items():
        if head == Letterhead():
            continue
        try:
            try_letterhead(head)
        except ConfigurationError as error:
            yield Check(key, "failed", str(error), "Correct it, or remove it.")


def _short_windows(window: timedelta | None, declared: Mapping[str, Declared]) -> Iterator[Check]:
    for account, says in declared.items():
        if window is None or window >= says.settle_window:
            continue
        detail = (
            f"{_seconds(window)} for every account, and account {account} needs {_seconds(says.settle_window)}: what"
            " shows later is looked for too early, and may be paid twice"
        )
        remedy = "Remove engine.settle_window, except for a rehearsal against a sandbox."
        yield Check("engine.settle_window", "warning" if window else "failed", detail, remedy)


def _seconds(span: timedelta) -> str:
    return f"{span / timedelta(seconds=1):g} s"
