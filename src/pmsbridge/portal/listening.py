"""What back offices say by themselves: taken when it comes, looked into later."""

from __future__ import annotations

from collections.abc import Mapping

from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.hearing import Heard, Hearing

__all__ = ["Listening"]


class Listening:
    """Messages of back offices; a part of ``Bridge``."""

    runtime: Runtime

    def hear(self, account: str, headers: Mapping[str, str], body: bytes, *, address: str = "") -> Heard:
        """Take a message that an account's back office has posted: it is checked, noted once, and never believed.

        Nothing is asked here, so that the sender has its answer at once: what the message is about is read anew by
        ``read_heard``, which ``pmsbridge run`` calls by itself. Answer a 2xx, or what the error says.

        Args:
            account: The configured account whose back office has sent it.
            headers: Of the request; names in any case.
            body: The bytes as they came, before anything parsed them.
            address: The path to which it was posted, for back offices whose only secret is in it.

        Raises:
            NotFoundError: No account has that name. Answer 404.
            InputError: It is not genuine ("webhook_headers", "webhook_time", "webhook_signature"): answer 401. Or it
                is, and cannot be read ("webhook_body"): answer 400.
            UnsupportedError: Nothing says how messages of this back office are known. Answer 404.
            ConfigurationError: The secret is not there. Answer 503, and look into it.
            UnavailableError: The database cannot be used now. Answer 503: the sender tries again.
        """
        return Hearing(self.runtime).hear(account, headers, body, address=address)

    def read_heard(self) -> int:
        """Read what messages were about, as far as no other process does; returns how many things were read. Live.

        What cannot be read now is tried again by later calls, and after a day is left to the night.

        Raises:
            UnavailableError: The database cannot be used now.
        """
        return Hearing(self.runtime).read()
