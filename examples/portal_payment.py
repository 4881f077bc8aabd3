"""A payment page of a portal, in plain WSGI: dashboard, quote, pay, and a sentence for each of the five outcomes.

    pmsbridge sandbox sitelink &
    pmsbridge init --sandbox sitelink
    python examples/portal_payment.py L001 1001

What to copy from here: the idempotency key is made when the amount is shown, not when the form is sent, so that a
second click, a reload and a browser's retry all carry the same key; the key keeps the quote that the person agreed to;
the gateway gets the same key; and the tenant comes from the server's session, never from the form.
"""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Iterable
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import parse_qs
from wsgiref.simple_server import make_server

from pmsbridge import Bridge, ExternalPayment, InputError, Outcome, PmsBridgeError, TenantSession

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

    from pmsbridge.actions.quotes import PaymentQuote

SAYS = {
    Outcome.SETTLED: "Paid. Thank you.",
    Outcome.DECLINED: "The office's system refused the payment.",
    Outcome.NOT_SENT: "The payment could not be recorded. Please try again.",
    Outcome.PENDING: "We are confirming your payment. Please do not pay again.",
    Outcome.NEEDS_REVIEW: "The office will confirm your payment. Please do not pay again.",
}
_LONGEST_FORM_BYTES = 10_000


class PaymentPage:
    """The page as a WSGI application.

    Attributes:
        session_of: Who is signed in; your portal's own session knows.
        charge: Lets a gateway take the money: given key and quote, returns the gateway's reference. Called again with
            the same key it must not charge again; gateways call that an idempotency key.
    """

    def __init__(
        self,
        session_of: Callable[[WSGIEnvironment], TenantSession],
        charge: Callable[[str, PaymentQuote], ExternalPayment],
    ) -> None:
        """Serve these people with this gateway."""
        self.session_of = session_of
        self.charge = charge
        self._agreed: dict[str, PaymentQuote] = {}  # your portal keeps this in its session store

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        try:
            status, body = "200 OK", self._body(environ)
        except PmsBridgeError as error:
            status, body = "409 Conflict", f"<p>{escape(str(error))}</p>"
        page = f"<!doctype html><meta charset=utf-8><title>My units</title>{body}<p><a href=/>My units</a>".encode()
        start_response(status, [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(page)))])
        return [page]

    def _body(self, environ: WSGIEnvironment) -> str:
        session = self.session_of(environ)
        if environ["REQUEST_METHOD"] == "POST":
            size = min(int(environ.get("CONTENT_LENGTH") or 0), _LONGEST_FORM_BYTES)
            return self._paid(session, _first(environ["wsgi.input"].read(size).decode(), "key"))
        if rental := _first(environ.get("QUERY_STRING", ""), "rental"):
            return self._quoted(session, rental)
        return _dashboard(session)

    def _quoted(self, session: TenantSession, rental: str) -> str:
        quote, key = session.quote(rental), str(uuid.uuid4())
        self._agreed[key] = quote
        form = f"<form method=post><input type=hidden name=key value={key}><button>Pay {quote.total}</button></form>"
        return f"<h1>Unit {escape(quote.lines[0].unit_number)}</h1>{form}"

    def _paid(self, session: TenantSession, key: str) -> str:
        if key not in self._agreed:
            raise InputError("key", "is not one of this page", remedy="Open the page again.")
        quote = self._agreed[key]
        action = session.pay(quote, self.charge(key, quote), key=key)
        return f"<h1>{SAYS[action.outcome]}</h1>"


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


def always_yes(key: str, _quote: PaymentQuote) -> ExternalPayment:
    """A gateway that takes every payment, once per key."""
    return ExternalPayment(gateway="example", reference=f"ch_{uuid.uuid5(uuid.NAMESPACE_URL, key).hex[:16]}")


def main(facility: str, tenant_id: str) -> None:
    """Serve the page of one tenant on loopback until interrupted."""
    with Bridge.from_config() as bridge:
        page = PaymentPage(lambda _: bridge.tenant(facility, tenant_id), always_yes)
        with make_server("127.0.0.1", 8000, page) as server:
            print(f"http://127.0.0.1:{server.server_port}/ for tenant {tenant_id}; Ctrl-C ends")
            server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:3])
