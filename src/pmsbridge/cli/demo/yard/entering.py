"""Before the customer is in: the check-up, the night, and registering by what the office has on record."""

from __future__ import annotations

from typing import Any

from pmsbridge.cli.demo.telling import Teller
from pmsbridge.cli.demo.yard.stage import RENTER, YardStage
from pmsbridge.cli.doctor import examine
from pmsbridge.cli.sync import sync_with_bars
from pmsbridge.errors import IneligibleError

__all__ = ["everything_is_there", "let_in_at_the_counter", "nobody_is_known_yet", "registering", "the_night"]

_AT_THE_COUNTER = "not_let_in"
_STRANGERS = ("cash_only", "newcomer")
_TELLS_NOTHING = frozenset({"no_match", "not_ready_yet"})


def everything_is_there(stage: YardStage, teller: Teller) -> None:
    """The doctor looks at settings, secrets, store, mail and the back office."""
    teller.scene("The doctor looks in")
    checks = list(examine(stage.bridge.settings))
    teller.show("", ["check", "status", "what"], [(c.name, c.status, c.detail) for c in checks])
    teller.note(doctor=[{"name": c.name, "status": c.status} for c in checks])
    teller.check("nothing that is needed is missing", holds=all(c.status != "failed" for c in checks))


def nobody_is_known_yet(stage: YardStage, teller: Teller) -> None:
    """Before the first night there is nobody to register."""
    teller.scene("A customer is in the office's records; the portal does not know anybody before the first night")
    person = stage.people[RENTER]
    teller.say(f"{person['name']}: {person['phone']}, {person['email']}, postal code {person['postal_code']}.")
    teller.check("registering is refused", holds=registered(stage, RENTER) is None)


def the_night(stage: YardStage, teller: Teller) -> None:
    """The yard is copied: its customers and contracts, what is billed and paid, and who may register."""
    teller.scene("The nightly update copies the yard")
    _copy(stage, teller)


def _copy(stage: YardStage, teller: Teller) -> None:
    report = sync_with_bars(stage.bridge, None, None, teller.error_console)
    rows = report["entities"]
    columns = ["entity", ">read", ">changed", "result"]
    teller.show("", columns, [[row["entity"], row["read"], row["changed"], row["result"]] for row in rows])
    teller.note(sync=rows)
    copied = {row["entity"] for row in rows if row["result"] == "ok"}
    teller.check("no part of it failed", holds=len(copied) == len(rows))
    teller.check(
        "customers, contracts, invoices, payments, papers and who may register are in the copy",
        holds={"tenant", "rental", "invoice", "payment", "document", "portal_account"} <= copied,
    )


def registering(stage: YardStage, teller: Teller) -> None:
    """Telephone digits, e-mail and postal code; one answer for whatever is wrong."""
    person = stage.people[RENTER]
    teller.scene("The customer registers: the telephone number without dashes, the e-mail address, the postal code")
    wrong = {
        "another postal code": registered(stage, RENTER, postal_code="00000"),
        "another e-mail address": registered(stage, RENTER, email="somebody@example.com"),
        "a number of nobody": registered(stage, RENTER, phone="3125559999"),
        **{str(stage.people[part]["story"]): registered(stage, part) for part in _STRANGERS},
    }
    teller.show("", ["who tries", "may come in"], [(what, found is not None) for what, found in wrong.items()])
    right = registered(stage, RENTER)
    teller.say(f"All three right: {'known' if right else 'refused'} as customer {right}, login {_digits(person)}.")
    teller.note(registered=right, refused=[what for what, found in wrong.items() if found is None])
    teller.check("whatever is wrong, nobody comes in", holds=not any(wrong.values()))
    teller.check("the right customer comes in", holds=right == stage.renter_id)


def let_in_at_the_counter(stage: YardStage, teller: Teller) -> None:
    """Who is not let in by the office registers after the office did so, and the copy knows."""
    person = stage.people[_AT_THE_COUNTER]
    teller.scene(f"{person['name']} has everything on record, and the office has not opened the portal to them")
    before = registered(stage, _AT_THE_COUNTER)
    stage.control.let_in(person["tenant_id"])
    between = registered(stage, _AT_THE_COUNTER)
    teller.say("The counter opens it, and starts the update by hand.")
    stage.bridge.sync()
    after = registered(stage, _AT_THE_COUNTER)
    teller.note(before=before, between=between, after=after)
    teller.check("before, and until the update, the answer is no", holds=before is None and between is None)
    teller.check("after it they are in", holds=after == person["tenant_id"])


def registered(stage: YardStage, part: str, **other: str) -> str | None:
    """The id of the tenant who is found by what a person types; None when the answer is the generic no."""
    person = stage.people[part]
    typed = {
        "phone": _digits(person), "email": str(person["email"]).upper(), "postal_code": person["postal_code"], **other
    }  # fmt: skip
    try:
        return stage.bridge.accounts.register(stage.facility, **typed).tenant_id
    except IneligibleError as refusal:
        if refusal.code not in _TELLS_NOTHING:  # any other answer would tell something
            raise
        return None


def _digits(person: dict[str, Any]) -> str:
    """The number as the customer knows it: without dashes, and without the country's code."""
    return "".join(sign for sign in str(person["phone"]) if sign.isdigit())[-10:]
