"""Who is this? Search, gate code, log-on. The back office matches prefixes; exactness is established here."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from pmsbridge.errors import NotFoundError, RejectedError
from pmsbridge.logging import get_logger
from pmsbridge.model.people import Phone, TenantMatch
from pmsbridge.model.sealed import GateCode, WebPassword
from pmsbridge.ports.adapter import TenantSearch
from pmsbridge_sitelink.connection import Rows
from pmsbridge_sitelink.mapping.cells import Row, boolean, text
from pmsbridge_sitelink.mapping.people import match_of
from pmsbridge_sitelink.pulling import Pulling
from pmsbridge_sitelink.wire import Table

__all__ = ["Searching"]

_log = get_logger(__name__)

_ROW_CAP: Final = 50
_SEARCHED: Final = {
    "first_name": "sTenantFirstName",
    "last_name": "sTenantLastName",
    "email": "sEmailAddress",
    "phone": "sPhoneNumber",
}
_COLUMNS: Final = {"first_name": "sFName", "last_name": "sLName", "company": "sCompany", "email": "sEmail"}


class Searching(Pulling):
    """The searching part of the reading port."""

    def find_tenants(self, facility: str, search: TenantSearch) -> Sequence[TenantMatch]:
        """Who matches: every given field of a hit begins as asked, and an exact hit says so; 1 to 3 calls.

        The back office cuts a list at 50 rows without saying so, and answers a filter it does not know with
        everybody. So every row is compared here, and of a list that may be cut only exact hits are returned.

        Raises:
            RejectedError: The search is empty; nothing was asked.
        """
        if search.is_empty:
            raise RejectedError("a search needs at least one field", code="empty_search")
        rows = list(self._candidates(facility, search))
        is_cut = len(rows) >= _ROW_CAP
        if is_cut:
            _log.warning("search_may_be_cut", facility=facility, rows=len(rows), fields=sorted(_given(search)))
        scope = self._connection.scope(facility)
        judged = [(row, _closeness(row, search)) for row in rows]
        exact = [match_of(row, scope, is_exact=True) for row, close in judged if close == "exact"]
        fuzzy = [match_of(row, scope, is_exact=False) for row, close in judged if close == "prefix"]
        return exact if is_cut else exact + fuzzy

    def _candidates(self, facility: str, search: TenantSearch) -> Iterator[Row]:
        if search.unit_number.strip():
            yield from self._renters(facility, search.unit_number.strip())
            return
        given = {_SEARCHED[name]: value for name, value in _given(search).items() if name in _SEARCHED}
        found = self._listed(facility, given, search.company.strip())
        digits = Phone(raw=search.phone).digits
        if not found and digits and digits != search.phone.strip():
            found = self._listed(facility, {**given, _SEARCHED["phone"]: digits}, search.company.strip())
        yield from found

    def _listed(self, facility: str, given: Mapping[str, str], company: str) -> Sequence[Row]:
        if company:
            answer = self._connection.read("TenantListDetailed_v2", facility, {**given, "sCompany": company})
        else:
            answer = self._connection.read("TenantSearchDetailed", facility, given)
        return answer.get(Table.ROWS, ())

    def _renters(self, facility: str, unit_number: str) -> Iterator[Row]:
        """The tenant of the unit of exactly this number, as a row to compare the other fields with."""
        tenant_id = self._tenant_by(facility, {"sUnitName": unit_number})
        if tenant_id is None:
            return
        rows = self._rented(facility, tenant_id)
        yield from [row for row in rows if text(row, "sUnitName") == unit_number][:1]

    def _rented(self, facility: str, tenant_id: str) -> Sequence[Row]:
        try:
            return self._ledgers(facility, tenant_id)
        except NotFoundError:
            return ()

    def match_gate_code(self, facility: str, *, unit_number: str, gate_code: GateCode) -> str | None:
        """The tenant of a unit whose gate code is this one, else None; two calls, and a third for who has both.

        Unit and code are looked up apart, both whatever the first one says: the time would tell which units are rented.
        They must lead to the same tenant, and the tenant's own rentals must hold a unit of exactly that number: "015"
        is not "15". The code is wiped.
        """
        with gate_code.open() as parts:
            unit_number = unit_number.strip()
            if not unit_number:
                return None
            by_unit = self._tenant_by(facility, {"sUnitName": unit_number})
            by_code = self._tenant_by(facility, {"sAccessCode": parts["gate_code"]})
            if by_unit is None or by_unit != by_code:
                return None
        is_theirs = any(text(row, "sUnitName") == unit_number for row in self._rented(facility, by_unit))
        return by_unit if is_theirs else None

    def _tenant_by(self, facility: str, params: Mapping[str, object]) -> str | None:
        answer = self._connection.read("TenantIDByUnitNameOrAccessCode", facility, params)
        return _tenant_id(answer)

    def sign_in(self, facility: str, *, login: str, password: WebPassword) -> Sequence[str]:
        """Tenant ids whose web login this is, those with a running rental first; one call. The password is wiped.

        One e-mail address may belong to several tenant records. The password the back office repeats is never read.
        """
        with password.open() as parts:
            params = {"sTenantLogin": login.strip(), "sTenantPassword": parts["password"]}
            answer = self._connection.read("TenantLogin", facility, params)
        matched = [row for row in answer.get(Table.RETURN, ()) if _positive(text(row, "Ret_Code"))]
        matched.sort(key=lambda row: boolean(row, "bHasActiveLedger") is not True)
        return [text(row, "Ret_Code") for row in matched]


def _tenant_id(answer: Rows) -> str | None:
    """The id is a column of the return row or of the table, and in some answers the return code itself."""
    for table in (Table.RETURN, Table.ROWS):
        for row in answer.get(table, ()):
            found = text(row, "TenantID") or (text(row, "Ret_Code") if table == Table.RETURN else "")
            if _positive(found):
                return found
    return None


def _positive(word: str) -> bool:
    return word.isascii() and word.isdigit() and int(word) > 0


def _given(search: TenantSearch) -> dict[str, str]:
    values = {name: getattr(search, name).strip() for name in type(search).model_fields}
    return {name: value for name, value in values.items() if value}


def _closeness(row: Row, search: TenantSearch) -> str:
    """How a row fits all given fields: "exact", "prefix", or "" when a field does not fit at all."""
    degrees = [_degree(row, name, value) for name, value in _given(search).items()]
    if not all(degrees):
        return ""
    return "exact" if set(degrees) == {"exact"} else "prefix"


def _degree(row: Row, name: str, wanted: str) -> str:
    if name == "unit_number":
        return "exact" if text(row, "sUnitName") == wanted else ""
    if name == "phone":
        return _phone_degree(row, wanted)
    held, asked = _folded(text(row, _COLUMNS[name])), _folded(wanted)
    if held == asked:
        return "exact"
    return "prefix" if held.startswith(asked) and name != "email" else ""


def _phone_degree(row: Row, wanted: str) -> str:
    asked = Phone(raw=wanted).digits
    held = [Phone(raw=row.get(column, "")).digits for column in ("sPhone", "sMobile")]
    if asked in held:
        return "exact" if asked else ""
    return "prefix" if asked and any(number.startswith(asked) for number in held) else ""


def _folded(value: str) -> str:
    """Case and the way an accent is composed do not count; the accent itself does."""
    return unicodedata.normalize("NFC", value).casefold()
