"""GraphQL: what is posted, and the errors that come with HTTP 200."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pmsbridge_rest.bodies.exact_json import UnreadableError

__all__ = ["GraphQLError", "errors_in", "posted"]


@dataclass(frozen=True, slots=True)
class GraphQLError:
    """One of the errors of an answer.

    Attributes:
        code: ``extensions.code`` in lower case; empty when there is none.
        message: The back office's text, not made safe.
        before_execution: The answer has no ``data`` at all: the request was refused before a field was run.
    """

    code: str
    message: str
    before_execution: bool


def posted(query: str, variables: Mapping[str, object], operation: str | None = None) -> dict[str, object]:
    """The document of a request."""
    document: dict[str, object] = {"query": query, "variables": dict(variables)}
    return document if operation is None else {**document, "operationName": operation}


def errors_in(document: object) -> tuple[GraphQLError, ...]:
    """The errors of an answer; none for a success.

    Raises:
        UnreadableError: ``not_graphql``: it is no object, has neither ``data`` nor ``errors``, or its errors are no
            list of objects.
    """
    if not isinstance(document, Mapping) or not ({"data", "errors"} & set(document)):
        raise UnreadableError("not_graphql")
    listed = document.get("errors") or ()
    if not isinstance(listed, Sequence) or isinstance(listed, str):
        raise UnreadableError("not_graphql")
    return tuple(_error(one, before_execution="data" not in document) for one in listed)


def _error(one: object, *, before_execution: bool) -> GraphQLError:
    if not isinstance(one, Mapping):
        raise UnreadableError("not_graphql")
    extensions = one.get("extensions")
    code = extensions.get("code", "") if isinstance(extensions, Mapping) else ""
    return GraphQLError(str(code).lower(), str(one.get("message", "")), before_execution)
