"""A payment page of a portal, in plain WSGI: dashboard, quote, pay, and a sentence for each of the five outcomes.

    pmsbridge sandbox sitelink &
    pmsbridge init --sandbox sitelink
    python examples/portal_payment.py L001 1001

What to copy from here: the form holds only the quote's id, which is the idempotency key too, so that a second click, a
reload and a browser's retry all carry the same key; the gateway authorises with that key, and the money is captured
only when the back office has the payment, and let go when it has not; and the tenant comes from the server's session,
never from the form.
"""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Iterable
from html import escape
from typing import TYPE_CHECKING, Protocol
from urllib.parse import parse_qs
from wsgiref.simple_server import make_server

from pmsbridge import Bridge, ExternalPayment, Outcome, PmsBridgeError, TenantSession, UnavailableError
from pmsbridge.dispatch.embedded import EmbeddedDispatcher

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

    from pmsbridge import ActionView

SAYS = {
    Outcome.SETTLED: "Paid. Thank you.",
    Outcome.DECLINED: "The payment could not be recorded. Your card is not charged.",
    Outcome.NOT_SENT: "The payment could not be recorded. Your card is not charged.",
    Outcome.PENDING: "We are confirming your payment. Please do not pay again.",
    Outcome.NEEDS_REVIEW: "The office will confirm your payment. Please do not pay again.",
}
ATTACHED = "An earlier payment is being confirmed. This one is not charged; please do not pay again."
NOT_CHARGED = "Your card is not charged."
TRY_AGAIN = "The office cannot be reached now. Please press the button again: you pay once."
_LONGEST_FORM_BYTES = 10_000


class Gateway(Protocol):
    """What the page needs of a payment gateway: money is held first, and taken when it is in the books."""

    def authorise(self, key: str) -> ExternalPayment:
        """Hold the money of the person who is paying. The same key is the same authorisation."""

    def capture(self, reference: str) -> None:
        """Take what is held. Harmless when it was taken already."""

    def void(self, reference: str) -> None:
        """Let go of what is held. What was taken already stays taken."""


class PaymentPage:
    """The page as a WSGI application.

    Attributes:
        session_of: Who is signed in; your portal's own session knows.
        gateway: Holds the money and takes it.
        held: What is neither taken nor let go yet, by action; your portal keeps this in a table.
    """

    def __init__(self, session_of: Callable[[WSGIEnvironment], TenantSession], gateway: Gateway) -> None:
        """Serve these people with this gateway."""
        self.session_of = session_of
        self.gateway = gateway
        self.held: dict[str, tuple[TenantSession, str]] = {}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        try:
            status, body = self._answer(environ)
        except UnavailableError as error:
            status, body = "503 Service Unavailable", f"<p>{escape(str(error))}</p>"
        except PmsBridgeError as error:
            status, body = "409 Conflict", f"<p>{escape(str(error))}</p>"
        page = f"<!doctype html><meta charset=utf-8><title>My units</title>{body}<p><a href=/>My units</a>".encode()
        start_response(status, [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(page)))])
        return [page]

    def follow_up(self) -> None:
        """Take or let go what was being confirmed. Let a job of yours do it: the person may never come back."""
        for action_id, (session, reference) in list(self.held.items()):
            self._finish(session, session.action(action_id), reference)

    def _answer(self, environ: WSGIEnvironment) -> tuple[str, str]:
        session = self.session_of(environ)
        if environ["REQUEST_METHOD"] == "POST":
            size = min(int(environ.get("CONTENT_LENGTH") or 0), _LONGEST_FORM_BYTES)
            return self._paid(session, _first(environ["wsgi.input"].read(size).decode(), "quote"))
        if rental := _first(environ.get("QUERY_STRING", ""), "rental"):
            quote = session.quote(rental)
            unit = escape(quote.lines[0].unit_number)
            return "200 OK", f"<h1>Unit {unit}</h1>{_form(quote.id, f'Pay {quote.total}')}"
        self.follow_up()
        return "200 OK", _dashboard(session)

    def _paid(self, session: TenantSession, quote_id: str) -> tuple[str, str]:
        means = self.gateway.authorise(quote_id)
        try:
            action = session.pay(quote_id, means, key=quote_id)
        except UnavailableError:
            # Not reached: the money stays held, and the same form carries the same key.
            return "503 Service Unavailable", f"<h1>{TRY_AGAIN}</h1>{_form(quote_id, 'Try again')}"
        except PmsBridgeError as error:
            self.gateway.void(means.reference)
            return "409 Conflict", f"<h1>{NOT_CHARGED}</h1><p>{escape(str(error))}</p>"
        self._finish(session, action, means.reference)
        return "200 OK", f"<h1>{ATTACHED if action.attached else SAYS[action.outcome]}</h1>"

    def _finish(self, session: TenantSession, action: ActionView, reference: str) -> None:
        """One unit is one payment, so it is in the books as a whole or not at all."""
        if action.attached:
            self.gateway.void(reference)  # another reference is being confirmed
            return
        if action.outcome is Outcome.SETTLED:
            self.gateway.capture(reference)
        elif action.outcome.nothing_changed:
            self.gateway.void(reference)
        else:
            self.held[action.action_id] = (session, reference)
            return
        self.held.pop(action.action_id, None)


def _form(quote_id: str, words: str) -> str:
    hidden = f'<input type=hidden name=quote value="{escape(quote_id)}">'
    return f"<form method=post>{hidden}<button>{escape(words)}</button></form>"


def _dashboard(session: TenantSession) -> str:
    dashboard = session.dashboard()
    rows = "".join(
        f"<tr><td>{escape(row.rental.unit_number)}<td>{row.balances.payable_now}"
        f'<td><a href="/?rental={escape(row.id)}">Pay</a>'
        for row in dashboard.rows
    )
    waiting = "".join(f"<p>{SAYS[each.outcome]}" for each in dashboard.open_actions)
    total = dashboard.total.payable_now
    return f"<h1>Hello {escape(dashboard.greeting)}</h1>{waiting}<table>{rows}</table><p>{total} in all"


def _first(query: str, name: str) -> str:
    return parse_qs(query).get(name, [""])[0]


class PretendGateway:
    """A gateway that holds every payment, and remembers what became of it.

    Attributes:
        money: "held", "taken" or "let go", by reference.
    """

    def __init__(self) -> None:
        """Nothing is held yet."""
        self.money: dict[str, str] = {}

    def authorise(self, key: str) -> ExternalPayment:
        """Hold the money, once per key."""
        reference = f"ch_{uuid.uuid5(uuid.NAMESPACE_URL, key).hex[:16]}"
        self.money.setdefault(reference, "held")
        return ExternalPayment(gateway="example", reference=reference)

    def capture(self, reference: str) -> None:
        """Take what is held."""
        self.money[reference] = "taken"

    def void(self, reference: str) -> None:
        """Let go of what is held."""
        if self.money[reference] == "held":
            self.money[reference] = "let go"


def main(facility: str, tenant_id: str) -> None:
    """Serve the page of one tenant on loopback until interrupted."""
    with Bridge.from_config() as bridge:
        page = PaymentPage(lambda _: bridge.tenant(facility, tenant_id), PretendGateway())
        worker = EmbeddedDispatcher(bridge.runtime, concurrency=1)  # finishes what a click could not
        worker.start()
        try:
            with make_server("127.0.0.1", 8000, page) as server:
                print(f"http://127.0.0.1:{server.server_port}/ for tenant {tenant_id}; Ctrl-C ends")
                server.serve_forever()
        finally:
            worker.stop()


if __name__ == "__main__":
    if len(sys.argv) != 3:  # noqa: PLR2004 - this file, the facility, the tenant
        sys.exit("usage: python portal_payment.py FACILITY TENANT_ID")
    main(*sys.argv[1:])
