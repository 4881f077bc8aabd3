"""Reading a WSDL with zeep: from a file or over our own client, and from nowhere else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote, urlsplit

import zeep
import zeep.xsd
from lxml import etree
from zeep.wsdl.bindings.soap import Soap11Binding

from pmsbridge.errors import ConfigurationError, InputError, PmsBridgeError
from pmsbridge.logging import install_filters
from pmsbridge.transport.envelope import OMIT, OperationShape, Parameter, checked_values
from pmsbridge.transport.http import HttpClient, HttpRequest

# zeep carries no types.
Zeep = Any

__all__ = ["Contract"]

# The library makes its loggers when it is imported, so they can be quietened only now.
install_filters()


class Contract:
    """Operations of the SOAP 1.1 service a WSDL describes, and the envelopes of calls to them.

    Args:
        http: Carries the WSDL when it is an address.
        wsdl: A local file, or an http(s) address.
        namespace: The service's target namespace; None takes the first SOAP 1.1 service.

    Raises:
        ConfigurationError: Not readable, not a WSDL, not this namespace's, or it asks for documents from elsewhere.
        UnavailableError: The address did not answer.
    """

    def __init__(self, http: HttpClient, wsdl: Path | str, *, namespace: str | None) -> None:
        is_address = str(wsdl).startswith(("http://", "https://"))
        location = str(wsdl) if is_address else str(Path(wsdl).resolve())
        self._client: Zeep = _opened(location, _Loader(http, None if is_address else Path(location).parent))
        self._binding = _binding(self._client, namespace)
        self._proxy = self._client.create_service(str(self._binding.name), "https://invalid.invalid/")
        self.operations: Mapping[str, OperationShape] = MappingProxyType(dict(_shapes(self._binding)))

    def envelope(self, shape: OperationShape, values: Mapping[str, object]) -> bytes:
        """The serialised request.

        Raises:
            InputError: The values do not fit the operation.
        """
        checked = checked_values(shape, values)
        arguments = {name: zeep.xsd.SkipValue if value is OMIT else value for name, value in checked.items()}
        try:
            message: Zeep = self._client.create_message(self._proxy, shape.name, **arguments)
            return bytes(etree.tostring(message, xml_declaration=True, encoding="utf-8"))
        except Exception:  # noqa: BLE001  (its text would repeat the values)
            problem = "the values do not fit the contract"
        raise InputError(shape.name, problem, code="invalid_message")


class _Loader:
    """What zeep asks for documents: the WSDL itself, and its neighbours when it is a file."""

    def __init__(self, http: HttpClient, folder: Path | None) -> None:
        self._http = http
        self._folder = folder

    def load(self, url: str) -> bytes:
        """Bytes of a document."""
        parts = urlsplit(url)
        if parts.scheme in {"http", "https"} and self._folder is None:
            request = HttpRequest("GET", url, is_write=False, operation="read contract")
            with self._http.send(request) as answer:
                answer.raise_for_status()
                return answer.read()
        path = Path(unquote(parts.path) if parts.scheme == "file" else url).resolve()
        if self._folder is None or not path.is_relative_to(self._folder):
            raise ConfigurationError("the service contract asks for a document from elsewhere", code="bad_wsdl")
        return path.read_bytes()


def _opened(location: str, loader: _Loader) -> Zeep:
    settings = zeep.Settings(
        strict=True, forbid_dtd=True, forbid_entities=True, forbid_external=True, xml_huge_tree=False
    )
    try:
        make: Zeep = zeep.Client
        return make(location, transport=loader, settings=settings)
    except PmsBridgeError:
        raise
    except Exception:  # noqa: BLE001  (whatever a broken document sets off, its text may repeat the document)
        problem = "the service contract cannot be read"
    raise ConfigurationError(problem, code="bad_wsdl")


def _binding(client: Zeep, namespace: str | None) -> Zeep:
    for service in client.wsdl.services.values():
        for port in service.ports.values():
            binding = port.binding
            if isinstance(binding, Soap11Binding) and namespace in {None, binding.name.namespace}:
                return binding
    raise ConfigurationError("the service contract describes no such SOAP 1.1 service", code="bad_wsdl")


def _shapes(binding: Zeep) -> Iterator[tuple[str, OperationShape]]:
    for name, operation in binding.all().items():
        yield str(name), OperationShape(str(name), tuple(_parameters(operation)), str(operation.soapaction or ""))


def _parameters(operation: Zeep) -> Iterator[Parameter]:
    body = operation.input.body
    elements = getattr(getattr(body, "type", None), "elements", ())
    for name, element in elements:
        type_name = getattr(getattr(element.type, "qname", None), "localname", "") or ""
        yield Parameter(str(name), str(type_name), required=int(element.min_occurs) > 0 and not element.nillable)
