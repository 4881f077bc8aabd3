"""Checks for ``doctor``: log-on, locations, licence, clock, our contract against the live one. Nothing is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

from pmsbridge.errors import ConfigurationError, PmsBridgeError, UnavailableError
from pmsbridge.transport.http import HttpRequest
from pmsbridge.transport.soap import OperationShape, SoapService
from pmsbridge_sitelink.connection import Connection
from pmsbridge_sitelink.wire import AUTH, AUTOPAY_DAYS_NAMES, NAMESPACES, Operation, Service, WireType, operations_of

__all__ = ["compare", "examine"]

Check = Mapping[str, str]

_SHOWS_WITHIN: Final = timedelta(seconds=10)
_MOST_SKEW: Final = timedelta(minutes=5)
_LOG_ON_CODES: Final = {"invalid_licence", "login_failed", "secret_missing", "not_a_reference"}
_WRONG_ADDRESS: Final = {"http_404", "http_405", "http_410", "http_415"}


def examine(connection: Connection) -> Iterator[Check]:
    """Every check, in an order in which the first failure explains the later ones."""
    yield from _log_on(connection)
    for service, url in _addresses(connection).items():
        yield _contract(connection, service, url)
    yield _clock(connection)
    yield _cards(connection)
    if connection.settings.settle_window < _SHOWS_WITHIN:
        yield _window(connection.settings.settle_window)


def _window(window: timedelta) -> Check:
    detail = (
        f"a lost answer is looked for after {window / timedelta(seconds=1):g} s, and a payment shows up to"
        f" {_SHOWS_WITHIN / timedelta(seconds=1):g} s late: it may be looked for too early, and be paid twice"
    )
    return _check("settle window", "warning", detail, "Raise settle_window, or leave it out: then it is 120 s.")


def _check(name: str, status: str, detail: str, remedy: str = "") -> Check:
    return {"name": name, "status": status, "detail": detail, "remedy": remedy}


def _addresses(connection: Connection) -> dict[Service, str]:
    settings = connection.settings
    return {Service.CALL_CENTER: settings.call_center_url, Service.REPORTING: settings.reporting_url}


def _log_on(connection: Connection) -> Iterator[Check]:
    """One harmless read per location tells licence, user and location code apart."""
    problems: dict[str, PmsBridgeError] = {}
    for facility in connection.settings.facilities:
        try:
            connection.read("SiteInformation", facility.code, {})
        except PmsBridgeError as problem:
            problems[facility.code] = problem
            if _explains_the_rest(problem):
                break
    yield _account_check("licence", "invalid_licence", list(problems.values()), "the API licence key is accepted")
    yield _account_check(
        "credentials", "login_failed", list(problems.values()), "the API user and its password are accepted"
    )
    for facility in connection.settings.facilities:
        yield _location_check(facility.code, problems)


def _account_check(name: str, code: str, found: Sequence[PmsBridgeError], fine: str) -> Check:
    own = next((problem for problem in found if problem.code == code), None)
    if own is not None:
        return _check(name, "failed", own.message, "Correct the setting or the secret behind it.")
    earlier = next((p for p in found if _explains_the_rest(p)), None)
    if earlier is not None:
        return _check(name, "skipped", f"could not be told: {earlier.message}", "Solve that first.")
    return _check(name, "ok", fine)


def _location_check(code: str, problems: Mapping[str, PmsBridgeError]) -> Check:
    name = f"location {code}"
    problem = problems.get(code)
    if problem is None:
        stopped = next((p for p in problems.values() if _explains_the_rest(p)), None)
        return _check(name, "skipped", "not asked") if stopped else _check(name, "ok", "the location answers")
    if _explains_the_rest(problem):
        return _check(name, "skipped", problem.message, "Solve that first.")
    return _check(name, "failed", problem.message, "Check the facility's code, and that the licence covers it.")


def _explains_the_rest(problem: PmsBridgeError) -> bool:
    """Nothing can be told about licence, user and locations until it is solved."""
    return isinstance(problem, UnavailableError) or problem.code in _LOG_ON_CODES | _WRONG_ADDRESS


def _contract(connection: Connection, service: Service, url: str) -> Check:
    name = f"contract {service}"
    try:
        live = SoapService.load_contract(connection.http, f"{url}?WSDL", namespace=NAMESPACES[service])
    except (UnavailableError, ConfigurationError) as problem:
        return _check(
            name, "skipped", f"no description to compare with: {problem.message}", _check_address(service, url)
        )
    except PmsBridgeError as problem:
        return _check(name, "failed", problem.message, _check_address(service, url))
    drifts = compare(operations_of(service), live, autopay_days=connection.settings.autopay_days_parameter)
    if not drifts:
        return _check(name, "ok", f"{len(operations_of(service))} operations fit the {len(live)} that are live")
    severe = any(drift.startswith("!") for drift in drifts)
    detail = "; ".join(drift.removeprefix("!") for drift in drifts)
    remedy = (
        "Do not use the operations named here until it is settled: names that do not fit are ignored silently."
        " With the live description downloaded and set as call_center_wsdl or reporting_wsdl, they are refused."
    )
    return _check(name, "failed" if severe else "warning", detail, remedy)


def _check_address(service: Service, url: str) -> str:
    name = "call_center_url" if service is Service.CALL_CENTER else "reporting_url"
    shape = f"a path of {len(urlsplit(url).path)} characters"
    return f"Check {name} in the account's options (given: {shape}); it ends like /CCWs_3.5/{service}.asmx."


def compare(ours: Sequence[Operation], live: Mapping[str, OperationShape], *, autopay_days: str) -> list[str]:
    """What differs between what we send and what the live service describes; "!" marks what breaks a call.

    A name that we send and the service does not know is ignored there without a word, so it counts as broken. A
    parameter that only the service knows counts as broken when it is a value that would silently become a default.
    """
    return [line for operation in ours for line in _drifts(operation, live.get(operation.name), autopay_days)]


def _drifts(operation: Operation, shape: OperationShape | None, autopay_days: str) -> Iterator[str]:
    if shape is None:
        yield f"!{operation.name} is not offered any more"
        return
    known = {parameter.name: parameter.type for parameter in shape.parameters}
    sent = {parameter.name: parameter.type for parameter in operation.parameters}
    yield from _days_drift(operation.name, sent, known, autopay_days)
    yield from (f"!{operation.name} does not know {name}" for name in sent if name not in known)
    yield from (
        f"!{operation.name}: {name} is {known[name]}, we send {kind}"
        for name, kind in sent.items()
        if known.get(name, kind) != kind
    )
    for name, kind in known.items():
        if name not in sent and name not in AUTH:
            breaks = "" if kind == "string" else "!"
            yield f"{breaks}{operation.name} has {name} ({kind}), which we do not send"
    if _order(known, sent) != _order(sent, known):
        yield f"{operation.name} orders its parameters otherwise; ours are written in our order"


def _days_drift(name: str, sent: dict[str, WireType], known: Mapping[str, str], autopay_days: str) -> Iterator[str]:
    """Of two spellings of one parameter only the service's own is looked at further."""
    spelled = [word for word in AUTOPAY_DAYS_NAMES if word in sent and word in known]
    if not spelled:
        return
    for word in AUTOPAY_DAYS_NAMES:
        if word not in spelled:
            sent.pop(word)
    if autopay_days not in spelled:
        yield f"!{name} spells the days {spelled[0]}: set autopay_days_parameter to it"


def _order(names: Mapping[str, object], common: Mapping[str, object]) -> list[str]:
    return [name for name in names if name in common]


def _clock(connection: Connection) -> Check:
    """The back office's clock, from the Date header of its answer."""
    request = HttpRequest("GET", connection.settings.call_center_url, is_write=False, operation="clock")
    try:
        with connection.http.send(request, deadline=connection.deadline(connection.settings.timeouts.live)) as answer:
            header = answer.headers.get("date", "")
        there = parsedate_to_datetime(header)
    except PmsBridgeError as problem:
        return _check("clock", "skipped", problem.message, "Solve that first.")
    except (ValueError, TypeError):
        return _check("clock", "skipped", "the service's answers carry no date")
    skew = connection.clock.now() - _aware(there)
    seconds = int(skew.total_seconds())
    if abs(skew) > _MOST_SKEW:
        detail = f"the clocks differ by {seconds} s"
        return _check("clock", "warning", detail, "Set this machine's clock (NTP): payments are looked for by time.")
    return _check("clock", "ok", f"the clocks differ by {seconds} s")


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _cards(connection: Connection) -> Check:
    if connection.settings.allow_raw_cards:
        detail = "card numbers travel through this process: the application is in the scope of PCI DSS"
        return _check("raw cards", "warning", detail, "Pay through a gateway and record the payment, where you can.")
    return _check("raw cards", "ok", "switched off")
