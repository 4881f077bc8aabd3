"""SOAP 1.1 over the one HTTP client: zeep builds and checks the request, and never sees an answer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pmsbridge.errors import ConfigurationError, OutcomeUnknownError, PmsBridgeError, UnavailableError, UnsupportedError
from pmsbridge.logging import redact
from pmsbridge.transport.dataset import DataSetReader
from pmsbridge.transport.deadline import Deadline
from pmsbridge.transport.envelope import OMIT, OperationShape, Parameter
from pmsbridge.transport.http import HttpAnswer, HttpClient, HttpLimits, HttpRequest
from pmsbridge.transport.limits import LaneLimiter, Priority

if TYPE_CHECKING:
    from pmsbridge.transport._contract import Contract

__all__ = ["OMIT", "OperationShape", "Parameter", "SoapService"]

_FAULT_BYTES = 256 * 1024
_SHORTEST_SECRET = 3
# No service of this kind answers a business question so: the address, or what is sent there, is wrong.
_WRONG_ADDRESS = frozenset({404, 405, 410, 415})


class SoapService:
    """Calls the operations of one SOAP service.

    Args:
        http: Carries every request.
        wsdl: The contract: a local file, or an http(s) address.
        endpoint: Where calls are posted; the address inside the WSDL is not used.
        namespace: Target namespace of the service.
        limiter: What the account bears; None for no limit.
        lane: The limiter's lane of this account.
        drop: Columns discarded from every answer while parsing.

    Raises:
        ConfigurationError: The contract cannot be read, or the extra that brings the SOAP library is not installed.
    """

    def __init__(
        self,
        http: HttpClient,
        *,
        wsdl: Path | str,
        endpoint: str,
        namespace: str,
        limiter: LaneLimiter | None = None,
        lane: str = "",
        drop: Collection[str] = (),
    ) -> None:
        self._http = http
        self._endpoint = endpoint
        self._limiter = limiter
        self._lane = lane
        self._drop = frozenset(drop)
        self._contract = _contract(http, wsdl, namespace)

    def operations(self) -> Mapping[str, OperationShape]:
        """Operations by name, with their parameters in order."""
        return self._contract.operations

    @staticmethod
    def load_contract(http: HttpClient, url: str, *, namespace: str | None = None) -> Mapping[str, OperationShape]:
        """Operations of a live service, to be compared with the contract we ship.

        Raises:
            ConfigurationError: What the address answers is not a contract.
            UnavailableError: The address did not answer.
        """
        return _contract(http, url, namespace).operations

    @contextmanager
    def call(
        self,
        operation: str,
        params: Mapping[str, object],
        *,
        is_write: bool,
        deadline: Deadline | None = None,
        tables: Collection[str] | None = None,
        drop: Collection[str] = (),
        priority: Priority = Priority.INTERACTIVE,
        limits: HttpLimits | None = None,
    ) -> Iterator[DataSetReader]:
        """Call once and hold the answer while the block runs. The lane's slot is held as long.

        Args:
            operation: Name in the contract.
            params: By the contract's names. ``OMIT`` leaves an element out on purpose. int, Decimal, bool, str, date,
                naive
                datetime; never float.
            is_write: Whether the back office may change.
            deadline: End of the call, answer included; None for the client's default.
            tables: Tables to read; None for all.
            drop: Columns to discard besides the service's.
            priority: Who goes first when the lane is busy.
            limits: Bounds of this call; None for the client's.

        Raises:
            InputError: A parameter is unknown, missing or of the wrong kind; nothing was sent.
            UnsupportedError: The contract has no such operation; nothing was sent.
            UnavailableError: Nothing was sent, or it was told to wait; for a read also: no usable answer.
            ConfigurationError: Refused for who we are (401, 403), or a wrong address (404).
            RejectedError: Another 4xx.
            OutcomeUnknownError: A write was sent and gave no usable answer: a fault, a 5xx, a redirect, a broken
                answer. The
                last may come while the rows are read.
        """
        shape = self._contract.operations.get(operation)
        if shape is None:
            problem = f"the service contract has no operation {operation}"
            raise UnsupportedError(problem, code="unknown_operation")
        request = self._request(shape, params, is_write=is_write)
        until = deadline or self._http.deadline()
        scrub = _scrubber(params)
        with self._slot(until, priority), self._http.send(request, deadline=until, limits=limits) as answer:
            _judge(answer, scrub)
            yield DataSetReader(
                answer.chunks(),
                tables=tables,
                drop=self._drop | frozenset(drop),
                row_cap=(limits or self._http.limits).rows,
                is_write=is_write,
                subject=request.subject,
                scrub=scrub,
            )

    def _request(self, shape: OperationShape, params: Mapping[str, object], *, is_write: bool) -> HttpRequest:
        headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{shape.soap_action}"'}
        body = self._contract.envelope(shape, params)
        return HttpRequest("POST", self._endpoint, headers, body, is_write=is_write, operation=shape.name)

    def _slot(self, deadline: Deadline, priority: Priority) -> AbstractContextManager[None]:
        if self._limiter is None:
            return nullcontext()
        return self._limiter.slot(self._lane, deadline=deadline, priority=priority)


def _contract(http: HttpClient, wsdl: Path | str, namespace: str | None) -> Contract:
    try:
        from pmsbridge.transport._contract import Contract  # noqa: PLC0415  (half a second, and an extra)
    except ModuleNotFoundError:
        message = "SOAP needs a library that is not installed: pip install 'pmsbridge[sitelink]'"
    else:
        return Contract(http, wsdl, namespace=namespace)
    raise ConfigurationError(message, code="missing_extra")


def _judge(answer: HttpAnswer, scrub: Callable[[str], str]) -> None:
    """Raise for everything but a success whose body is worth reading."""
    request = answer.request
    if answer.status in _WRONG_ADDRESS:
        path = f"a path of {len(urlsplit(request.url).path)} characters"
        problem = (
            f"{request.subject}: HTTP {answer.status}, no such service (given: {path}). "
            "Check the service's address in the account's options; pmsbridge doctor names the option."
        )
        raise ConfigurationError(problem, code=f"http_{answer.status}")
    fault = _fault(answer, scrub) if answer.status == HTTPStatus.INTERNAL_SERVER_ERROR else None
    if fault is not None:
        raise fault
    answer.raise_for_status()


def _fault(answer: HttpAnswer, scrub: Callable[[str], str]) -> PmsBridgeError | None:
    request = answer.request
    body = _first_bytes(answer.chunks(), _FAULT_BYTES)
    reader = DataSetReader(body, is_write=request.is_write, subject=request.subject, scrub=scrub)
    try:
        reader.read()
    except (OutcomeUnknownError, UnavailableError) as error:
        return error if error.code == "soap_fault" else None
    return None


def _first_bytes(chunks: Iterable[bytes], limit: int) -> Iterator[bytes]:
    left = limit
    for chunk in chunks:
        yield chunk[:left]
        left -= len(chunk)
        if left <= 0:
            return


def _scrubber(params: Mapping[str, object]) -> Callable[[str], str]:
    """Removes what was sent from what came back: services repeat credentials in their faults."""

    def scrub(text: str) -> str:
        sent = {value for value in params.values() if isinstance(value, str) and len(value) >= _SHORTEST_SECRET}
        for value in sorted(sent, key=len, reverse=True):
            text = text.replace(value, "[redacted]")
        return redact(text)

    return scrub
