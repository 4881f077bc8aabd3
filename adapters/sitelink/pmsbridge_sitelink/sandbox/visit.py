"""One call inside the office: its typed arguments, what it answers, and the register of operations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from .dataset import NULL_DATE, Row, Rowset, Table, Value
from .office import Office
from .records import Rental, Site, Tenant
from .tables import RT

FAILED: Final = -1
INVALID_ID: Final = -95


@dataclass(frozen=True, slots=True)
class Answer:
    """What an operation answers.

    Attributes:
        rowsets: Result tables in the order they are written.
        code: The return code, None where the answer has none.
        changed: Whether the books are different now.
    """

    rowsets: tuple[Rowset, ...]
    code: int | None = None
    changed: bool = False


def returned(code: int, message: str | None = None, *, changed: bool = False) -> Answer:
    """An answer of one return row."""
    return Answer((Rowset(RT, [{"Ret_Code": code, "Ret_Msg": message}], inserted=True),), code, changed)


def rows(table: Table, found: Sequence[Row], *more: Rowset) -> Answer:
    """An answer of rows; without any it is a schema and an empty diffgram."""
    return Answer((Rowset(table, found), *more))


def with_success(answer: Answer) -> Answer:
    """The same answer with a return row of 1 beside its rows."""
    return Answer((*answer.rowsets, Rowset(RT, [{"Ret_Code": 1}], inserted=True)), 1, answer.changed)


@dataclass(frozen=True, slots=True)
class Visit:
    """One call: the office, the location it names, and every declared parameter with its value or its .NET default."""

    office: Office
    operation: str
    location: str
    arguments: Mapping[str, Value] = field(repr=False)

    @property
    def site(self) -> Site:
        """The site the call is about."""
        return self.office.site(self.location)

    @property
    def now(self) -> datetime:
        """The present instant (UTC)."""
        return self.office.now()

    @property
    def today(self) -> date:
        """The business day."""
        return self.office.today()

    def text(self, name: str) -> str:
        """A string argument; empty when it was not sent."""
        value = self.arguments.get(name)
        return value if isinstance(value, str) else ""

    def number(self, name: str) -> int:
        """An integer argument; 0 when it was not sent."""
        value = self.arguments.get(name)
        return value if isinstance(value, int) else 0

    def id_text(self, name: str) -> int:
        """An id sent as a string; -1 when it is not one."""
        text = self.text(name).strip()
        return int(text) if text.isascii() and text.isdigit() else -1

    def money(self, name: str) -> Decimal:
        """A decimal argument; 0 when it was not sent."""
        value = self.arguments.get(name)
        return value if isinstance(value, Decimal) else Decimal(0)

    def flag(self, name: str) -> bool:
        """A boolean argument; false when it was not sent."""
        return self.arguments.get(name) is True

    def moment(self, name: str) -> datetime | None:
        """A date argument on the server's wall clock; None when it was not sent."""
        value = self.arguments.get(name)
        return value if isinstance(value, datetime) and value != NULL_DATE else None

    def tenant(self, name: str) -> Tenant | None:
        """The tenant an integer argument names."""
        return self.site.tenants.get(self.number(name))

    def rental(self, name: str) -> Rental | None:
        """The running rental an integer argument names."""
        return self.office.rental(self.site, self.number(name))


Handler = Callable[[Visit], Answer]
HANDLERS: Final[dict[str, Handler]] = {}


def answers(*operations: str) -> Callable[[Handler], Handler]:
    """Enter a function in the register as the one that answers these operations."""

    def register(handler: Handler) -> Handler:
        HANDLERS.update(dict.fromkeys(operations, handler))
        return handler

    return register
