"""The published description of a service, generated from the contract.

Document/literal wrapped, SOAP 1.1, results as untyped data sets. Value types are `minOccurs="1"`, strings
`minOccurs="0"`. It can be made to drift from what the service does: `{"operation": "TenantNoteInsert", "change":
"rename", "parameter": "sNote", "to": "sText"}`, `change` being `rename`, `retype`, `remove` (a parameter) or `drop`
(the operation).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final, get_args

from .contract import NAMESPACES, OPERATIONS, PATHS, Operation, Parameter, Service, WireType

_WIRE_TYPES: Final[dict[str, WireType]] = {name: name for name in get_args(WireType)}


class DriftError(ValueError):
    """A drift that makes no sense; nothing was changed."""


def _drifted(operation: Operation, drift: Mapping[str, str]) -> Operation | None:
    change, name, to = drift.get("change"), drift.get("parameter", ""), drift.get("to", "")
    if change == "drop":
        return None
    if change == "rename" and to:
        return operation.renamed(name, to)
    if change == "retype" and to in _WIRE_TYPES:
        return operation.retyped(name, _WIRE_TYPES[to])
    if change == "remove":
        return replace(operation, parameters=tuple(p for p in operation.parameters if p.name != name))
    message = f"unknown drift {change!r}"
    raise DriftError(message)


def published(service: Service, drifts: Iterable[Mapping[str, str]]) -> list[Operation]:
    """The operations as the description shows them.

    Raises:
        DriftError: A drift names no operation or no known change.
    """
    shown = dict(OPERATIONS[service])
    for drift in drifts:
        name = drift.get("operation", "")
        if not any(name in operations for operations in OPERATIONS.values()):
            message = f"no operation {name!r}"
            raise DriftError(message)
        if name in shown:
            changed = _drifted(shown.pop(name), drift)
            if changed is not None:
                shown[name] = changed
    return [shown[name] for name in sorted(shown)]


def _element(parameter: Parameter) -> str:
    least = 0 if parameter.type == "string" else 1
    return f'<s:element minOccurs="{least}" maxOccurs="1" name="{parameter.name}" type="s:{parameter.type}"/>'


def _elements(operation: Operation) -> str:
    parameters = "".join(_element(p) for p in operation.parameters)
    return (
        f'<s:element name="{operation.name}"><s:complexType><s:sequence>{parameters}</s:sequence></s:complexType>'
        "</s:element>"
        f'<s:element name="{operation.name}Response"><s:complexType><s:sequence>'
        f'<s:element minOccurs="0" maxOccurs="1" name="{operation.name}Result"><s:complexType><s:sequence>'
        '<s:element ref="s:schema"/><s:any/></s:sequence></s:complexType></s:element>'
        "</s:sequence></s:complexType></s:element>"
    )


def _messages(name: str) -> str:
    return (
        f'<wsdl:message name="{name}SoapIn"><wsdl:part name="parameters" element="tns:{name}"/></wsdl:message>'
        f'<wsdl:message name="{name}SoapOut"><wsdl:part name="parameters" element="tns:{name}Response"/></wsdl:message>'
    )


def _port(name: str) -> str:
    return (
        f'<wsdl:operation name="{name}"><wsdl:input message="tns:{name}SoapIn"/>'
        f'<wsdl:output message="tns:{name}SoapOut"/></wsdl:operation>'
    )


def _binding(namespace: str, name: str) -> str:
    literal = '<soap:body use="literal"/>'
    return (
        f'<wsdl:operation name="{name}"><soap:operation soapAction="{namespace}/{name}" style="document"/>'
        f"<wsdl:input>{literal}</wsdl:input><wsdl:output>{literal}</wsdl:output></wsdl:operation>"
    )


def write(service: Service, base_url: str, drifts: Iterable[Mapping[str, str]] = ()) -> str:
    """The description of a service at a base address.

    Raises:
        DriftError: A drift makes no sense.
    """
    namespace, operations = NAMESPACES[service], published(service, drifts)
    names = [operation.name for operation in operations]
    return "".join(
        [
            '<?xml version="1.0" encoding="utf-8"?><wsdl:definitions xmlns:s="http://www.w3.org/2001/XMLSchema"',
            ' xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/"',
            f' xmlns:tns="{namespace}" targetNamespace="{namespace}"><wsdl:types>',
            f'<s:schema elementFormDefault="qualified" targetNamespace="{namespace}">',
            '<s:import namespace="http://www.w3.org/2001/XMLSchema"/>',
            *(_elements(operation) for operation in operations),
            "</s:schema></wsdl:types>",
            *(_messages(name) for name in names),
            f'<wsdl:portType name="{service}Soap">',
            *(_port(name) for name in names),
            f'</wsdl:portType><wsdl:binding name="{service}Soap" type="tns:{service}Soap">',
            '<soap:binding transport="http://schemas.xmlsoap.org/soap/http"/>',
            *(_binding(namespace, name) for name in names),
            f'</wsdl:binding><wsdl:service name="{service}">',
            f'<wsdl:port name="{service}Soap" binding="tns:{service}Soap">',
            f'<soap:address location="{base_url}{PATHS[service]}"/></wsdl:port></wsdl:service></wsdl:definitions>',
        ]
    )
