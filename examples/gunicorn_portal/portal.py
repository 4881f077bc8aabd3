"""A portal that gunicorn loads once, before it forks its workers: see ``gunicorn_conf.py`` beside it.

The bridge is made, and may be used, in the parent. Nothing of it is at work there: no thread, no clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from pmsbridge import Bridge, ExternalPayment

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

bridge = Bridge.from_config("pmsbridge.toml")


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """``/?tenant=1001&key=click-1``: pay what the tenant's first unit owes, and answer with the outcome's word."""
    asked = parse_qs(environ["QUERY_STRING"])
    session = bridge.tenant("L001", asked["tenant"][0])
    unit = session.dashboard().rows[0]
    key = asked["key"][0]
    action = session.pay_rental(unit.id, ExternalPayment(gateway="stripe", reference=f"pi_{key}"), key=key)
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [action.outcome.value.encode()]
