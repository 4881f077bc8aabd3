"""Records as rows: the document, its hash, and the columns it is found by."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from pydantic import SecretStr

from pmsbridge.model.account import TenantAccount
from pmsbridge.model.earlier import unsaid
from pmsbridge.model.record import Record
from pmsbridge.ports.streams import Rows
from pmsbridge.store.nouns import NOUNS

__all__ = ["RECORD_CLASSES", "account_document", "account_said", "document", "record_from", "rows_of"]

RECORD_CLASSES: Final[Mapping[str, type[Record]]] = {entity: noun.record for entity, noun in NOUNS.items()}
"""What the mirror holds, by entity name."""


def _plain(value: object) -> object:
    if isinstance(value, frozenset | set):
        return sorted(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, SecretStr):
        return None
    message = f"a {type(value).__name__} has no place in the mirror"
    raise TypeError(message)


def _without_time(value: object) -> object:
    """Without the times of reading, those of records within the record included (a tenant's contacts)."""
    if isinstance(value, dict):
        return {
            name: {key: said for key, said in part.items() if key != "seen_at"}
            if name == "ref" and isinstance(part, dict)
            else _without_time(part)
            for name, part in value.items()
        }
    return [_without_time(part) for part in value] if isinstance(value, tuple | list) else value


def document(record: Record) -> tuple[str, str]:
    """A record as text and the hash of it. When it was read does not count as content, and sets are sorted."""
    # A float would be written by json without asking; the model has none.
    dumped = _without_time(record.model_dump())
    text = json.dumps(dumped, default=_plain, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return text, hashlib.sha256(text.encode(errors="replace")).hexdigest()


def account_document(account: TenantAccount) -> str:
    """A tenant account as text, without tokens."""
    said = account.model_dump(exclude=unsaid(account))
    return json.dumps(said, default=_plain, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def account_said(account: TenantAccount) -> str:
    """What a tenant account says, as text; when and from where it was read does not count."""
    said = account.model_dump(exclude={"as_of", "source"})
    return json.dumps(_without_time(said), default=_plain, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def record_from(entity: str, doc: str) -> Record:
    """Read a document back.

    Raises:
        KeyError: The mirror does not hold such records.
    """
    return RECORD_CLASSES[entity].model_validate_json(doc)


def rows_of(
    records: Iterable[Record], *, cursor: str | None = None, resume: str | None = None, is_complete: bool = False
) -> Rows:
    """Records as rows, for a back office that is read record by record."""
    texts = {record.id: document(record)[0].encode(errors="replace") for record in records}
    return Rows(tuple(texts), tuple(texts.values()), json.loads, cursor=cursor, resume=resume, is_complete=is_complete)
