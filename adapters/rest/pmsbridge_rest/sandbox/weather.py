"""What is answered instead of what should be, when a fault strikes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from .answers import Reply, Wrapping, satisfy
from .faults import FaultKind, Rule
from .paths import is_plain, put
from .plan import Role

_SILENT: Final = frozenset({FaultKind.REFUSE, FaultKind.DROP_BEFORE, FaultKind.DROP_AFTER, FaultKind.LATE_COMMIT})
_PAGE: Final = {"Content-Type": "text/html"}


def instead(rule: Rule, wrapping: Wrapping, roles: list[Role], done: Reply | None) -> Reply | None:
    """The answer when a fault strikes; None for none.

    Args:
        rule: The fault.
        wrapping: How this vendor answers.
        roles: What the request may mean.
        done: What would have been answered, where the request was carried out.
    """
    if rule.kind in _SILENT:
        return None
    say = _SAID.get(rule.kind)
    if say is not None:
        return _with_wait(say(wrapping), rule)
    if rule.kind is FaultKind.REDIRECT:
        return Reply(307, {}, {"Location": rule.target or "/elsewhere"})
    return _declined(wrapping, roles) if rule.kind is FaultKind.DECLINED else done


_SAID: Final[dict[FaultKind, Callable[[Wrapping], Reply]]] = {
    FaultKind.HTTP_500: lambda wrapping: wrapping.bad("transient", "something broke"),
    FaultKind.LATE_AFTER_500: lambda wrapping: wrapping.bad("transient", "something broke"),
    FaultKind.REJECTED: lambda wrapping: wrapping.bad("validation", "that cannot be"),
    FaultKind.LOGON: lambda wrapping: wrapping.bad("auth", "who are you?"),
    FaultKind.HTTP_429: lambda wrapping: wrapping.bad("throttled", "slow down"),
    FaultKind.HTML_503: lambda _: Reply(503, headers=dict(_PAGE), raw=b"<html>gone fishing</html>"),
    FaultKind.NOT_JSON: lambda _: Reply(200, headers=dict(_PAGE), raw=b"<html>log in</html>"),
    FaultKind.WRONG_CONTENT: lambda _: Reply(200, ["something", "else"]),
}


def _declined(wrapping: Wrapping, roles: list[Role]) -> Reply:
    """A good answer that says no, as the first of the mapping's rules for that has it."""
    rules: list[dict[str, Any]] = [rule for role in roles for rule in role.call.get("outcome", {}).get("declined", [])]
    if not rules:
        return wrapping.bad("declined", "declined")
    reply = wrapping.good({})
    satisfy(reply.document, rules[0]["when"].get("body", {}))
    if rules[0].get("reason") and is_plain(rules[0]["reason"]):
        put(reply.document, rules[0]["reason"], "not enough money")
    return reply


def _with_wait(reply: Reply, rule: Rule) -> Reply:
    if rule.retry_after is not None:
        reply.headers["Retry-After"] = str(rule.retry_after)
    return reply
