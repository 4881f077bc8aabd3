"""The typed mirror: a table per noun, identities, streams and the feed of changes; what is held is carried over."""

from __future__ import annotations

from typing import Final

from alembic import op
from sqlalchemy import (
    Boolean,
    Column,
    Integer,
    LargeBinary,
    String,
    UniqueConstraint,
    false,
    text,
)

from pmsbridge.store.columns import BusinessDay, ExactAmount, PlainText, RowNumber, UtcInstant
from pmsbridge.store.migrations.steps import note_version

revision = "0003"
down_revision = "0002"

_ID: Final = PlainText(200)
_TEXT: Final = PlainText()
_TYPES: Final = {
    "day": BusinessDay(), "instant": UtcInstant(), "amount": ExactAmount(), "number": RowNumber, "flag": Boolean(),
}  # fmt: skip
# Columns as they were in this schema: a word with ":" is no text; a star is an index, the first one over all rows.
_NOUNS: Final = {
    "facilities": ("name* email phone_digits zone currency line1 city region postal_code country"),
    "units": (
        "number* kind type_name floor state* vendor_state asking_rate:amount asking_rate_currency "
        "notice_days:number last_changed_on:day"
    ),
    "tenants": (
        "last_key* last_head* last_tail* last_name first_name company* email* phone_digits mobile_digits "
        "phone_tail* mobile_tail* line1 city region postal_code country birth_date:day language is_company:flag "
        "is_active:flag portal_disabled:flag "
        "has_gate_code:flag"
    ),
    "contacts": (
        "tenant_id* role vendor_role last_name* first_name company* email* phone_digits* line1 city region "
        "postal_code country"
    ),
    "rentals": (
        "tenant_id* unit_id* unit_number unit_key* state* vendor_state rent:amount rent_currency rent_tax:amount "
        "rent_tax_currency billing_period bills_on_day:number moved_in_on:day paid_through:day leaving_on:day "
        "notice_given_on:day moved_out_on:day"
    ),
    "items_out": (
        "rental_id* description ordered:amount out_quantity:amount returned:amount call_off_pending:amount "
        "call_off_confirmed:amount"
    ),
    "ledger_entries": (
        "rental_id* kind vendor_state effect:amount effect_currency effective_on:day* posted_at:instant "
        "description receipt period_from:day period_to:day"
    ),
    "invoices": (
        "tenant_id* number* state vendor_state issued_on:day* due_on:day total:amount total_currency "
        "paid:amount paid_currency balance:amount balance_currency tax_is_known:flag"
    ),
    "payments": (
        "tenant_id* amount:amount amount_currency state vendor_state paid_on:day* paid_at:instant receipt* "
        "method_text reference*"
    ),
    "payment_methods": ("tenant_id* rental_id* holder is_usable:flag"),
    "autopay": ("tenant_id* rental_id* state vendor_state method_usable:flag mandatory:flag"),
    "documents": (
        "tenant_id* rental_id* kind title number* dated_on:day total:amount total_currency signature "
        "vendor_state media_type size_bytes:number"
    ),
    "quotes": (
        "tenant_id* rental_id* kind title number* dated_on:day total:amount total_currency signature "
        "vendor_state media_type size_bytes:number valid_until:day"
    ),
    "reservations": (
        "tenant_id* unit_id* state* vendor_state needed_on:day expires_on:day quoted_rate:amount "
        "quoted_rate_currency global_number*"
    ),
    "notes": ("tenant_id* rental_id* kind visibility written_at:instant written_on:day author"),
    "bulletins": ("subject due_on:day posted_at:instant"),
    "events": ("tenant_id* kind vendor_state title starts_at:instant* ends_at:instant"),
    "requests": ("tenant_id* rental_id* kind state* vendor_state reference* asked_at:instant state_read_at:instant"),
    "move_outs": (
        "tenant_id* rental_id* kind state* vendor_state reference* asked_at:instant state_read_at:instant "
        "notice_given_on:day leaving_on:day"
    ),
    "call_offs": (
        "tenant_id* rental_id* kind state* vendor_state reference* asked_at:instant state_read_at:instant "
        "item_id* quantity:amount call_off_state reason stop_at:instant call_number pickup_on:day"
    ),
    "portal_accounts": ("tenant_id* login* state access last_signed_in_at:instant"),
}


def upgrade() -> None:
    """Add tables and columns; what code of schema 2 uses stays as it is, so that a deployment may roll."""
    _map()
    _feed()
    for table, columns in _NOUNS.items():
        _noun(table, columns)
    for name, kind in (
        ("calls", Integer),
        ("bytes_read", RowNumber),
        ("milliseconds", RowNumber),
        ("findings", Integer),
    ):
        op.add_column("pmsbridge_sync_reports", Column(name, kind, nullable=False, server_default="0"))
    _carry_over()
    note_version(3, oldest_code=2)


def _map() -> None:
    op.create_table(
        "pmsbridge_mirror_places",
        Column("place", Integer, primary_key=True, autoincrement=True),
        Column("account", _ID, nullable=False),
        Column("facility", _ID, nullable=False),
        UniqueConstraint("account", "facility"),
    )
    op.create_table(
        "pmsbridge_mirror_ids",
        Column("key", RowNumber, primary_key=True, autoincrement=True),
        Column("place", Integer, nullable=False),
        Column("entity", _ID, nullable=False),
        Column("id", _ID, nullable=False),
        Column("uid", String(32), nullable=False, unique=True),
        Column("row_hash", LargeBinary, nullable=False),
        Column("merged_into", RowNumber),
        Column("first_seen", UtcInstant, nullable=False),
        Column("deleted_at", UtcInstant),
        UniqueConstraint("place", "entity", "id"),
    )
    op.create_table(
        "pmsbridge_mirror_streams",
        Column("place", Integer, primary_key=True, autoincrement=False),
        Column("entity", _ID, primary_key=True),
        Column("cursor", _TEXT),
        Column("synced_at", UtcInstant),
        Column("moved_at", UtcInstant, nullable=False),
        Column("resume", _TEXT),
        Column("is_full", Boolean, nullable=False, server_default=false()),
        Column("horizon", RowNumber, nullable=False, server_default="0"),
        Column("seen", LargeBinary),
        Column("begun_at", UtcInstant),
    )


def _feed() -> None:
    op.create_table(
        "pmsbridge_mirror_changes",
        Column("seq", RowNumber, primary_key=True, autoincrement=True),
        Column("place", Integer, nullable=False),
        Column("key", RowNumber, nullable=False),
        Column("kind", String(10), nullable=False),
        Column("before", _TEXT),
        Column("after", _TEXT),
        Column("at", UtcInstant, nullable=False),
        Column("run_id", _ID, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("pmsbridge_mirror_changes_place", "pmsbridge_mirror_changes", ["place", "seq"])


def _noun(table: str, columns: str) -> None:
    words = [word.rstrip("*").partition(":") for word in columns.split()]
    op.create_table(
        f"pmsbridge_mirror_{table}",
        Column("key", RowNumber, primary_key=True, autoincrement=False),
        Column("place", Integer, nullable=False),
        Column("id", _ID, nullable=False),
        *(
            Column(name, _TYPES[kind]) if kind else Column(name, _TEXT, nullable=False, server_default="")  # type: ignore[arg-type]
            for name, _, kind in words
        ),
        Column("extra", _TEXT, nullable=False),
        Column("doc", _TEXT, nullable=False),
        Column("changed_at", UtcInstant, nullable=False),
        Column("deleted_at", UtcInstant),
    )
    searched = [word.rstrip("*").partition(":") for word in columns.split() if word.endswith("*")]
    first = [name for name, _, _ in searched[:1]]
    op.create_index(f"pmsbridge_m_{table}_place", f"pmsbridge_mirror_{table}", ["place", *first])
    for name, _, kind in searched[1:]:
        there = text(f"{name} IS NOT NULL" if kind else f"{name} != ''")
        op.create_index(
            f"pmsbridge_m_{table}_{name}", f"pmsbridge_mirror_{table}", ["place", name], sqlite_where=there,
            postgresql_where=there,
        )  # fmt: skip


_COPIED: Final = {
    "facility": ("facilities", {"name": "''"}),
    "unit": ("units", {"number": "r.unit_number", "state": "r.record_state"}),
    "tenant": (
        "tenants",
        {
            "last_name": "r.last_name", "first_name": "r.first_name", "company": "r.company", "email": "r.email",
            "phone_digits": "trim(r.phone_digits)",
            # Near enough until the next night writes them as they are written now.
            "last_key": "replace(replace(replace(r.last_name, ' ', ''), '-', ''), '''', '')",
            "phone_tail": (
                "CASE trim(r.phone_digits) WHEN '' THEN '' "
                "ELSE substr('0000000' || trim(r.phone_digits), length(trim(r.phone_digits)) + 1) END"
            ),
        },
    ),
    "rental": (
        "rentals",
        {
            "tenant_id": "r.tenant_id", "unit_number": "r.unit_number", "state": "r.record_state",
            "unit_key": "replace(replace(lower(ltrim(r.unit_number, '0')), ' ', ''), '-', '')",
        },
    ),
    "reservation": ("reservations", {"tenant_id": "r.tenant_id", "state": "r.record_state"}),
}  # fmt: skip
_ON_PLACE: Final = "JOIN pmsbridge_mirror_places p ON p.account = r.account AND p.facility = r.facility"


def _carry_over() -> None:
    """Take what is held over, found by what it was found by; the next night reads all of it anew and fills the rest."""
    uid, nothing, active = {
        "sqlite": (
            "lower(hex(randomblob(16)))",
            "x''",
            "CASE r.record_state WHEN 'active' THEN 1 WHEN 'archived' THEN 0 END",
        ),
        "postgresql": (
            "replace(gen_random_uuid()::text, '-', '')",
            "''::bytea",
            "CASE r.record_state WHEN 'active' THEN true WHEN 'archived' THEN false END",
        ),
    }[op.get_context().dialect.name]
    op.execute(
        "INSERT INTO pmsbridge_mirror_places (account, facility) SELECT account, facility FROM pmsbridge_records "
        "UNION SELECT account, facility FROM pmsbridge_cursors"
    )
    op.execute(
        "INSERT INTO pmsbridge_mirror_ids (place, entity, id, uid, row_hash, first_seen, deleted_at) "  # noqa: S608
        f"SELECT p.place, r.entity, r.id, {uid}, {nothing}, r.first_seen, r.deleted_at FROM pmsbridge_records r "
        f"{_ON_PLACE} ORDER BY p.place, r.entity, r.id"
    )
    for entity, (table, columns) in _COPIED.items():
        taken = {**columns, "is_active": active} if entity == "tenant" else columns
        op.execute(
            f"INSERT INTO pmsbridge_mirror_{table} (key, place, id, {', '.join(taken)}, extra, doc, changed_at, "  # noqa: S608
            f"deleted_at) SELECT i.key, i.place, i.id, {', '.join(taken.values())}, '{{}}', r.doc, r.changed_at, "
            f"r.deleted_at FROM pmsbridge_records r {_ON_PLACE} JOIN pmsbridge_mirror_ids i ON i.place = p.place "
            f"AND i.entity = r.entity AND i.id = r.id WHERE r.entity = '{entity}'"
        )
    op.execute(
        "INSERT INTO pmsbridge_mirror_streams (place, entity, synced_at, moved_at) "  # noqa: S608
        f"SELECT p.place, r.entity, r.synced_at, r.moved_at FROM pmsbridge_cursors r {_ON_PLACE}"
    )
