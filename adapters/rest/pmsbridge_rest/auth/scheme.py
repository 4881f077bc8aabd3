"""What every scheme of signing is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from pmsbridge.errors import ConfigurationError
from pmsbridge.transport.http import Deadline, HttpRequest
from pmsbridge_rest.auth.words import Words

__all__ = ["Scheme", "Signed", "Token", "WithHeaders", "with_header"]


@dataclass(frozen=True, slots=True)
class Token:
    """A credential that the back office gave us, as it is sent.

    Attributes:
        text: Secret; no repr shows it.
        good_until: When it is renewed without being refused; None for "until refused".
    """

    text: str = field(repr=False)
    good_until: Deadline | None = None

    @property
    def is_spent(self) -> bool:
        """Its time, less the margin, is over."""
        return self.good_until is not None and self.good_until.passed()


@dataclass(frozen=True, slots=True)
class Signed:
    """A request with its credentials.

    Attributes:
        request: What leaves.
        token: What it was signed with, where that can be renewed.
    """

    request: HttpRequest
    token: Token | None = None


class Scheme(Protocol):
    """One way to say who we are. Thread-safe; shows no secret in its repr."""

    def sign(self, request: HttpRequest, deadline: Deadline) -> Signed:
        """The request with credentials; asks the back office for some where it must.

        Raises:
            ConfigurationError: No or wrong credentials; nothing of the request was sent.
            UnavailableError: None could be had now; nothing of the request was sent.
        """

    def renews(self, refused: Signed) -> bool:
        """Take note that the back office did not accept these credentials.

        Returns:
            Whether other credentials will be used next time, so that asking again makes sense.
        """


@dataclass(frozen=True, slots=True)
class WithHeaders:
    """A scheme with further headers beside its own; they are part of what is signed.

    Attributes:
        inner: The scheme.
        words: Fills the templates.
        headers: Template by header.
    """

    inner: Scheme
    words: Words
    headers: Mapping[str, str]

    def sign(self, request: HttpRequest, deadline: Deadline) -> Signed:
        """With both."""
        for name, template in self.headers.items():
            request = with_header(request, name, self.words.text(template))
        return self.inner.sign(request, deadline)

    def renews(self, refused: Signed) -> bool:
        """As the scheme."""
        return self.inner.renews(refused)


def with_header(request: HttpRequest, name: str, value: str) -> HttpRequest:
    """The request with one header more; one of the same name is replaced.

    Raises:
        ConfigurationError: The value cannot stand in a header (a line end, a control character). It is not repeated.
    """
    if not value.isascii() or not value.isprintable() or value != value.strip():
        message = f"{request.subject}: a credential holds a sign that no header takes (a line end at its end?)"
        raise ConfigurationError(message, code="bad_credential")
    kept = {key: text for key, text in request.headers.items() if key.lower() != name.lower()}
    return replace(request, headers={**kept, name: value})
