"""SOAP: what may be said is checked before it is sent, and what comes back is judged by what may have changed."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
import respx
from lxml import etree

from pmsbridge.errors import (
    ConfigurationError,
    InputError,
    OutcomeUnknownError,
    PmsBridgeError,
    RejectedError,
    UnavailableError,
    UnsupportedError,
)
from pmsbridge.transport.http import HttpClient, HttpLimits
from pmsbridge.transport.limits import LaneLimiter, LaneLimits
from pmsbridge.transport.soap import OMIT, Parameter, SoapService
from tests.unit.transport.answers import answer, data_set, fault, row, simple
from tests.unit.transport.wire import QUICK, Visit, serving

WSDL = Path(__file__).parent / "contract.wsdl"
ENDPOINT = "https://pms.test/ws.asmx"
PAYMENT: Mapping[str, object] = {
    "sPassword": "canary-password",
    "iTenantID": 7,
    "dcAmount": Decimal("129.00"),
    "bTest": False,
    "dWhen": date(2026, 5, 1),
}
SUCCESS = simple([("RT", {"Ret_Code": "1"})])


@pytest.fixture(scope="module")
def service() -> Iterator[SoapService]:
    http = HttpClient()
    yield SoapService(http, wsdl=WSDL, endpoint=ENDPOINT, namespace="http://pms.test/Ws")
    http.close()


def sent(service: SoapService, **changes: object) -> tuple[httpx.Request, list[tuple[str, str | None]]]:
    """The request a payment becomes, and its parameters as written."""
    with respx.mock() as net:
        route = net.post(ENDPOINT).mock(return_value=httpx.Response(200, content=SUCCESS))
        with service.call("Pay", {**PAYMENT, **changes}, is_write=True) as reader:
            assert reader.read() == {"RT": [{"Ret_Code": "1"}]}
    request = route.calls[0].request
    envelope = etree.fromstring(request.content)
    body = envelope.find("{http://schemas.xmlsoap.org/soap/envelope/}Body")
    assert body is not None
    assert body[0].tag == "{http://pms.test/Ws}Pay"
    return request, [(str(child.tag).removeprefix("{http://pms.test/Ws}"), child.text) for child in body[0]]


def outcome(service: SoapService, response: httpx.Response, *, is_write: bool) -> PmsBridgeError:
    with respx.mock() as net:
        net.post(ENDPOINT).mock(return_value=response)
        try:
            with service.call("Pay", PAYMENT, is_write=is_write) as reader:
                reader.read()
        except PmsBridgeError as error:
            found = error
        else:
            raise AssertionError("the call succeeded")
        assert net.calls.call_count == 1
    assert found.__context__ is None
    assert found.__cause__ is None
    return found


def test_parameters_are_written_in_the_contracts_order_with_the_right_action(service: SoapService) -> None:
    backwards = dict(reversed(list(PAYMENT.items())))
    request, written = sent(service, **backwards)

    assert written == [
        ("sPassword", "canary-password"), ("iTenantID", "7"), ("dcAmount", "129.00"), ("bTest", "false"),
        ("dWhen", "2026-05-01T00:00:00"),
    ]  # fmt: skip
    assert request.headers["soapaction"] == '"http://pms.test/Ws/Pay"'
    assert request.headers["content-type"] == "text/xml; charset=utf-8"
    assert request.headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("dcAmount", Decimal("1E+3"), "1000"),
        ("dcAmount", Decimal("0.10"), "0.10"),
        ("dcAmount", Decimal("-0.0000001"), "-0.0000001"),
        ("dcAmount", 5, "5"),
        ("iTenantID", -(2**31), "-2147483648"),
        ("iBig", 2**40, "1099511627776"),
        ("bTest", True, "true"),
        ("dWhen", datetime(2026, 5, 1, 13, 30), "2026-05-01T13:30:00"),  # noqa: DTZ001
        ("dDay", date(2026, 5, 1), "2026-05-01"),
        ("sNote", "", None),
        ("sNote", "<&> \u00e9\u4e2d \U0001f600 'q' \"d\"", "<&> \u00e9\u4e2d \U0001f600 'q' \"d\""),
        ("sNote", "  two\nlines\t", "  two\nlines\t"),
        ("aryBytes", b"\x00\xff", "AP8="),
        ("dbShare", Decimal("0.1"), "0.1"),
    ],
)
def test_values_are_written_plainly(service: SoapService, name: str, value: object, text: str | None) -> None:
    _, written = sent(service, **{name: value})

    assert dict(written)[name] == text


def test_omit_leaves_an_element_out_even_where_the_contract_asks_for_it(service: SoapService) -> None:
    _, written = sent(service, dWhen=OMIT, sPassword=OMIT)

    assert [name for name, _ in written] == ["iTenantID", "dcAmount", "bTest"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("iTenantID", "7"), ("iTenantID", 2**31), ("iTenantID", True), ("iTenantID", 7.0), ("iTenantID", Decimal(7)),
        ("iTenantID", None), ("dcAmount", 1.1), ("dcAmount", "1.10"), ("dcAmount", Decimal("NaN")), ("dcAmount", True),
        ("dcAmount", Decimal("Infinity")), ("bTest", 1), ("bTest", "true"), ("dWhen", ""), ("dWhen", "2026-05-01"),
        ("dWhen", datetime(2026, 5, 1, tzinfo=UTC)), ("dWhen", None),
        ("dWhen", datetime(2026, 5, 1, 0, 0, 0, 1)),  # noqa: DTZ001
        ("dDay", datetime(2026, 5, 1)),  # noqa: DTZ001
        ("dDay", ""), ("sNote", 5), ("sNote", None), ("sNote", b"x"), ("sNote", "a\x00b"),
        ("sNote", "\ud800"), ("sNote", "\x08"), ("aryBytes", "AP8="), ("dbShare", 0.1), ("iBig", 2**63),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_said_is_refused_by_name_before_anything_is_sent(
    service: SoapService, name: str, value: object
) -> None:
    with respx.mock(assert_all_called=False) as net:
        route = net.post(ENDPOINT)
        with pytest.raises(InputError) as caught, service.call("Pay", {**PAYMENT, name: value}, is_write=True):
            pass

    assert caught.value.field == name
    assert not route.called


def test_a_refusal_never_repeats_the_value(service: SoapService) -> None:
    with (
        pytest.raises(InputError) as caught,
        service.call("Pay", {**PAYMENT, "sNote": "4111111111111111\x00"}, is_write=True),
    ):
        pass

    assert "4111" not in f"{caught.value!r}{caught.value.__dict__}"
    assert caught.value.shape == "str of 17 characters"


@pytest.mark.parametrize("name", ["itenantid", "TenantID", "iTenantId", "_soapheaders", "_value_1"])
def test_an_unknown_parameter_is_refused_and_the_near_one_named(service: SoapService, name: str) -> None:
    with pytest.raises(InputError) as caught, service.call("Pay", {**PAYMENT, name: 7}, is_write=True):
        pass

    assert caught.value.code == "unknown_parameter"
    if name == "iTenantId":
        assert "iTenantID" in caught.value.remedy


@pytest.mark.parametrize("name", ["iTenantID", "dcAmount", "bTest", "dWhen"])
def test_a_missing_value_type_is_refused(service: SoapService, name: str) -> None:
    params = {key: value for key, value in PAYMENT.items() if key != name}

    with pytest.raises(InputError) as caught, service.call("Pay", params, is_write=True):
        pass

    assert caught.value.field == name


def test_an_operation_that_is_not_in_the_contract_is_unsupported(service: SoapService) -> None:
    with pytest.raises(UnsupportedError), service.call("Refund", {}, is_write=True):
        pass


OUTCOMES: dict[str, tuple[httpx.Response, type[PmsBridgeError] | None, str]] = {
    "fault": (httpx.Response(500, content=fault("Server was unable to read request")), None, "soap_fault"),
    "fault in a success": (httpx.Response(200, content=fault("no")), None, "soap_fault"),
    "500 page": (httpx.Response(500, html="<html><p>Oops</html>"), None, "http_500"),
    "500 nothing": (httpx.Response(500), None, "http_500"),
    "500 with rows": (httpx.Response(500, content=SUCCESS), None, "http_500"),
    "502": (httpx.Response(502, html="<html>"), None, "http_502"),
    "503": (httpx.Response(503, html="<html>"), None, "http_503"),
    "503 with a time": (httpx.Response(503, headers={"Retry-After": "9"}), UnavailableError, "http_503"),
    "429": (httpx.Response(429), UnavailableError, "http_429"),
    "302": (httpx.Response(302, headers={"Location": "https://pms.test/login"}), None, "http_302"),
    "307": (httpx.Response(307, headers={"Location": "https://else.test/"}), None, "http_307"),
    "401": (httpx.Response(401), ConfigurationError, "http_401"),
    "403": (httpx.Response(403), ConfigurationError, "http_403"),
    "404": (httpx.Response(404), ConfigurationError, "http_404"),
    "405": (httpx.Response(405), ConfigurationError, "http_405"),
    "415": (httpx.Response(415), ConfigurationError, "http_415"),
    "400": (httpx.Response(400), RejectedError, "http_400"),
    "html with 200": (httpx.Response(200, html="<html><body>We are down<br></body></html>"), None, "unreadable_xml"),
    "xhtml with 200": (httpx.Response(200, html="<html><body>Down</body></html>"), None, "not_a_dataset"),
    "empty 200": (httpx.Response(200), None, "empty_answer"),
    "202 empty": (httpx.Response(202), None, "empty_answer"),
    "204": (httpx.Response(204), None, "empty_answer"),
    "no data set": (httpx.Response(200, content=answer("<PayResult>1</PayResult>")), None, "not_a_dataset"),
    "cut": (httpx.Response(200, content=SUCCESS[:-30]), None, "unreadable_xml"),
    "doctype": (httpx.Response(200, content=b"<!DOCTYPE x>" + SUCCESS.partition(b"?>")[2]), None, "doctype_refused"),
}


@pytest.mark.parametrize("is_write", [True, False], ids=["write", "read"])
@pytest.mark.parametrize("case", OUTCOMES)
def test_every_answer_has_its_class(service: SoapService, case: str, is_write: bool) -> None:
    response, kind, code = OUTCOMES[case]
    error = outcome(service, response, is_write=is_write)

    assert type(error) is (kind or (OutcomeUnknownError if is_write else UnavailableError))
    assert error.code == code


def test_a_fault_never_repeats_what_was_sent(service: SoapService) -> None:
    text = "Login of Admin:::LICENCE with canary-password and card 4111 1111 1111 1111 failed"
    error = outcome(service, httpx.Response(500, content=fault(text)), is_write=True)

    assert "SOAP fault Server: Login of Admin" in str(error)
    assert not any(secret in str(error) for secret in ("canary", "LICENCE", "4111 1111", "4111111111111111"))


def test_an_endless_fault_page_is_not_read_to_its_end(service: SoapService) -> None:
    error = outcome(service, httpx.Response(500, content=fault("x" * 2_000_000)), is_write=True)

    assert error.code == "http_500"


def test_a_row_cap_and_a_drop_list_reach_the_reader() -> None:
    http = HttpClient(HttpLimits(rows=1))
    service = SoapService(http, wsdl=WSDL, endpoint=ENDPOINT, namespace="http://pms.test/Ws", drop={"sWebPassword"})
    rows = [row("T", {"a": "1", "sWebPassword": "canary", "sSSN": "canary"}, 0), row("U", {"b": "2"}, 1)]
    with respx.mock() as net:
        net.post(ENDPOINT).mock(return_value=httpx.Response(200, content=answer(data_set(rows))))
        with service.call("Ask", {}, is_write=False, drop={"sSSN"}, tables={"T"}) as reader:
            assert reader.read() == {"T": [{"a": "1"}]}
        with pytest.raises(UnavailableError, match="too_many_rows"), service.call("Ask", {}, is_write=False) as reader:
            reader.read()
    http.close()


def test_the_shape_of_every_operation_is_told(service: SoapService) -> None:
    shapes = service.operations()

    assert list(shapes) == ["Pay", "Ask"]
    assert shapes["Pay"].parameters[:2] == (
        Parameter("sPassword", "string", required=False),
        Parameter("iTenantID", "int", required=True),
    )
    assert shapes["Pay"].soap_action == "http://pms.test/Ws/Pay"
    assert shapes["Ask"].parameters == ()


def test_a_live_contract_is_read_over_the_same_client_and_its_address_is_not_used() -> None:
    text = WSDL.read_bytes()
    with serving(lambda visit: visit.answer("200 OK", text, "Content-Type: text/xml")) as server:
        http = HttpClient(QUICK)
        shapes = SoapService.load_contract(http, server.url)
        http.close()

    assert list(shapes) == ["Pay", "Ask"]
    assert server.visits == 1


def test_a_contract_that_does_not_answer_is_unavailable_and_a_wrong_one_a_configuration_error() -> None:
    for act, kind in (
        (lambda visit: visit.answer("503 Busy"), UnavailableError),
        (lambda visit: visit.answer("200 OK", b"<html/>"), ConfigurationError),
        (lambda visit: visit.answer("200 OK", b"not xml"), ConfigurationError),
    ):
        with serving(act) as server, pytest.raises(kind) as caught:
            SoapService.load_contract(HttpClient(QUICK), server.url)
        assert caught.value.__context__ is None


def contract(tmp_path: Path, old: str, new: str) -> SoapService:
    path = tmp_path / "changed.wsdl"
    text = WSDL.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return SoapService(HttpClient(QUICK), wsdl=path, endpoint=ENDPOINT, namespace="http://pms.test/Ws")


SCHEMA = '<s:schema elementFormDefault="qualified" targetNamespace="http://pms.test/Ws">'


def test_a_contract_may_not_fetch_from_another_host(tmp_path: Path) -> None:
    with serving(lambda visit: visit.answer("200 OK", b"<x/>")) as server:
        with pytest.raises(ConfigurationError):
            contract(tmp_path, SCHEMA, f'{SCHEMA}<s:import namespace="urn:x" schemaLocation="{server.url}"/>')

        assert server.visits == 0


def test_a_contract_may_use_its_neighbours_and_nothing_above_them(tmp_path: Path) -> None:
    folder = tmp_path / "wsdl"
    folder.mkdir()
    neighbour = '<s:schema xmlns:s="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:x"/>'
    (folder / "near.xsd").write_text(neighbour)
    (tmp_path / "above.xsd").write_text(neighbour)

    near = contract(folder, SCHEMA, f'{SCHEMA}<s:import namespace="urn:x" schemaLocation="near.xsd"/>')
    assert "Pay" in near.operations()
    for place in ("../above.xsd", str(tmp_path / "above.xsd"), f"file://{tmp_path}/above.xsd", "/etc/passwd"):
        with pytest.raises(ConfigurationError):
            contract(folder, SCHEMA, f'{SCHEMA}<s:import namespace="urn:x" schemaLocation="{place}"/>')


@pytest.mark.parametrize(
    "doctype", ["<!DOCTYPE x>", '<!DOCTYPE x [<!ENTITY e "x">]>', '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">']
)
def test_a_contract_with_a_doctype_is_refused(tmp_path: Path, doctype: str) -> None:
    with pytest.raises(ConfigurationError):
        contract(tmp_path, "<wsdl:definitions", f"{doctype}<wsdl:definitions")


def test_a_contract_of_another_namespace_or_none_is_refused(tmp_path: Path) -> None:
    http = HttpClient()
    with pytest.raises(ConfigurationError):
        SoapService(http, wsdl=WSDL, endpoint=ENDPOINT, namespace="http://other.test/")
    with pytest.raises(ConfigurationError):
        SoapService(http, wsdl=tmp_path / "none.wsdl", endpoint=ENDPOINT, namespace="http://pms.test/Ws")


def test_a_missing_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.delitem(sys.modules, "pmsbridge.transport._contract", raising=False)
    monkeypatch.setitem(sys.modules, "zeep", None)

    with pytest.raises(ConfigurationError, match=r"pmsbridge\[sitelink\]"):
        SoapService(HttpClient(), wsdl=WSDL, endpoint=ENDPOINT, namespace="http://pms.test/Ws")


def test_the_lane_is_held_until_the_answer_is_read() -> None:
    limiter = LaneLimiter(LaneLimits(concurrency=1))
    together: list[int] = []
    inside = threading.Semaphore(0)

    def act(visit: Visit) -> None:
        together.append(1)
        inside.release()
        visit.over.wait(0.05)
        together.pop()
        most.append(len(together))
        visit.answer("200 OK", SUCCESS)

    most: list[int] = []
    with serving(act) as server:
        http = HttpClient(QUICK)
        service = SoapService(
            http, wsdl=WSDL, endpoint=server.url, namespace="http://pms.test/Ws", limiter=limiter, lane="account"
        )

        def ask() -> None:
            with service.call("Ask", {}, is_write=False, deadline=http.deadline(timedelta(seconds=10))) as reader:
                reader.read()

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        http.close()

    assert most == [0, 0, 0, 0]


def test_a_lease_that_is_over_sends_no_payment(service: SoapService) -> None:
    with respx.mock(assert_all_called=False) as net:
        route = net.post(ENDPOINT)
        deadline = HttpClient().deadline(not_after=datetime.now(UTC) - timedelta(seconds=1))
        with (
            pytest.raises(UnavailableError, match="lease over"),
            service.call("Pay", PAYMENT, is_write=True, deadline=deadline),
        ):
            pass

    assert not route.called
