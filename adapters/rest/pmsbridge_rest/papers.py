"""Papers of a tenant: listed with what the tenant may see, and handed out as a stream."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Final, cast

from pmsbridge.errors import NotFoundError, RejectedError, UnavailableError
from pmsbridge.model.documents import Document, Quote
from pmsbridge.ports.books import PaperContent
from pmsbridge.transport.http import Deadline
from pmsbridge_rest.connection import asked
from pmsbridge_rest.filling import Filler
from pmsbridge_rest.looking import look
from pmsbridge_rest.mapping.expressions import search
from pmsbridge_rest.mapping.files import FileRead, Shown
from pmsbridge_rest.methods import Methods
from pmsbridge_rest.wire.channel import Channel
from pmsbridge_rest.wire.files import Coming, linked, streamed

__all__ = ["Papers"]

_EXTENSIONS: Final = {"application/pdf": "pdf", "image/png": "png", "image/jpeg": "jpg"}
_LONGEST_NAME: Final = 100


class Papers(Methods):
    """What a tenant may read of what the back office keeps."""

    @property
    def keeps_papers(self) -> bool:
        """Whether the mapping reads documents of a tenant or a rental."""
        entity = self._connection.mapping.entities.get("documents")
        return entity is not None and (entity.of_tenant is not None or entity.of_rental is not None)

    def documents(self, facility: str, tenant_id: str) -> Sequence[Document]:
        """Papers of a tenant and of the tenant's rentals, newest first, as far as the tenant may see them.

        Raises:
            UnsupportedError: The mapping reads none.
            UnavailableError: The back office cannot be read now.
        """
        shown = self._entity("documents").shown
        found = self._filed(facility, tenant_id)
        own = [each for each in found if shown is None or self._is_shown(shown, facility, tenant_id, each.id)]
        return sorted(own, key=lambda paper: (paper.dated_on or date.min, paper.id), reverse=True)

    def quotes(self, facility: str, tenant_id: str) -> Sequence[Quote]:
        """Offers to a tenant, as the back office lists them."""
        return [cast("Quote", each) for each in self._records("quotes", facility, ("of_tenant",), tenant_id=tenant_id)]

    @contextmanager
    def content(self, facility: str, tenant_id: str, document_id: str) -> Iterator[PaperContent]:
        """The bytes of one document.

        Raises:
            NotFoundError: The tenant has no such document, or may not see it.
            RejectedError: It is larger than ``caps.file_bytes``, or of a kind that is not handed out.
            UnsupportedError: The mapping does not say how files are had.
        """
        entity = self._entity("documents")
        if entity.file is None:
            self._none("files", "files")
        paper = next((each for each in self._filed(facility, tenant_id) if each.id == document_id), None)
        is_shown = entity.shown is None or self._is_shown(entity.shown, facility, tenant_id, document_id)
        if paper is None or not is_shown:
            message = "document"
            raise NotFoundError(message, "there is no such document", code="document_not_found")
        cap = self._connection.mapping.connection.caps.file_bytes
        if paper.size_bytes is not None and paper.size_bytes > cap:
            message = f"the document is larger than {cap:,} bytes"
            raise RejectedError(message, code="too_large")
        end = self._connection.deadline(self._connection.mapping.connection.timeouts.batch)
        with self._file(entity.file, facility, tenant_id, paper, end) as coming:
            yield PaperContent(_name(paper, coming.media_type), coming.media_type, coming.chunks)

    def _filed(self, facility: str, tenant_id: str) -> list[Document]:
        """What is filed under the tenant and the tenant's rentals, seen or not; one of each id."""
        entity = self._entity("documents")
        found = []
        if entity.of_tenant is not None:
            found += self._records("documents", facility, ("of_tenant",), tenant_id=tenant_id)
        if entity.of_rental is not None:
            for rental_id in self._rental_ids(facility, tenant_id):
                own = {"tenant_id": tenant_id, "rental_id": rental_id}
                found += self._records("documents", facility, ("of_rental",), **own)
        return list({each.id: cast("Document", each) for each in found}.values())

    def _rental_ids(self, facility: str, tenant_id: str) -> list[str]:
        listing, reader = self._asked("rentals", facility, ("of_tenant",), tenant_id=tenant_id)
        return [reader.id_of(row) for row in listing.all(self._live_end())]

    def _is_shown(self, shown: Shown, facility: str, tenant_id: str, document_id: str) -> bool:
        filler = self._paper_filler(facility, tenant_id, document_id)
        seen = look(self._connection, facility, shown, filler, "documents.shown", self._live_end())
        return bool(seen.matches)

    def _paper_filler(self, facility: str, tenant_id: str, document_id: str) -> Filler:
        return self._connection.read_filler(facility, id=document_id, tenant_id=tenant_id)

    @contextmanager
    def _file(self, read: FileRead, facility: str, tenant_id: str, paper: Document, end: Deadline) -> Iterator[Coming]:
        ask = asked(read, self._paper_filler(facility, tenant_id, paper.id), "documents.file", is_write=False)
        channel: Channel = self._connection.channel(facility)
        if read.link_at is None:
            with streamed(channel, ask, kinds=read.kinds, deadline=end) as coming:
                yield coming
            return
        verdict, _ = channel.read(ask, deadline=end)
        link = search(read.link_at, verdict.data)
        if not isinstance(link, str):
            message = "documents.file: the answer has no link"
            raise UnavailableError(message, code="unreadable_row")
        with linked(channel, link, hosts=read.link_hosts, kinds=read.kinds, deadline=end) as coming:
            yield coming


def _name(paper: Document, media_type: str) -> str:
    """A file's name without a folder, with an ending that fits."""
    plain = "".join(sign for sign in paper.title if sign.isalnum() or sign in " ._-").strip(" .")[:_LONGEST_NAME]
    ending = _EXTENSIONS.get(media_type, "")
    name = plain or "document"
    return name if not ending or name.lower().endswith(f".{ending}") else f"{name}.{ending}"
