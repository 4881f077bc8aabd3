"""The end of the day: what the back office holds, and the judge's line."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pmsbridge.cli.demo.books import Taken
from pmsbridge.cli.demo.stage import Stage
from pmsbridge.cli.demo.telling import Teller
from pmsbridge.cli.trail import trail_facts
from pmsbridge.ports.outcome import Outcome

if TYPE_CHECKING:
    from pmsbridge import ActionView
    from pmsbridge.actions.quotes import PaymentQuote

__all__ = ["Record", "the_evening", "the_judge", "the_trail"]

TENANT = "several_units"


@dataclass(slots=True)
class Record:
    """What people meant to do, kept apart from what happened.

    Attributes:
        intended: Sums that people agreed to pay, by tenant: one per rental, as the books hold them.
    """

    stage: Stage
    intended: dict[str, list[Decimal]] = field(default_factory=dict)
    before: dict[str, list[Taken]] = field(default_factory=dict)
    finished: list[ActionView] = field(default_factory=list)

    def intend(self, quote: PaymentQuote) -> None:
        """A person agreed to pay this; a payment of several rentals is one per rental in the books."""
        self.before.setdefault(quote.tenant_id, self.stage.books.payments(quote.tenant_id))
        self.intended.setdefault(quote.tenant_id, []).extend(line.amount.amount for line in quote.lines)

    def done(self, *views: ActionView) -> None:
        """Actions without money that came to an end."""
        self.finished.extend(views)


def the_evening(stage: Stage, teller: Teller) -> None:
    """The dashboard again, and what the staff sees."""
    from pmsbridge.cli.demo.morning import dashboard_facts, show_dashboard

    tenant_id = stage.people[TENANT]
    teller.scene("The evening: the dashboard again, and what the staff finds")
    stage.let_payments_show()
    dashboard = stage.session(TENANT).dashboard()
    show_dashboard(dashboard, teller)
    board, notes, letters = stage.books.bulletin(), stage.books.notes(tenant_id), stage.sink.letters
    teller.show("Bulletin board", ["subject", "text"], board)
    teller.show("Notes on the account", ["note"], [[note] for note in notes])
    teller.show(
        "Mail to the facility", ["to", "subject", "text"], [(", ".join(m.to), m.subject, m.text) for m in letters]
    )
    teller.note(
        dashboard=dashboard_facts(dashboard),
        bulletin=[{"subject": subject, "body": body} for subject, body in board],
        notes=notes,
        mail=[{"to": list(m.to), "subject": m.subject, "message_id": m.message_id} for m in letters],
    )
    teller.check(
        "the portal says what the books say", holds=dashboard.total.ledger.amount == stage.books.balance(tenant_id)
    )
    teller.check("no mail came twice", holds=len({m.message_id for m in letters}) == len(letters) > 0)


def the_trail(stage: Stage, teller: Teller, action_id: str) -> None:
    """Everything that happened to the payment whose answer was lost."""
    teller.scene("The trail of the payment whose answer was lost")
    entries = [trail_facts(entry) for entry in stage.bridge.journal.trail(action_id)]
    rows = [(e["number"], e["at"], e["event"], _brief(e["data"])) for e in entries]
    teller.show("", [">#", "at", "event", "data"], rows)
    is_whole = stage.bridge.journal.verify_trail(action_id)
    teller.note(trail=entries, whole=is_whole)
    teller.check("the trail is whole: its hash chain holds", holds=is_whole)


def the_judge(stage: Stage, teller: Teller, record: Record) -> dict[str, Any]:
    """Compare what people meant with what the books hold."""
    teller.scene("The judge reads the back office's own books")
    lost = doubles = found = 0
    for tenant_id, wanted in record.intended.items():
        taken = stage.books.new_payments(tenant_id, record.before[tenant_id])
        found += len(taken)
        short = sum(wanted) - sum(each.amount for each in taken)
        lost += int(short > 0)
        doubles += max(_doubles(taken), int(short < 0))
    unresolved = stage.bridge.journal.counts().by_outcome
    open_actions = sum(unresolved.get(outcome, 0) for outcome in (Outcome.PENDING, Outcome.NEEDS_REVIEW))
    verdict = {
        "payments_wanted": sum(len(wanted) for wanted in record.intended.values()),
        "payments_in_the_books": found,
        "doubles": doubles,
        "lost": lost,
        "unresolved": open_actions,
        "rentals_ended": stage.books.move_outs(),
        "books_balance": stage.books.is_balanced(),
        "calls": len(stage.control.calls()),
    }
    teller.note(**verdict)
    meant = verdict["payments_wanted"]
    teller.check(
        f"payments by our clicks: {found} of {meant}, doubles {doubles}, lost {lost}",
        holds=doubles == lost == 0 < found == meant,
    )
    teller.check("every action came to an end", holds=open_actions == 0)
    teller.check("no rental was ended by us", holds=verdict["rentals_ended"] == 0)
    teller.check("the double-entry books balance", holds=bool(verdict["books_balance"]))
    return verdict


def _doubles(taken: list[Taken]) -> int:
    """Payments of one unit and amount beyond the first."""
    return sum(count - 1 for count in Counter((t.rental_id, t.amount) for t in taken).values())


def _brief(data: dict[str, Any]) -> str:
    text = ", ".join(f"{name}={value}" for name, value in data.items() if not isinstance(value, dict | list))
    return text if len(text) <= 150 else text[:150] + "…"  # noqa: PLR2004 - what fits a line or two
