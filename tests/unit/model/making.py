"""Strategies: money, references, ledgers and balances, and the card-shaped canary that must be nowhere."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Final

from hypothesis import strategies as st

from pmsbridge.model.ledger import Balances, EntryKind, LedgerEntry
from pmsbridge.model.money import Money
from pmsbridge.model.record import VendorRef

CANARY: Final = "4111111111111111"

DAYS: Final = st.dates(min_value=date(2020, 1, 1), max_value=date(2030, 12, 31))
IDS: Final = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=12)
TEXTS: Final = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=20)
CURRENCY: Final = st.sampled_from(["USD", "CAD", "EUR", "JPY", "KWD"])
LOWERS: Final = frozenset({EntryKind.PAYMENT, EntryKind.CREDIT, EntryKind.WRITE_OFF})
RAISES: Final = frozenset({EntryKind.CHARGE, EntryKind.TAX, EntryKind.REFUND})


def amounts(low: str = "-99999.9999", high: str = "99999.9999") -> st.SearchStrategy[Decimal]:
    """Decimals with four places, as vendors send them."""
    return st.decimals(Decimal(low), Decimal(high), places=4, allow_nan=False, allow_infinity=False)


@st.composite
def moneys(draw: st.DrawFn, currency: str | None = None, low: str = "-99999.9999") -> Money:
    """Money of one currency, or of any."""
    return Money.of(draw(amounts(low)), currency or draw(CURRENCY))


@st.composite
def entries(draw: st.DrawFn, currency: str = "USD") -> LedgerEntry:
    """A ledger entry whose sign fits its kind."""
    kind = draw(st.sampled_from(list(EntryKind)))
    sign = -1 if kind in LOWERS else 1 if kind in RAISES else draw(st.sampled_from([1, -1]))
    return LedgerEntry(
        ref=VendorRef(system="s", account="a", facility="f", entity="ledger_entry", id=draw(IDS)),
        rental_id="R1",
        kind=kind,
        effect=Money.of(draw(amounts("0")) * sign, currency),
        effective_on=draw(DAYS),
    )


@st.composite
def balances(draw: st.DrawFn, currency: str = "USD") -> Balances:
    """Balances of one rental."""
    return Balances(
        ledger=draw(moneys(currency)),
        due=draw(moneys(currency)),
        payable_now=draw(moneys(currency, "0")),
        past_due=draw(moneys(currency, "0")),
        credit=draw(moneys(currency, "0")),
    )
