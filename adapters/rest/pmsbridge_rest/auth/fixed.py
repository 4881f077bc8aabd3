"""Credentials that stay the same: headers, keys in the query, basic, bearer, or none."""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace

from pmsbridge.transport.http import Deadline, HttpRequest
from pmsbridge_rest.address import with_query, without_query
from pmsbridge_rest.auth.scheme import Signed, with_header
from pmsbridge_rest.auth.words import Words
from pmsbridge_rest.mapping.auth import ApiKeyAuth, BasicAuth, BearerAuth

__all__ = ["ApiKey", "Basic", "Bearer", "Nobody", "basic_word"]


class _Fixed:
    """Nothing can be renewed: whoever is refused stays refused until a person acts."""

    __slots__ = ()

    def renews(self, refused: Signed) -> bool:  # noqa: ARG002 - the port's signature
        """Never."""
        return False


class Nobody(_Fixed):
    """No credentials."""

    __slots__ = ()

    def sign(self, request: HttpRequest, deadline: Deadline) -> Signed:  # noqa: ARG002 - the port's signature
        """The request as it is."""
        return Signed(request)


@dataclass(frozen=True, slots=True)
class ApiKey(_Fixed):
    """One or several keys in headers or in the query. No address with a query is in a log or an error of ours."""

    section: ApiKeyAuth
    words: Words

    def sign(self, request: HttpRequest, deadline: Deadline) -> Signed:  # noqa: ARG002 - the port's signature
        """With every key; those of the query replace what a followed link brought."""
        for name, template in self.section.in_headers.items():
            request = with_header(request, name, self.words.text(template))
        in_query = self.section.in_query
        if not in_query:
            return Signed(request)
        pairs = [(name, self.words.text(template)) for name, template in in_query.items()]
        return Signed(replace(request, url=with_query(without_query(request.url, in_query), pairs)))


@dataclass(frozen=True, slots=True)
class Bearer(_Fixed):
    """A fixed token in ``Authorization``."""

    section: BearerAuth
    words: Words

    def sign(self, request: HttpRequest, deadline: Deadline) -> Signed:  # noqa: ARG002 - the port's signature
        """With the token."""
        value = f"{self.section.word} {self.words.secret(self.section.token)}".lstrip()
        return Signed(with_header(request, "Authorization", value))


@dataclass(frozen=True, slots=True)
class Basic(_Fixed):
    """HTTP Basic."""

    section: BasicAuth
    words: Words

    def sign(self, request: HttpRequest, deadline: Deadline) -> Signed:  # noqa: ARG002 - the port's signature
        """With user and password."""
        name = self.section.password
        password = "" if name is None else self.words.secret(name)
        return Signed(with_header(request, "Authorization", basic_word(self.words.text(self.section.user), password)))


def basic_word(user: str, password: str) -> str:
    """The value of an ``Authorization`` header."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
