"""How long people are kept, and how old what is held of them is: legal holds, who left long ago, staleness."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import timedelta

from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.retention import Retention, retain
from pmsbridge.engine.sync import FacilityKey
from pmsbridge.errors import ConfigurationError, InputError
from pmsbridge.portal.arguments import checked_flag, checked_id, checked_words
from pmsbridge.portal.card_numbers import refuse_card_number
from pmsbridge.ports.adapter import Adapter
from pmsbridge.settings import Settings
from pmsbridge.store.holds import Hold, Holds
from pmsbridge.store.staleness import Staleness, staleness_of

__all__ = ["Keeping"]

_SHORTEST = timedelta(days=1)
_LONGEST = timedelta(days=36500)
_LONGEST_REASON_CHARS = 500


class Keeping(ABC):
    """Retention; a part of ``Bridge``."""

    settings: Settings
    runtime: Runtime

    @abstractmethod
    def place(self, facility: str) -> tuple[Adapter, str]:
        """The adapter and the code of a facility."""

    @abstractmethod
    def _keys(self, facilities: Sequence[str] | None) -> list[FacilityKey]:
        """Facilities by their names; all where none is named."""

    def erase_stale(
        self,
        facilities: Sequence[str] | None = None,
        *,
        actor: str,
        older_than: timedelta | None = None,
        dry_run: bool = False,
    ) -> tuple[Retention, ...]:
        """Forget whoever left long ago; say who would be forgotten, and what keeps the others.

        Somebody left who has no rental that runs, and of whom there was no sign since: no end of a rental, no payment,
        no sign-in, nothing asked for. Whoever owes or is owed something stays, and so does everybody with anything
        open, with a unit under lien, or under a legal hold. A back office that still lists somebody is asked live what
        they owe; what it lists of them stays in the mirror, because the next copy would bring it back.

        Args:
            facilities: "L001" or "account/L001"; None for every configured one.
            actor: Who decided, for the trail: "staff:NAME".
            older_than: How long ago the last sign of them must be; None takes ``store.keep_people``.
            dry_run: Only say; nothing is changed.

        Returns:
            One per facility. At one whose tenants and rentals were not copied in the last two days nobody is judged
            (``problem`` is "copy_too_old").

        Raises:
            NotFoundError: No account has a facility of one of these names; nothing was changed.
            ConfigurationError: No time is given, and none is set ("no_keep_people").
            InputError: The actor is no text, or the time is less than a day or more than 36500.
        """
        asking, is_dry = checked_id("actor", actor), checked_flag("dry_run", dry_run)
        kept_for = older_than if older_than is not None else self.settings.store.keep_people
        if kept_for is None:
            message = "store.keep_people is not set: say how long people are kept who left, such as 730 days"
            raise ConfigurationError(message, code="no_keep_people")
        if kept_for < _SHORTEST:
            raise InputError("older_than", "must be a day or longer", remedy="Like timedelta(days=730).")
        if kept_for > _LONGEST:
            raise InputError("older_than", "must be 36500 days at most", remedy="Like timedelta(days=730).")
        keys = self._keys(facilities)
        return tuple(retain(self.runtime, key, kept_for, actor=asking, dry_run=is_dry) for key in keys)

    def staleness(self, facilities: Sequence[str] | None = None, *, older_than: timedelta) -> tuple[Staleness, ...]:
        """How stale what is held of facilities is: copies, tenants, accounts, and logins without their tenant.

        Asks no back office.

        Args:
            facilities: "L001" or "account/L001"; None for every configured one.
            older_than: What was read, or became different, longer ago is stale.

        Raises:
            NotFoundError: No account has a facility of one of these names.
            InputError: The time is none, or more than 36500 days.
        """
        if not timedelta(0) < older_than <= _LONGEST:
            raise InputError(
                "older_than", "must be a time span of 36500 days at most", remedy="Like timedelta(days=365)."
            )
        before = self.runtime.clock.now() - older_than
        found = (
            staleness_of(self.runtime.database, key.account, key.facility, before) for key in self._keys(facilities)
        )
        return tuple(found)

    def hold(self, facility: str, tenant_id: str, *, reason: str, actor: str) -> None:
        """Put a tenant's data under a legal hold: nobody erases them, neither by hand nor by night, until it is lifted.

        Args:
            facility: "L001", or "account/L001" where several accounts have one.
            tenant_id: The back office's tenant id, as text; it need not be known here.
            reason: For staff, such as a file number; at most 500 characters.
            actor: Who decided: "staff:NAME".

        Raises:
            NotFoundError: No account has such a facility.
            InputError: An argument is no text, empty or too long, or holds a card number.
            IneligibleError: A hold stands for another reason ("held_already"): lifting one must not end the other.
        """
        who, asking = checked_id("tenant_id", tenant_id), checked_id("actor", actor)
        why = checked_words("reason", reason)
        if not why or len(why) > _LONGEST_REASON_CHARS:
            raise InputError("reason", f"must have 1 to {_LONGEST_REASON_CHARS} characters", shape=f"{len(why)}")
        refuse_card_number("reason", why)
        adapter, code = self.place(facility)
        self._holds.put(adapter.account_name, code, who, reason=why, actor=asking)

    def lift_hold(self, facility: str, tenant_id: str) -> bool:
        """Lift a legal hold; whether there was one.

        Raises:
            NotFoundError: No account has such a facility.
            InputError: The tenant id is no text, or empty.
        """
        who = checked_id("tenant_id", tenant_id)
        adapter, code = self.place(facility)
        return self._holds.lift(adapter.account_name, code, who)

    def holds(self) -> tuple[Hold, ...]:
        """Every legal hold, the oldest first."""
        return self._holds.all()

    @property
    def _holds(self) -> Holds:
        return Holds(self.runtime.database, self.runtime.clock)
