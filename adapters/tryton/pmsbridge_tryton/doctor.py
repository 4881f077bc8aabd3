"""Checks for ``doctor``: address, log-on, company, its time zone, names of the settings, rights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from functools import partial
from typing import Final

from pmsbridge.errors import PmsBridgeError
from pmsbridge_tryton.desk import Desk
from pmsbridge_tryton.mapping.scope import one, text
from pmsbridge_tryton.vocabulary import INVOICE, MOVE_LINE, PARTY, PAYMENT, RENTAL, SUBSCRIPTION

__all__ = ["SERIES", "examine"]

SERIES: Final = ("8.0", "8.2")
"""Series this adapter was tried with."""

_READ: Final = (PARTY, RENTAL, SUBSCRIPTION, INVOICE, MOVE_LINE, PAYMENT)
_SHORTEST_WINDOW: Final = timedelta(seconds=30)

_WITHOUT_ZONE: Final = "UTC"

Check = Mapping[str, str]


def examine(desk: Desk) -> Iterator[Check]:
    """One check after the other; after a log-on that fails, no more."""
    yield _tried("server", lambda: _series(desk), "Check url and database.")
    log_on = _tried("log-on", lambda: text(one(desk.company(), "party"), "name"), "Check user, password and company.")
    yield log_on
    if log_on["status"] == "failed":
        return
    yield _zone(desk)
    yield _tried("names", lambda: _names(desk), "Correct the setting, or the name in the back office.")
    for model in _READ:
        yield _tried(
            f"may read {model}", partial(_readable, desk, model), "Give the user the groups of the guide."
        )  # fmt: skip
    if desk.settings.settle_window < _SHORTEST_WINDOW:
        yield _check("settle window", "warning", "shorter than a slow request may last", "Set settle_window to 90s.")


def _series(desk: Desk) -> str:
    found = desk.client.server_series()
    return f"series {found}" + ("" if found in SERIES else f"; tried with {' and '.join(SERIES)}")


def _zone(desk: Desk) -> Check:
    """Both date what is booked: where they go by different zones, an evening's payment is tomorrow's in one of them."""
    ours, theirs = desk.settings.facility.zone, text(desk.company(), "timezone")
    if (theirs or _WITHOUT_ZONE) == ours:
        return _check("zone", "ok", ours, "")
    known = f"the company has {theirs}" if theirs else "the company has none: its server's clock dates what it books"
    return _check("zone", "warning", f"{ours} here; {known}", "Set the company's time zone, or facility.zone, alike.")


def _names(desk: Desk) -> str:
    settings = desk.settings
    desk.named("account.payment.journal", settings.payment_journal, "payment_journal")
    if settings.debit_journal is not None:
        desk.named("account.payment.journal", settings.debit_journal, "debit_journal")
    desk.category("portal_category")
    desk.category("cash_only_category")
    return "journals and categories are there"


def _readable(desk: Desk, model: str) -> str:
    desk.read(model, [], ["id"], limit=1)
    return "yes"


def _tried(name: str, look: Callable[[], str], remedy: str) -> Check:
    try:
        return _check(name, "ok", look() or "answered", "")
    except PmsBridgeError as problem:
        return _check(name, "failed", problem.message, remedy)


def _check(name: str, status: str, detail: str, remedy: str) -> Check:
    return {"name": name, "status": status, "detail": detail, "remedy": remedy}
