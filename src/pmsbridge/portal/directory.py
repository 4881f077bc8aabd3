"""Looking over a whole facility: who is meant, who is in the books twice, what is free; and forgetting somebody."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from pmsbridge.actions.payment_requests import PaymentRequest
from pmsbridge.errors import InputError
from pmsbridge.model.people import Tenant, TenantMatch
from pmsbridge.model.places import Unit
from pmsbridge.model.rental import Rental
from pmsbridge.portal.arguments import checked_day, checked_flag, checked_id, checked_whole
from pmsbridge.portal.asked_payments import asked_at
from pmsbridge.portal.card_numbers import refuse_card_number
from pmsbridge.portal.duplicates import Duplicate, duplicates_among
from pmsbridge.portal.figures import CustomerFigures, figures_of, mean_stay_of
from pmsbridge.portal.ledgers import Ledgers
from pmsbridge.ports.adapter import Adapter, TenantSearch
from pmsbridge.ports.clock import Clock
from pmsbridge.store.database import Database
from pmsbridge.store.erasing import Erasure, erase
from pmsbridge.store.journal import Journal
from pmsbridge.store.mirror import Mirror
from pmsbridge.store.mirror_writes import Scope

__all__ = ["Directory"]


class Directory(ABC):
    """What staff ask of a facility; a part of ``Bridge``."""

    clock: Clock
    database: Database

    @property
    @abstractmethod
    def mirror(self) -> Mirror:
        """What the back offices held when they were last asked."""

    @property
    @abstractmethod
    def journal(self) -> Journal:
        """Actions, effects and the trail."""

    @abstractmethod
    def place(self, facility: str) -> tuple[Adapter, str]:
        """The adapter and the code of a facility."""

    def payment_requests(self, facility: str, *, is_open: bool = False) -> tuple[PaymentRequest, ...]:
        """For staff: what tenants of a facility were asked to pay, newest first, as the journal says. Asks nobody.

        Whether what a request is about is still due, and whether its payment was taken back, only the back office
        knows: ``staff(...).payment_requests()`` asks it.

        Args:
            facility: "L001", or "account/L001" where several accounts have one.
            is_open: Only those that wait to be paid.
        """
        adapter, code = self.place(facility)
        known = self.mirror.facility(adapter.account_name, code)
        today = self.clock.now().astimezone(ZoneInfo(known.zone if known is not None else "UTC")).date()
        found = asked_at(self.journal, adapter.account_name, code, today)
        return tuple(each for each in found if each.is_open or not checked_flag("is_open", is_open))

    def find_tenants(self, facility: str, search: TenantSearch) -> Sequence[TenantMatch]:
        """For staff: who matches at a facility, exact matches first. Live.

        Raises:
            InputError: The search is empty, or holds a card number.
        """
        _refuse_search(search)
        adapter, code = self.place(facility)
        return sorted(adapter.find_tenants(code, search), key=lambda match: not match.is_exact)

    def search_tenants(
        self, facility: str, search: TenantSearch, *, include_archived: bool = False
    ) -> Sequence[TenantMatch]:
        """For staff: who may be meant, from the last copy, however the name is spelled; best first. Asks nobody.

        Args:
            facility: "L001", or "account/L001" where several accounts have one.
            search: Every field that is set must fit; see ``Mirror.find`` for what counts as fitting.
            include_archived: Also tenants who are archived or were deleted.

        Returns:
            Matches at the facility; where there are none, those of other facilities of the same account, marked
            ``is_elsewhere``: a hint where to look.

        Raises:
            NotFoundError: No account has such a facility.
            InputError: The search is empty, or holds a card number.
        """
        _refuse_search(search)
        adapter, code = self.place(facility)
        return self.mirror.find(
            adapter.account_name, search, facility=code, include_archived=include_archived, hints=True
        )

    def duplicates(self, facility: str, *, least_percent: int = 60) -> tuple[Duplicate, ...]:
        """For staff: customers of a facility who may be in the books twice, the surest first. From the last copy.

        Nothing is merged: back offices do that. Ids of records that were merged there keep resolving.

        Args:
            facility: "L001", or "account/L001" where several accounts have one.
            least_percent: Pairs below this score are left out, 1 to 100.

        Raises:
            NotFoundError: No account has such a facility.
            InputError: The score is none.
        """
        least = checked_whole("least_percent", least_percent, low=1, high=100)
        adapter, code = self.place(facility)
        account = adapter.account_name
        current = Counter(each.tenant_id for each in self.mirror.rentals(account, code) if each.state.is_current)
        found = self.mirror.list(Scope(account, code, Tenant.entity))
        return duplicates_among((each for each in found if isinstance(each, Tenant)), current, least_percent=least)

    def customer_figures(
        self, facility: str, since: date, until: date, *, read_ledgers: bool = False
    ) -> tuple[CustomerFigures, ...]:
        """For reports: how long every customer of a facility rented between two business dates, and what they paid.

        From the last copy.

        ``pmsbridge.portal.exporting`` makes a file of them.

        Args:
            facility: "L001", or "account/L001" where several accounts have one.
            since: First business date.
            until: Last business date, inclusive.
            read_ledgers: Also say how they paid where the copy has no ledgers: reads that of every rental there is in
                the copy, a live call or two each. What a customer paid is not known where the back office has no ledger
                of a rental any more. Ledgers that were copied are read from the copy anyway; each row says from where
                and of when its money is.

        Raises:
            NotFoundError: No account has such a facility.
            InputError: A day is none, or they are the wrong way round.
            UnavailableError: Ledgers are in no copy, and the back office cannot be read now.
        """
        checked_flag("read_ledgers", read_ledgers)
        checked_day("since", since)
        if checked_day("until", until) < since:
            raise InputError("until", "lies before since")
        adapter, code = self.place(facility)
        by_tenant: dict[str, list[Rental]] = {}
        rentals = self.mirror.rentals(adapter.account_name, code)
        for rental in rentals:
            by_tenant.setdefault(rental.tenant_id, []).append(rental)
        copy = self.mirror.facility(adapter.account_name, code)
        ledgers = Ledgers.of(adapter, self.mirror, self.clock, code, may_ask=read_ledgers)
        mean = mean_stay_of(rentals, until)
        found = (
            figures_of(
                who, theirs, since=since, until=until, currency=copy.currency if copy is not None else "",
                read=ledgers.read(theirs) if copy is not None else None, mean_stay_days=mean,
            )
            for who, theirs in sorted(by_tenant.items())
        )  # fmt: skip
        return tuple(each for each in found if each.rentals)

    def stale_tenants(self, facility: str, *, older_than: timedelta) -> tuple[str, ...]:
        """For staff: ids of customers whose record is as it was so long ago, the oldest first. From the last copy.

        Raises:
            NotFoundError: No account has such a facility.
            InputError: The time is none.
        """
        if older_than <= timedelta(0):
            raise InputError("older_than", "must be a time span", remedy="Like timedelta(days=365).")
        adapter, code = self.place(facility)
        scope = Scope(adapter.account_name, code, Tenant.entity)
        return tuple(self.mirror.unchanged_since(scope, self.clock.now() - older_than))

    def available_units(self, facility: str) -> tuple[Unit, ...]:
        """Units that can be let now, with asking rates before tax, in the facility's currency. Live.

        Raises:
            NotFoundError: No account has such a facility.
            UnavailableError: The back office cannot be read now.
        """
        adapter, code = self.place(facility)
        return tuple(adapter.units(code, available_only=True))

    def erase(self, facility: str, tenant_id: str, *, actor: str, dry_run: bool = False) -> Erasure:
        """Forget a tenant: every copy of their data goes; of what was done, ids, money and outcomes stay.

        Erase them in the back office first: what it still lists comes back with the next copy. Every trail still proves
        itself, and tells who erased.

        Args:
            facility: "L001", or "account/L001" where several accounts have one.
            tenant_id: The back office's tenant id, as text.
            actor: Who decided, for the trail: "staff:NAME".
            dry_run: Only count what would go.

        Raises:
            NotFoundError: No account has such a facility.
            InputError: The tenant id or the actor is no text, or empty.
            IneligibleError: Something that was asked for is not over ("actions_open"); nothing was changed.
        """
        who, asking = checked_id("tenant_id", tenant_id), checked_id("actor", actor)
        adapter, code = self.place(facility)
        return erase(self.database, self.clock, adapter.account_name, code, who, actor=asking, dry_run=dry_run)


def _refuse_search(search: TenantSearch) -> None:
    if not isinstance(search, TenantSearch):
        raise InputError("search", "must be a TenantSearch", shape=type(search).__name__)
    if search.is_empty:
        raise InputError("search", "is empty", remedy="Give a name, e-mail, phone, company or unit number.")
    for field, text in search.model_dump().items():
        refuse_card_number(f"search.{field}", text, is_phone=field == "phone")
