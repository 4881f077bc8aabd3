"""Verbs about what is rented: moving out, calling off, reserving, changing units, and the code that opens the gate."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from pmsbridge.actions.eligibility import Asked
from pmsbridge.actions.kinds import ActionKind
from pmsbridge.actions.plan import Plan
from pmsbridge.engine.outcomes import ActionView
from pmsbridge.errors import InputError
from pmsbridge.model.account import TenantAccount
from pmsbridge.model.sealed import GateCode, Sealed
from pmsbridge.portal.arguments import checked_day, checked_id, checked_key, checked_quantity, wiped_on_refusal
from pmsbridge.portal.calling_off import call_off_named
from pmsbridge.portal.office import Office, rental_of
from pmsbridge.portal.performing import Perform
from pmsbridge.portal.typed import checked_text, refuse_past

if TYPE_CHECKING:
    from pmsbridge.actions.plans import Planner

__all__ = ["Moving"]


class Moving:
    """A part of ``TenantSession``. Each verb is journalled before anything is sent."""

    _office: Office

    def request_move_out(self, rental_id: str, leaving_on: date, *, key: str) -> ActionView:
        """Schedule a move-out, or change its date. A request: the unit stays let until the back office says otherwise.

        Args:
            rental_id: One of this tenant's rentals.
            leaving_on: Business date at the facility; the offer's facts say the earliest and latest.
            key: The idempotency key of this click.

        Raises:
            InputError: The day is no date.
            IneligibleError: The date is in the past, too near, or too far; or the rental has ended.
            NotFoundError: The rental is not this tenant's.
        """
        rental, day = checked_id("rental_id", rental_id), checked_day("leaving_on", leaving_on)

        def decide(account: TenantAccount, planner: Planner) -> Plan:
            asked = Asked(leaving_on=day)
            self._office.allowed(ActionKind.REQUEST_MOVE_OUT, account, rental_id=rental, asked=asked)
            return planner.move_out(rental_of(account, rental), day)

        intent = {"rental_id": rental, "leaving_on": day.isoformat()}
        return self._perform(ActionKind.REQUEST_MOVE_OUT, key, intent)(decide)

    def cancel_move_out(self, rental_id: str, *, key: str) -> ActionView:
        """Take a scheduled move-out back.

        Raises:
            IneligibleError: None is scheduled.
            NotFoundError: The rental is not this tenant's.
        """
        rental = checked_id("rental_id", rental_id)

        def decide(account: TenantAccount, planner: Planner) -> Plan:
            self._office.allowed(ActionKind.CANCEL_MOVE_OUT, account, rental_id=rental)
            return planner.cancel_move_out(rental_of(account, rental))

        return self._perform(ActionKind.CANCEL_MOVE_OUT, key, {"rental_id": rental})(decide)

    def request_call_off(
        self,
        rental_id: str,
        item_id: str,
        quantity: Decimal | int,
        wanted_on: date,
        *,
        key: str,
        place: str = "",
        comment: str = "",
    ) -> ActionView:
        """Ask for items on a contract to be called off rent. A request: the rental runs on until the yard acts.

        Args:
            rental_id: One of this tenant's contracts.
            item_id: One of its items.
            quantity: How many of it, in its measure; at most what is out and not called off yet.
            wanted_on: Business date at the facility from which it shall be off rent and may be collected.
            key: The idempotency key of this click.
            place: Where it is to be collected; empty for where it was delivered.
            comment: For the yard.

        Raises:
            InputError: The quantity is no exact number, the day no date, or a text does not fit; nothing was tried.
            IneligibleError: More than is out ("quantity_exceeds_out"), a day in the past ("backdated_needs_staff"), or
                another of the reasons there are; the code says which. Nothing was tried.
            NotFoundError: The contract is not this tenant's, or has no such item.
        """
        rental, item = checked_id("rental_id", rental_id), checked_id("item_id", item_id)
        many, day = checked_quantity("quantity", quantity), checked_day("wanted_on", wanted_on)
        where = checked_text("place", place, limit=200) if place else ""
        words = checked_text("comment", comment, limit=500) if comment else ""

        def decide(account: TenantAccount, planner: Planner) -> Plan:
            asked = Asked(item_id=item, quantity=many, wanted_on=day)
            self._office.allowed(ActionKind.REQUEST_CALL_OFF, account, rental_id=rental, asked=asked)
            row = rental_of(account, rental)
            line = row.rental.item(item)
            assert line is not None  # noqa: S101 - the judge has found it
            return planner.call_off(row, line, many, day, place=where, comment=words)

        intent = {
            "rental_id": rental, "item_id": item, "quantity": format(many, "f"), "wanted_on": day.isoformat(),
            "place": where, "comment": words,
        }  # fmt: skip
        return self._perform(ActionKind.REQUEST_CALL_OFF, key, intent)(decide)

    def withdraw_call_off(self, call_off_id: str, *, key: str) -> ActionView:
        """Take a call-off back as long as the yard has not confirmed it: the items stay, and the rent runs on.

        To change one, take it back and ask anew.

        Args:
            call_off_id: Its id, of ``call_offs()``; or that of the action that asked for it, which is the only one
                where the back office does not tell of call-offs.
            key: The idempotency key of this click.

        Raises:
            IneligibleError: It is confirmed ("call_off_confirmed"), over ("call_off_over") or taken back already
                ("call_off_withdrawn").
            NotFoundError: It is none of this tenant's.
            UnavailableError: The back office cannot be read now.
        """
        wanted = checked_id("call_off_id", call_off_id)

        def decide(account: TenantAccount, planner: Planner) -> Plan:
            found = call_off_named(self._office, wanted)
            asked = Asked(call_off=found)
            self._office.allowed(ActionKind.WITHDRAW_CALL_OFF, account, rental_id=found.rental_id, asked=asked)
            return planner.withdraw_call_off(rental_of(account, found.rental_id), found)

        return self._perform(ActionKind.WITHDRAW_CALL_OFF, key, {"call_off_id": wanted})(decide)

    def accept_quote(self, rental_id: str, *, key: str, comment: str = "") -> ActionView:
        """Tell the office that a quote is accepted. A request: only the office makes a contract of it.

        Raises:
            IneligibleError: It is no quote, or no longer one ("no_quote").
            NotFoundError: The quote is not this tenant's.
        """
        rental = checked_id("rental_id", rental_id)
        words = checked_text("comment", comment, limit=500) if comment else ""

        def decide(account: TenantAccount, planner: Planner) -> Plan:
            self._office.allowed(ActionKind.ACCEPT_QUOTE, account, rental_id=rental)
            return planner.accept_quote(rental_of(account, rental), words)

        return self._perform(ActionKind.ACCEPT_QUOTE, key, {"rental_id": rental, "comment": words})(decide)

    def reserve(
        self, unit_id: str, needed_on: date, *, key: str, expires_on: date | None = None, comment: str = ""
    ) -> ActionView:
        """Reserve a unit for this tenant.

        Raises:
            InputError: A date lies in the past, or is none, or the comment does not fit.
            NotFoundError: There is no such unit at the facility.
        """
        wanted, day = checked_id("unit_id", unit_id), checked_day("needed_on", needed_on)
        until = checked_day("expires_on", expires_on) if expires_on is not None else None
        if until is not None and until < day:
            raise InputError("expires_on", "lies before needed_on", remedy=f"Choose {day} or later.")
        note = checked_text("comment", comment, limit=500) if comment else ""

        def decide(account: TenantAccount, planner: Planner) -> Plan:
            self._office.allowed(ActionKind.RESERVE_UNIT, account)
            refuse_past("needed_on", day, planner.today)
            return planner.reserve(self._office.unit(wanted), day, expires_on=until, comment=note)

        # Only when given: without it the words are those of clicks that were stored before it was one of them.
        last = {"expires_on": until.isoformat()} if until is not None else {}
        intent = {"unit_id": wanted, "needed_on": day.isoformat(), "comment": note, **last}
        return self._perform(ActionKind.RESERVE_UNIT, key, intent)(decide)

    def transfer(
        self,
        rental_id: str,
        unit_id: str,
        moving_on: date,
        *,
        key: str,
        leaving_on: date | None = None,
        comment: str = "",
        access_code: GateCode | None = None,
    ) -> ActionView:
        """Change from one unit to another: the new one is held first, and only then a day written for the old one.

        A request: both rentals stay as they are until the back office says otherwise. Staff are told what is left to
        do: the lease, the belongings, the access codes. What stops half way leaves the tenant the old unit, and at
        most a reservation too many; the outcome is then ``partial``.

        Args:
            rental_id: The rental to be left.
            unit_id: A free unit of the facility.
            moving_on: Business date from which the new unit is needed.
            key: The idempotency key of this click.
            leaving_on: Business date on which the old unit is left, not before ``moving_on``; None for that day.
            comment: For staff.
            access_code: A new code to open gates with, changed as the last step; used for one send and wiped. None
                leaves the code as it is.

        Raises:
            InputError: A day is none or past, or they are the wrong way round; nothing was tried.
            IneligibleError: The unit is not free ("unit_taken"), or the old one cannot be left then; see the code.
            NotFoundError: The rental is not this tenant's, or there is no such unit.
            UnsupportedError: With a code: this back office cannot change one. Nothing was tried.
        """
        with wiped_on_refusal(access_code):
            rental, wanted = checked_id("rental_id", rental_id), checked_id("unit_id", unit_id)
            day, checked = checked_day("moving_on", moving_on), checked_key(key)
            last = checked_day("leaving_on", leaving_on) if leaving_on is not None else day
            if last < day:
                raise InputError("leaving_on", "lies before moving_on", remedy=f"Choose {day} or later.")
            words = checked_text("comment", comment, limit=500) if comment else ""
            changes_code = _checked_code(access_code) if access_code is not None else False

        def decide(account: TenantAccount, planner: Planner) -> Plan:
            refuse_past("moving_on", day, planner.today)
            self._office.allowed(ActionKind.TRANSFER, account, rental_id=rental, asked=Asked(leaving_on=last))
            unit = self._office.unit(wanted)
            asked = Asked(leaving_on=last, unit=unit)
            self._office.allowed(ActionKind.TRANSFER, account, rental_id=rental, asked=asked)
            if changes_code:
                self._office.allowed(ActionKind.CHANGE_ACCESS_CODE, account, rental_id=rental)
            row = rental_of(account, rental)
            return planner.transfer(row, unit, day, last, comment=words, changes_code=changes_code)

        def hand_out(_plan: Plan) -> Mapping[str, Sealed]:
            return {"access_code": access_code.split(1)[0]} if access_code is not None else {}

        intent = {
            "rental_id": rental, "unit_id": wanted, "moving_on": day.isoformat(), "leaving_on": last.isoformat(),
            "comment": words, **({"access_code": True} if changes_code else {}),
        }  # fmt: skip
        return self._perform(ActionKind.TRANSFER, checked, intent)(decide, sealed=hand_out, typed=access_code)

    def change_access_code(self, rental_id: str, code: GateCode, *, key: str) -> ActionView:
        """Change the code that gates are opened with. It is used for one send and wiped, and told to nobody.

        Args:
            rental_id: One of this tenant's rentals; where the back office keeps one code per tenant, for all.
            code: The new one; what it may look like is the back office's own matter.
            key: The idempotency key of this click.

        Raises:
            InputError: The code is none.
            IneligibleError: The rental has ended, or is under a lien.
            NotFoundError: The rental is not this tenant's.
            UnsupportedError: This back office cannot change one.
        """
        with wiped_on_refusal(code):
            rental, checked = checked_id("rental_id", rental_id), checked_key(key)
            _checked_code(code)

        def decide(account: TenantAccount, planner: Planner) -> Plan:
            self._office.allowed(ActionKind.CHANGE_ACCESS_CODE, account, rental_id=rental)
            return planner.access_code(rental_of(account, rental))

        def hand_out(_plan: Plan) -> Mapping[str, Sealed]:
            return {"access_code": code.split(1)[0]}

        perform = self._perform(ActionKind.CHANGE_ACCESS_CODE, checked, {"rental_id": rental})
        return perform(decide, sealed=hand_out, typed=code)

    def _perform(self, kind: ActionKind, key: str, intent: Mapping[str, object]) -> Perform:
        return Perform(self._office, kind, checked_key(key), intent)


def _checked_code(code: object) -> bool:
    if not isinstance(code, GateCode):
        raise InputError("access_code", "must be a GateCode", shape=type(code).__name__)
    return True
