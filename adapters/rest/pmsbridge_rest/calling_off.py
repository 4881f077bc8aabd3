"""What became of call-offs, as the back office's own rows say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from pmsbridge.model.requests import CallOff
from pmsbridge_rest.papers import Papers

__all__ = ["CallOffs"]


class CallOffs(Papers):
    """Requests to take items off rent, read back."""

    def call_offs(self, facility: str, tenant_id: str) -> Sequence[CallOff]:
        """Call-offs of a tenant, newest first.

        Raises:
            UnsupportedError: The mapping reads none ("no_call_offs").
            UnavailableError: The back office cannot be read now, or a row is no call-off.
        """
        records = self._records("call_offs", facility, ("of_tenant",), tenant_id=tenant_id)
        found = [cast("CallOff", record) for record in records]
        return sorted((call for call in found if call.tenant_id == tenant_id), key=_when, reverse=True)


def _when(call: CallOff) -> tuple[str, str]:
    return (call.asked_at.isoformat(), call.id)
