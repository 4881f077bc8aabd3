"""Access codes. The back office keeps one per tenant, in the record that an update writes as a whole."""

from __future__ import annotations

from typing import Final

from pmsbridge.actions.effects import ChangeAccessCode
from pmsbridge.errors import OutcomeUnknownError, PmsBridgeError
from pmsbridge.model.sealed import GateCode, Opened, Sealed
from pmsbridge.ports.capability import Dedup, handles
from pmsbridge.ports.outcome import Attempt, Receipt
from pmsbridge.transport.http import Deadline
from pmsbridge_sitelink.connection import seen_after
from pmsbridge_sitelink.contacting import UPDATE, Contacting, whole_request
from pmsbridge_sitelink.paying import enter_again

__all__ = ["Access"]

_CODE: Final = "sAccessCode"


class Access(Contacting):
    """Reading and changing the code of a tenant."""

    def access_code(self, facility: str, tenant_id: str, rental_id: str) -> GateCode | None:  # noqa: ARG002 - one code
        """The tenant's code, sealed; one call. It is the same for everything they rent.

        Raises:
            NotFoundError: There is no such tenant at the facility.
        """
        with self._whole_tenant(facility, tenant_id) as row:
            code = row.get(_CODE, "").strip()
            return GateCode(code) if code else None

    @handles(
        ChangeAccessCode,
        dedup=Dedup.STATE,
        source="manual transcripts: an update writes every field of a tenant, the gate code among them",
    )
    def _change_access_code(self, effect: ChangeAccessCode, attempt: Attempt) -> Receipt:
        """Read, change one field, write all, read back.

        When the answer is lost, the record is looked at at once: later nobody knows the code any more.
        """
        code = attempt.sealed
        if not isinstance(code, GateCode) or code.is_wiped:
            raise enter_again("access code")
        end = self._write_deadline(attempt)
        with code.open() as parts, self._whole_tenant(effect.facility, effect.tenant_id, end) as before:
            if before.get(_CODE) == parts["gate_code"]:
                return self._read_back("it was so already; nothing was sent")
            with Sealed(**{**before, _CODE: parts["gate_code"]}).open() as wanted:
                return self._write_record(effect, wanted, end)

    def _write_record(self, effect: ChangeAccessCode, wanted: Opened, end: Deadline) -> Receipt:
        try:
            answered = self._connection.write(
                UPDATE, effect.facility, whole_request(effect.tenant_id, wanted), deadline=end
            )
        except OutcomeUnknownError:
            if not self._holds(effect, wanted):
                raise
            return self._read_back("the new code is on the record")
        differs = seen_after(lambda: self._differences(effect.facility, effect.tenant_id, wanted))
        if differs:
            message = f"answered with {answered.code}, but reading it back shows other values in {', '.join(differs)}"
            raise OutcomeUnknownError(message, code="read_back_differs")
        return Receipt(
            evidence=f"the access code answered with {answered.code}"
            + (", not read back" if differs is None else ", read back"),
            code=str(answered.code),
            at=self._connection.clock.now(),
            read_back=differs is not None,
        )

    def _read_back(self, evidence: str) -> Receipt:
        return Receipt(evidence=evidence, at=self._connection.clock.now(), read_back=True)

    def _holds(self, effect: ChangeAccessCode, wanted: Opened) -> bool:
        """Whether the record is as it should be; False where that cannot be seen."""
        try:
            return not self._differences(effect.facility, effect.tenant_id, wanted)
        except PmsBridgeError:
            return False
