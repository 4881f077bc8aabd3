"""Who may call the sandbox: its published, worthless credentials, and the check every call passes first.

Order of the check: licence key (-89), then corporate account, user and password (-98), then location (-97). The three
codes are fact; that they are tested in this order is our decision.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Final

CORP_CODE: Final = "CCTST"
LICENCE_KEY: Final = "SANDBOX-LICENCE-KEY"
CORP_USER: Final = "Administrator"
CORP_USERNAME: Final = f"{CORP_USER}:::{LICENCE_KEY}"
CORP_PASSWORD: Final = "sandbox-only"  # noqa: S105 - worthless by design
USAGE_PASSWORD: Final = "sandbox-usage"  # noqa: S105 - worthless by design

BAD_LICENCE: Final = -89
BAD_LOCATION: Final = -97
BAD_LOGIN: Final = -98

SECRET_PARAMETERS: Final = frozenset(
    {
        "sCorpPassword",
        "sUsagePassword",
        "sWebPassword",
        "sTenantPassword",
        "sWebSecurityQA",
        "sCreditCardCVV",
        "sCCTrack2",
        "sSSN",
        "sGateCode",
        "sAccessCode",
        "sLicense",
        "sTaxID",
    }
)
NUMBER_PARAMETERS: Final = frozenset(
    {
        "sCreditCardNumber",
        "sCreditCardNum",
        "sAccountNum",
        "sABARoutingNum",
        "sACH_CheckWriterAcctNum",
        "sACH_ABA_RoutingNum",
    }
)


_CARD_LIKE: Final = re.compile(r"(?:\d[ -]?){12,18}\d", re.ASCII)


def seeded_web_password(tenant_id: int) -> str:
    """The portal password every generated tenant starts with: fake, 4 to 10 characters, derived from the tenant id."""
    return f"fake{tenant_id}"[:10]


def credential_problem(corp: str, user: str, password: str) -> tuple[int, str] | None:
    """Why this account may not call, as (return code, message); None when it may."""
    name, _, key = user.partition(":::")
    if key != LICENCE_KEY:
        return BAD_LICENCE, "Invalid API licence key."
    if (corp, name, password) != (CORP_CODE, CORP_USER, CORP_PASSWORD):
        return BAD_LOGIN, "Login failed."
    return None


def last4(number: str) -> str:
    """The last four digits of an account or card number; empty when there are fewer than four."""
    digits = "".join(filter(str.isdigit, number))
    return digits[-4:] if len(digits) >= 4 else ""


def masked_parameter(name: str, value: str) -> str:
    """What the call log may keep of a parameter: nothing of a secret, four digits of a number.

    A number that looks like a card is cut to four digits under any name.
    """
    if not value:
        return ""
    if name in SECRET_PARAMETERS:
        return "***"
    if name in NUMBER_PARAMETERS:
        return f"****{last4(value)}"
    if name == "sCorpUserName":
        return value.partition(":::")[0]
    return _CARD_LIKE.sub(lambda match: f"****{last4(match[0])}", value)


class Fingerprints:
    """Keyed digests, so that a test can tell "the same secret" from "another one" without ever seeing it."""

    def __init__(self, seed: int) -> None:
        """Derive the key from the seed: equal seeds give equal digests."""
        self._key = f"pmsbridge sandbox {seed}".encode()

    def of(self, text: str) -> str:
        """Sixteen hexadecimal digits for a text; empty for an empty text."""
        if not text:
            return ""
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()[:16]
