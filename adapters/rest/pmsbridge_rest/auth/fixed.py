"""Credentials that stay the same: headers, a query key, basic, bearer, or none."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, replace

from pmsbridge.ports.adapter import Secrets
from pmsbridge.transport.http import Deadline, HttpRequest
from pmsbridge_rest.address import with_query, without_query
from pmsbridge_rest.auth.scheme import Signed, with_header

__all__ = ["Basic", "HeaderKeys", "NoAuth", "QueryKeys", "basic_word"]


class _Fixed:
    """Nothing can be renewed: whoever is refused stays refused until a person acts."""

    def renews(self, refused: Signed) -> bool:  # noqa: ARG002 - the port's signature
        """Never."""
        return False


class NoAuth(_Fixed):
    """No credentials."""

    def sign(self, request: HttpRequest, deadline: Deadline) -> Signed:  # noqa: ARG002 - the port's signature
        """The request as it is."""
        return Signed(request)


@dataclass(frozen=True, slots=True)
class HeaderKeys(_Fixed):
    """One or several headers; a bearer token is one with the prefix "Bearer ".

    Attributes:
        secrets: Where references are looked up.
        keys: Reference by header name.
        prefix: Stands before every value.
        plain: Further headers that are no secret, such as an application's id or the audit's author.
    """

    secrets: Secrets
    keys: Mapping[str, str]
    prefix: str = ""
    plain: Mapping[str, str] | None = None

    def sign(self, request: HttpRequest, deadline: Deadline) -> Signed:  # noqa: ARG002 - the port's signature
        """With every header."""
        for name, value in (self.plain or {}).items():
            request = with_header(request, name, value)
        for name, reference in self.keys.items():
            request = with_header(request, name, self.prefix + self.secrets.get(reference))
        return Signed(request)


@dataclass(frozen=True, slots=True)
class QueryKeys(_Fixed):
    """Keys in the query. Addresses with a query are in no log and in no error of ours.

    Attributes:
        secrets: Where references are looked up.
        keys: Reference by the name in the query.
    """

    secrets: Secrets
    keys: Mapping[str, str]

    def sign(self, request: HttpRequest, deadline: Deadline) -> Signed:  # noqa: ARG002 - the port's signature
        """With every key."""
        pairs = [(name, self.secrets.get(reference)) for name, reference in self.keys.items()]
        return Signed(replace(request, url=with_query(without_query(request.url, self.keys), pairs)))


@dataclass(frozen=True, slots=True)
class Basic(_Fixed):
    """HTTP Basic.

    Attributes:
        secrets: Where references are looked up.
        user: Reference of the user name.
        password: Reference of the password; None for an empty one.
    """

    secrets: Secrets
    user: str
    password: str | None = None

    def sign(self, request: HttpRequest, deadline: Deadline) -> Signed:  # noqa: ARG002 - the port's signature
        """With user and password."""
        password = "" if self.password is None else self.secrets.get(self.password)
        return Signed(with_header(request, "Authorization", basic_word(self.secrets.get(self.user), password)))


def basic_word(user: str, password: str) -> str:
    """The value of an ``Authorization`` header."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
