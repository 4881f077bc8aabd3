"""Tables of people who sign in: their logins, the links mailed to them, and failed attempts. No secret is in clear."""

from __future__ import annotations

from typing import Final, NamedTuple

from sqlalchemy import Column, Index, Integer, MetaData, String, Table, UniqueConstraint

from pmsbridge.store.columns import JsonText, PlainText, UtcInstant

__all__ = ["LoginTables", "login_tables"]

_ID: Final = PlainText(200)
_TEXT: Final = PlainText()


class LoginTables(NamedTuple):
    """The three tables.

    Attributes:
        logins: Who may sign in; a password only as a salted hash.
        links: What a mailed link stands for; the token only as a hash.
        attempts: Failed attempts, by a hash of what was tried.
    """

    logins: Table
    links: Table
    attempts: Table


def login_tables(metadata: MetaData) -> LoginTables:
    """Declare them."""
    logins = Table(
        "pmsbridge_logins",
        metadata,
        Column("id", _ID, primary_key=True),
        Column("account", _ID, nullable=False),
        Column("facility", _ID, nullable=False),
        Column("tenant_id", _ID, nullable=False),
        Column("contact_id", _ID, nullable=False),
        Column("name", _ID, nullable=False),
        Column("phone", _ID, nullable=False),
        Column("password", _TEXT),
        Column("state", String(20), nullable=False),
        Column("access", String(20), nullable=False),
        Column("permissions", JsonText, nullable=False),
        Column("steps", JsonText, nullable=False),
        Column("invited_at", UtcInstant),
        Column("opened_at", UtcInstant),
        Column("claimed_at", UtcInstant),
        Column("signed_in_at", UtcInstant),
        UniqueConstraint("account", "facility", "name", name="pmsbridge_logins_name"),
        UniqueConstraint("account", "facility", "tenant_id", "contact_id", name="pmsbridge_logins_person"),
    )
    Index("pmsbridge_logins_phone", logins.c.account, logins.c.facility, logins.c.phone)
    links = Table(
        "pmsbridge_links",
        metadata,
        Column("id", _ID, primary_key=True),
        Column("login_id", _ID, nullable=False, index=True),
        Column("purpose", String(20), nullable=False),
        Column("token", _ID, unique=True),
        Column("lives_seconds", Integer, nullable=False),
        Column("made_at", UtcInstant, nullable=False),
        Column("expires_at", UtcInstant),
        Column("ended_at", UtcInstant),
    )
    attempts = Table(
        "pmsbridge_attempts",
        metadata,
        Column("subject", _ID, primary_key=True),
        Column("failures", Integer, nullable=False),
        Column("since", UtcInstant, nullable=False),
    )
    return LoginTables(logins, links, attempts)
