"""Webhooks: telling other systems what became different, in the form of the Standard Webhooks specification."""

from __future__ import annotations

from pmsbridge.webhooks.sender import Sender
from pmsbridge.webhooks.signing import SigningKey, new_secret, sign, verify

__all__ = ["Sender", "SigningKey", "new_secret", "sign", "verify"]
