"""Requests: what is sent, where, in which spelling; and reads, which may be repeated."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from pmsbridge_rest.mapping.conditions import Holds
from pmsbridge_rest.mapping.expressions import Expression
from pmsbridge_rest.mapping.pagination import Since
from pmsbridge_rest.mapping.sections import HeaderName, Section, Word
from pmsbridge_rest.mapping.structures import Body
from pmsbridge_rest.mapping.templates import Template

__all__ = ["METHODS", "Call", "CallEncoding", "Encoding", "Method", "PathTemplate", "Reading", "below_the_base"]

METHODS: Final = ("get", "post", "put", "patch", "delete")
"""How a request may be sent; each is a key whose value is the path."""

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
"""As it goes over the wire."""

Encoding = Literal["json", "form", "multipart", "jsonapi", "graphql"]
"""How a body is spelt."""

CallEncoding = Literal["json", "form", "multipart", "jsonapi", "graphql", "file"]
"""The same of one call; ``file``: the file that was handed in is the whole body, byte by byte."""


def below_the_base(path: str) -> str:
    """The path, when it stays below the base address.

    Raises:
        ValueError: It may lead elsewhere.
    """
    if not path.startswith("/") or path.startswith("//") or re.search(r"[\s?#]|/\.\.?(/|$)", path):
        message = "a path begins with one / and has no query, no fragment, no blanks and no ../"
        raise ValueError(message)
    return path


PathTemplate = Annotated[Template, StringConstraints(min_length=1), AfterValidator(below_the_base)]
"""A path below the base address; what is filled in is escaped."""


class Call(Section):
    """One request: exactly one of get, post, put, patch and delete, with the path below the base address.

    Attributes:
        query: Parameters behind the path; one whose only place is optional and empty is left out.
        headers: Beside those of the connection.
        body: None for none.
        encoding: How the body is spelt; None for the mapping's own. ``file``, of a step of attach_document: the file is
            the body, its media type the content type, and there is no other body.
        graphql: The query's text, where the encoding is graphql; the body then is its variables.
    """

    get: PathTemplate | None = None
    post: PathTemplate | None = None
    put: PathTemplate | None = None
    patch: PathTemplate | None = None
    delete: PathTemplate | None = None
    query: dict[str, Template] = Field(default_factory=dict)
    headers: dict[HeaderName, Template] = Field(default_factory=dict)
    body: Body | None = None
    encoding: CallEncoding | None = None
    graphql: Annotated[str, Field(max_length=20_000)] = ""

    @model_validator(mode="after")
    def _has_one_method(self) -> Self:
        given = [name for name in METHODS if getattr(self, name) is not None]
        if len(given) != 1:
            message = "give exactly one of get, post, put, patch and delete, with the path"
            raise ValueError(message)
        if self.get is not None and (self.body is not None or self.graphql):
            message = "a get has no body"
            raise ValueError(message)
        if self.encoding == "file" and (self.get is not None or self.body is not None or self.graphql):
            message = "with the encoding file, the file is the whole body: leave body out, and name no get"
            raise ValueError(message)
        return self

    @property
    def method(self) -> Method:
        """As it goes over the wire."""
        for name in METHODS:
            if getattr(self, name) is not None:
                method: Method = name.upper()  # type: ignore[assignment]  # METHODS in capitals is Method
                return method
        raise AssertionError

    @property
    def path(self) -> str:
        """The path below the base address, with its places."""
        return next(str(path) for name in METHODS if (path := getattr(self, name)) is not None)


class Reading(Call):
    """A read: it changes nothing and may be repeated.

    Attributes:
        safe: A post that only reads says so; else it is refused here.
        rows: Where the answer, its envelope taken off, has the rows; one table stands for a list of one.
        where: Only rows of which this holds.
        paginate: How it is asked for in pieces: a name of ``pagination``; None for one answer.
        since: How to ask only for what changed; None when everything is read every time.
        missing: Statuses that mean that there is nothing: no such tenant.
    """

    safe: bool = False
    rows: Expression = "@"
    where: Holds = Field(default_factory=dict)
    paginate: Word | None = None
    since: Since | None = None
    missing: tuple[int, ...] = (404,)

    @model_validator(mode="after")
    def _changes_nothing(self) -> Self:
        if self.get is None and not (self.post is not None and self.safe):
            message = "a read is a get, or a post with safe: true"
            raise ValueError(message)
        return self
