"""One endpoint as the network sees it: a message is posted once, signed, within its time, and its answer is judged."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Final

from pmsbridge.errors import ConfigurationError, PmsBridgeError
from pmsbridge.ports.adapter import Secrets
from pmsbridge.settings import WebhookSettings
from pmsbridge.transport.http import HttpAnswer, HttpClient, HttpLimits, HttpRequest, parse_retry_after
from pmsbridge.webhooks.composing import Posting
from pmsbridge.webhooks.reachable import reachable
from pmsbridge.webhooks.signing import SigningKey, sign

__all__ = ["Endpoint", "Verdict"]

_CONNECT: Final = timedelta(seconds=5)
_ANSWER_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one attempt.

    Attributes:
        problem: In our words; empty when it arrived.
        is_gone: The receiver says that it wants nothing any more.
        retry_after: The shortest wait it asked for; None when it did not.
    """

    problem: str = ""
    is_gone: bool = False
    retry_after: timedelta | None = None

    @property
    def has_arrived(self) -> bool:
        """The receiver has it."""
        return not self.problem


class Endpoint:
    """Posts to one address. Thread-safe; opens nothing before the first message."""

    def __init__(
        self,
        settings: WebhookSettings,
        secrets: Secrets,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Nothing is read and nothing is asked yet.

        Args:
            settings: As loaded.
            secrets: Where signing secrets come from; asked at every message, so that a changed one is used at once.
            clock: Wall clock, aware UTC; signs, and decides when the right to send ends.
        """
        self.settings = settings
        self._secrets = secrets
        self._clock = clock
        is_plain = settings.url.lower().startswith("http:")
        self._client = HttpClient(
            HttpLimits(
                connect_timeout=_CONNECT, read_timeout=settings.timeout, deadline=settings.timeout,
                raw_bytes=_ANSWER_BYTES, decoded_bytes=_ANSWER_BYTES,
            ),
            verify=str(settings.ca_bundle or "") or True,
            user_agent="pmsbridge-webhooks",
            clock=clock,
            may_reach=reachable(is_plain=is_plain, allow_private=settings.allow_private),
        )  # fmt: skip

    def check(self) -> None:
        """Read the secrets and the certificate authorities once.

        Raises:
            ConfigurationError: A secret is missing or is none, or ``ca_bundle`` cannot be read; the message names the
                endpoint, and the reference or the path.
        """
        self._keys()
        bundle = self.settings.ca_bundle
        if bundle is not None and not _holds_authorities(bundle):
            message = f"webhooks: {self.settings.name}: ca_bundle: {bundle} holds no certificates in PEM form"
            raise ConfigurationError(message, code="bad_certificates")

    def close(self) -> None:
        """Let go of every connection."""
        self._client.close()

    def post(self, posting: Posting, *, not_after: datetime | None = None) -> Verdict:
        """Post once; never again here, and never elsewhere than to the address that is set.

        Args:
            posting: What.
            not_after: When the right to send ends; looked at right before the bytes leave.

        Raises:
            ConfigurationError: A secret is missing or no secret; nothing was sent.
        """
        body = posting.body
        headers = {"content-type": "application/json", **sign(self._keys(), posting.id, self._clock(), body)}
        request = HttpRequest("POST", self.settings.url, headers, body, operation=f"webhook {self.settings.name}")
        try:
            with self._client.send(request, deadline=self._client.deadline(not_after=not_after)) as answer:
                return _judged(answer)
        except PmsBridgeError as error:
            return Verdict(f"no answer ({error.code})")

    def _keys(self) -> Sequence[SigningKey]:
        wanted = (self.settings.secret, *self.settings.former_secrets)
        return [self._key(reference) for reference in wanted]

    def _key(self, reference: str) -> SigningKey:
        try:
            return SigningKey(self._secrets.get(reference))
        except ConfigurationError as error:
            message = f"webhooks: {self.settings.name}: {reference}: {error.message}"
        raise ConfigurationError(message, code="webhook_secret")


def _holds_authorities(bundle: Path) -> bool:
    try:
        return bool(ssl.create_default_context(cafile=bundle).get_ca_certs())
    except OSError:
        return False


def _judged(answer: HttpAnswer) -> Verdict:
    """Any 2xx has arrived; the rest is a failure, a redirect included. What the body says is nobody's business."""
    status, headers = answer.status, answer.headers
    with suppress(PmsBridgeError):
        answer.read()  # a connection whose answer was read to its end serves the next message
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Verdict()
    if status == HTTPStatus.GONE:
        return Verdict("HTTP 410: the receiver wants nothing any more", is_gone=True)
    return Verdict(_words(status, headers), retry_after=parse_retry_after(headers.get("retry-after")))


def _words(status: int, headers: Mapping[str, str]) -> str:
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST and "location" in headers:
        return f"HTTP {status}: a redirect, which is not followed"
    return f"HTTP {status}"
