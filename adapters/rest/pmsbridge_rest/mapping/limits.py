"""What the back office bears, and how it says that it is enough."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import Field

from pmsbridge_rest.mapping.conditions import Condition
from pmsbridge_rest.mapping.expressions import Expression
from pmsbridge_rest.mapping.sections import ExactNumber, HeaderName, Section, Span

__all__ = ["Budget", "Limits", "QueryCost", "RateHeaders"]


class Budget(Section):
    """So many calls in so much time.

    Attributes:
        calls: How many.
        per: In which time ("1s", "1m", "1h").
        of: Which calls count.
        paths: Only calls whose path begins with one of these; empty for all.
    """

    calls: ExactNumber = Field(ge=1, le=10_000_000)
    per: Span
    of: Literal["all", "reads", "writes"] = "all"
    paths: tuple[str, ...] = ()


class RateHeaders(Section):
    """Headers in which answers tell what is left.

    Attributes:
        remaining: How many calls are left.
        reset: When the count begins again.
        reset_is: The reset as seconds from now, as an epoch second, or as an HTTP date.
    """

    remaining: HeaderName
    reset: HeaderName | None = None
    reset_is: Literal["seconds", "epoch", "date"] = "seconds"


class QueryCost(Section):
    """A budget of points that answers tell about, as GraphQL servers do.

    Attributes:
        available: Where the answer has what is left.
        restored_per_second: Where it has how fast it fills; None when it does not say.
        wanted: Where it has what the query asked for; None when it does not say.
    """

    available: Expression
    restored_per_second: Expression | None = None
    wanted: Expression | None = None


class Limits(Section):
    """What the back office bears.

    Attributes:
        concurrency: Calls of one account at the same time.
        budgets: All hold at once.
        throttled: When an answer means "later"; nothing was done. Beside status 429, always.
        wait: How long to wait after that when the answer does not say.
        headers: Where answers tell what is left; None when they do not.
        cost: A budget of points; None for none.
    """

    concurrency: ExactNumber = Field(default=4, ge=1, le=1000)
    budgets: tuple[Budget, ...] = ()
    throttled: Condition | None = None
    wait: Span = timedelta(seconds=1)
    headers: RateHeaders | None = None
    cost: QueryCost | None = None
