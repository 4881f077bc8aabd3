"""What a tenant hands in: stored with its action or not at all, delivered in pieces, taken away when it is over."""

from __future__ import annotations

import errno
import hashlib
import io
import logging
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, event, func, select
from sqlalchemy.orm import Session

from pmsbridge.actions.effects import AttachDocument
from pmsbridge.actions.plan import Plan, PlannedEffect, Submission, effect_key
from pmsbridge.actions.sections import PortalRules
from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.night_copy import make_room
from pmsbridge.errors import IneligibleError, InputError, UnavailableError
from pmsbridge.portal.handed_in import Readable
from pmsbridge.portal.office import Office
from pmsbridge.portal.session import TenantSession
from pmsbridge.ports.capability import Dedup, handles, probes
from pmsbridge.ports.files import PIECE_BYTES, HandedFile
from pmsbridge.ports.outcome import Attempt, Outcome, Probed, Receipt
from pmsbridge.store.database import Database, open_database
from pmsbridge.store.erasing import erase
from pmsbridge.store.feed_room import FeedRoom, KeptFor
from pmsbridge.store.files import FileRoom, _portions, holds
from pmsbridge.store.holds import Holds
from pmsbridge.store.report_room import ReportRoom
from pmsbridge.store.standing import EffectState
from pmsbridge.store.tables import actions, effects, file_pieces
from pmsbridge.testing.memory import Fault, MemoryAdapter, MemoryOffice, TestClock
from tests.mailbox import Outbox

PDF = b"%PDF-1.7 " + bytes(range(256)) * 1000
DIGEST = hashlib.sha256(PDF).hexdigest()
WEEK = timedelta(days=7)


class PapersAdapter(MemoryAdapter):
    """The office in memory, with a drawer for papers: by reference, the digest of what came."""

    def __init__(self, office: MemoryOffice) -> None:
        super().__init__(office)
        self.papers: dict[str, str] = {}
        self.largest_piece = 0

    @handles(AttachDocument, dedup=Dedup.REFERENCE, absence_conclusive=True, source="in memory; no vendor")
    def _attach(self, effect: AttachDocument, attempt: Attempt) -> Receipt:
        assert attempt.file is not None
        digest = hashlib.sha256()
        for piece in attempt.file.pieces():
            digest.update(piece)
            self.largest_piece = max(self.largest_piece, len(piece))
        self.papers[effect.reference] = digest.hexdigest()
        return self.office.execute(effect, attempt)

    @probes(AttachDocument)
    def _find(self, effect: AttachDocument, attempt: Attempt) -> Probed:
        return self._probe(effect, attempt)


@dataclass
class World:
    clock: TestClock
    office: MemoryOffice
    adapter: PapersAdapter
    database: Database
    runtime: Runtime

    @property
    def session(self) -> TenantSession:
        return self.of()

    def of(self, tenant_id: str = "T1", **more: Any) -> TenantSession:
        return TenantSession(
            Office(
                adapter=self.adapter, runtime=self.runtime, clock=self.clock, facility="F1", tenant_id=tenant_id,
                actor="tenant", wait=None, **more,
            )
        )  # fmt: skip

    @property
    def pieces(self) -> int:
        with self.database.read() as connection:
            return int(connection.execute(select(func.count()).select_from(file_pieces)).scalar_one())

    def later(self, **by: int) -> None:
        self.clock.advance(timedelta(**by))
        self.runtime.run_due()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    clock = TestClock()
    url = (
        str(request.getfixturevalue("postgres_journal")) if request.param == "postgresql" else f"sqlite:///{tmp_path}/b"
    )
    office, database = MemoryOffice(clock), open_database(url)
    adapter = PapersAdapter(office)
    yield World(clock, office, adapter, database, Runtime(database, {"mem": adapter}, mailer=Outbox(), clock=clock))
    database.close()


class Crumbs(io.RawIOBase):
    """Reads a few bytes at a time, as a socket may."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def read(self, size: int = -1, /) -> bytes:
        piece = self.data[self.at : self.at + min(size, 1000)]
        self.at += len(piece)
        return piece


@pytest.mark.parametrize("give", [bytes, io.BytesIO, Crumbs])
def test_bytes_and_a_stream_of_them_are_the_same_wish(world: World, give: type[Any]) -> None:
    view = world.session.attach_document("a.pdf", give(PDF), key="click-0001", rental_id="R1")
    again = world.session.attach_document("a.pdf", PDF, key="click-0001", rental_id="R1")

    assert view.outcome is Outcome.SETTLED
    assert (again.replayed, again.action_id) == (True, view.action_id)
    assert list(world.adapter.papers.values()) == [DIGEST]
    assert world.adapter.largest_piece <= PIECE_BYTES
    assert world.pieces == -(-len(PDF) // PIECE_BYTES)
    (row,) = world.office.of_kind("attach_document")
    assert isinstance(row.effect, AttachDocument)
    assert (row.effect.size, row.effect.sha256, row.effect.media_type) == (len(PDF), DIGEST, "application/pdf")


def test_the_same_key_with_other_bytes_is_refused_and_nothing_of_them_is_kept(world: World) -> None:
    world.session.attach_document("a.pdf", PDF, key="click-0001")
    before = world.pieces

    with pytest.raises(InputError) as refused:
        world.session.attach_document("a.pdf", io.BytesIO(PDF + b"!"), key="click-0001")

    assert (refused.value.code, world.pieces) == ("key_reused", before)


@pytest.mark.parametrize("give", [bytes, io.BytesIO])
@pytest.mark.parametrize(
    ("data", "words"), [(b"", "empty"), (b"MZ", "no PDF"), (b"%PDF-" + bytes(2000), "larger than")]
)
def test_what_does_not_do_is_refused_before_anything_is_stored(
    world: World, give: type[Any], data: bytes, words: str
) -> None:
    rules = PortalRules(largest_file=1000)

    with pytest.raises(InputError, match=words):
        world.of(rules=rules).attach_document("a.pdf", give(data), key="click-0001")

    assert (world.pieces, world.runtime.actions(), world.office.calls) == (0, (), [])


@pytest.mark.parametrize(
    ("data", "words"),
    [(io.StringIO("%PDF-"), "does not read as bytes"), ("%PDF-", "must be bytes"), (None, "must be bytes")],
)
def test_what_is_no_file_is_said_to_be_none(world: World, data: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        world.session.attach_document("a.pdf", data, key="click-0001")


def test_a_stream_is_not_read_on_once_it_is_too_large(world: World) -> None:
    stream = Crumbs(b"%PDF-" + bytes(100_000))

    with pytest.raises(InputError):
        world.of(rules=PortalRules(largest_file=5000)).attach_document("a.pdf", stream, key="click-0001")

    assert stream.at <= 6000


def test_the_judge_tells_how_large_a_file_may_be_and_refuses_a_larger_one(world: World) -> None:
    rows = world.adapter.capabilities
    small = replace(rows["attach_document"], max_bytes=1000)
    world.adapter.capabilities = {**rows, "attach_document": small}  # type: ignore[misc]

    (offer,) = (each for each in world.session.available_actions() if each.kind == "attach_document")
    with pytest.raises(IneligibleError) as refused:
        world.session.attach_document("a.pdf", PDF, key="click-0001")

    assert (offer.allowed, offer.facts["largest_file"], refused.value.code) == (True, "1000", "file_too_large")
    assert (world.pieces, world.runtime.actions()) == (0, ())


def test_a_file_exists_exactly_when_the_callers_transaction_commits(world: World) -> None:
    engine = create_engine(world.database.engine.url)

    with Session(engine) as own:
        world.session.within(own).attach_document("a.pdf", io.BytesIO(PDF), key="click-0001")
        own.rollback()
    assert (world.pieces, world.runtime.actions()) == (0, ())
    with Session(engine) as own:
        view = world.session.within(own).attach_document("a.pdf", io.BytesIO(PDF), key="click-0001")
        again = world.session.within(own).attach_document("a.pdf", io.BytesIO(PDF), key="click-0001")
        own.commit()
    engine.dispose()
    world.runtime.run_due()

    assert again.action_id == view.action_id
    assert world.runtime.action(view.action_id).outcome is Outcome.SETTLED
    assert list(world.adapter.papers.values()) == [DIGEST]


def submission(file: HandedFile) -> Submission:
    place: dict[str, Any] = {"account": "mem", "facility": "F1"}
    effect = AttachDocument(
        **place, tenant_id="T1", title="a.pdf", media_type="application/pdf", size=file.size, sha256=file.sha256,
        reference="PB-FILE00000001",
    )  # fmt: skip
    action_id = Submission.id_for("mem", "F1", "T1", "click-0001")
    step = PlannedEffect(name="document", key=effect_key(action_id, "document", effect.target), effect=effect)
    return Submission(
        action_id=action_id, key="click-0001", kind="attach_document", **place, tenant_id="T1", intent="{}",
        plan=Plan(steps=(step,)),
    )  # fmt: skip


def handed(data: bytes = PDF) -> HandedFile:
    return HandedFile.of_bytes(data, name="a.pdf", media_type="application/pdf")


@pytest.mark.parametrize("files", [{}, {"document": handed(b"%PDF-2")}, {"document": handed(), "other": handed()}])
def test_a_step_without_its_own_file_is_not_taken_in(world: World, files: dict[str, HandedFile]) -> None:
    with pytest.raises(InputError, match=r"document|other"):
        world.runtime.submit(submission(handed()), files=files)

    assert (world.pieces, world.runtime.actions()) == (0, ())


def test_a_submission_that_comes_twice_is_stored_once(world: World) -> None:
    first = world.runtime.submit(submission(handed()), files={"document": handed()})
    again = world.runtime.submit(submission(handed()), files={"document": handed()})

    assert (again.replayed, again.action_id, again.outcome) == (True, first.action_id, Outcome.SETTLED)
    assert world.pieces == -(-len(PDF) // PIECE_BYTES)


def test_a_file_that_breaks_off_while_it_is_stored_leaves_neither_itself_nor_its_action(world: World) -> None:
    broken = replace(handed(), source=lambda: iter([PDF[:100_000]]))
    engine = create_engine(world.database.engine.url)

    with pytest.raises(UnavailableError) as refused:
        world.runtime.submit(submission(handed()), files={"document": broken})
    with engine.begin() as own, pytest.raises(UnavailableError):  # somebody who goes on and commits
        world.runtime.submit(submission(handed()), files={"document": broken}, connection=own)
    engine.dispose()

    assert refused.value.code == "file_damaged"
    assert (world.pieces, world.runtime.actions()) == (0, ())


def test_what_was_changed_in_the_database_is_not_delivered_as_if_it_were_whole(world: World) -> None:
    world.office.fail(Fault.REFUSE)
    view = world.session.attach_document("a.pdf", PDF, key="click-0001")
    with world.database.write() as connection:
        connection.execute(file_pieces.update().where(file_pieces.c.number == 1).values(content=b"another"))
    world.adapter.papers.clear()
    world.later(minutes=5)

    assert world.runtime.action(view.action_id).outcome is not Outcome.SETTLED
    assert world.adapter.papers == {}


@pytest.mark.parametrize("fault", [Fault.DROP_AFTER, Fault.DROP_BEFORE, Fault.REFUSE])
def test_a_file_is_there_once_whatever_happens_to_the_answer(world: World, fault: Fault) -> None:
    world.office.fail(fault)
    view = world.session.attach_document("a.pdf", PDF, key="click-0001")
    for _ in range(4):
        world.later(minutes=5)

    assert world.runtime.action(view.action_id).outcome is Outcome.SETTLED
    assert len(world.office.of_kind("attach_document")) == 1


def test_a_file_is_kept_for_a_while_after_it_was_delivered_and_then_taken_away(world: World) -> None:
    world.session.attach_document("a.pdf", PDF, key="click-0001")
    world.office.fail(Fault.REFUSE, times=100)
    world.session.attach_document("b.pdf", b"%PDF-2", key="click-0002")

    make_room(world.runtime, KeptFor(files=WEEK))
    assert world.pieces == -(-len(PDF) // PIECE_BYTES) + 1
    world.clock.advance(WEEK + timedelta(minutes=1))
    make_room(world.runtime, KeptFor(files=WEEK))
    assert world.pieces == 1  # that one waits to be sent


def test_a_file_that_was_taken_away_in_part_is_no_file_and_the_rest_goes_the_next_night(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.session.attach_document("a.pdf", PDF, key="click-0001")
    world.clock.advance(WEEK + timedelta(minutes=1))
    before, begin, begun = world.pieces, Database.write, []

    def once(self: Database) -> Any:
        begun.append(self)
        if len(begun) > 1:
            raise UnavailableError("the database is away", code="database_unavailable")
        return begin(self)

    def is_held() -> bool:
        with world.database.read() as connection:
            return holds(connection, connection.execute(select(effects.c.key)).scalar_one(), len(PDF))

    assert is_held()
    monkeypatch.setattr("pmsbridge.store.files._PIECES_AT_ONCE", 3)
    with monkeypatch.context() as broken:
        broken.setattr(Database, "write", once)
        make_room(world.runtime, KeptFor(files=WEEK))

    assert (world.pieces, is_held()) == (before - 3, False)
    make_room(world.runtime, KeptFor(files=WEEK))
    assert world.pieces == 0


@pytest.mark.parametrize(
    ("pieces", "portions"),
    [
        ([("a", 320)], [[("a", 0)]]),
        ([("a", 500), ("b", 1)], [[("a", 0)], [("b", 0)]]),
        ([("a", 1), ("b", 1200)], [[("a", 0), ("b", 701)], [("b", 201)], [("b", 0)]]),
    ],
)
def test_a_transaction_takes_away_so_many_pieces_and_of_a_file_the_last_ones_first(
    pieces: list[tuple[str, int]], portions: list[list[tuple[str, int]]]
) -> None:
    cut = [[(each["key"], each["from_number"]) for each in portion] for portion in _portions(pieces)]

    assert cut == portions


def test_what_is_not_kept_any_more_is_neither_retried_nor_sent(world: World) -> None:
    world.office.fail(Fault.REFUSE)
    view = world.session.attach_document("a.pdf", PDF, key="click-0001")
    with world.database.write() as connection:
        connection.execute(file_pieces.delete())
    world.later(minutes=5)
    ended = world.runtime.action(view.action_id)

    assert (ended.outcome, ended.steps[0].code) == (Outcome.NOT_SENT, "file_gone")
    with pytest.raises(InputError) as refused:
        world.runtime.retry(view.action_id, "staff:ann")
    assert refused.value.code == "file_gone"


def test_two_files_of_one_size_never_get_each_others_pieces(world: World) -> None:
    """Each effect reads what was handed in with it, and nothing else, whoever asks first."""
    mine, other = PDF, PDF[:9] + PDF[9:][::-1]
    assert len(mine) == len(other)
    world.office.fail(Fault.REFUSE, times=2)
    given = {
        "T1": world.of("T1").attach_document("a.pdf", mine, key="click-0001"),
        "T2": world.of("T2").attach_document("b.pdf", other, key="click-0002"),
    }
    world.adapter.papers.clear()
    world.later(minutes=5)

    assert [world.runtime.action(view.action_id).outcome for view in given.values()] == [Outcome.SETTLED] * 2
    assert set(world.adapter.papers.values()) == {DIGEST, hashlib.sha256(other).hexdigest()}


def test_what_another_keeps_is_not_taken_for_a_file_that_is_gone(world: World) -> None:
    world.office.fail(Fault.REFUSE, times=2)
    gone = world.of("T1").attach_document("a.pdf", PDF, key="click-0001")
    kept = world.of("T2").attach_document("b.pdf", PDF, key="click-0002")
    with world.database.write() as connection:
        own = select(effects.c.key).where(effects.c.action_id == gone.action_id)
        connection.execute(file_pieces.delete().where(file_pieces.c.effect_key.in_(own)))
    world.later(minutes=5)

    assert world.runtime.action(gone.action_id).steps[0].code == "file_gone"
    assert world.runtime.action(kept.action_id).outcome is Outcome.SETTLED


def test_a_file_of_somebody_under_a_hold_stays_until_it_is_lifted(world: World) -> None:
    world.session.attach_document("a.pdf", PDF, key="click-0001")
    held, room = Holds(world.database, world.clock), FileRoom(world.database)
    with world.database.read() as connection:
        (whose,) = connection.execute(select(actions.c.account, actions.c.facility, actions.c.tenant_id)).all()
    held.put(*whose, reason="file 12/26", actor="staff:ann")
    world.clock.advance(WEEK + timedelta(minutes=1))

    assert room.make(world.clock.now() - WEEK) == 0

    held.lift(*whose)
    assert room.make(world.clock.now() - WEEK) == 1


def test_a_file_whose_delivery_begins_anew_while_a_night_takes_files_away_stays(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The night asks again in the transaction that takes away: what it saw before may not be over any more."""
    world.session.attach_document("a.pdf", PDF, key="click-0001")
    world.clock.advance(WEEK + timedelta(minutes=1))
    before, over = world.pieces, FileRoom._over

    def reopened(self: FileRoom, moment: Any) -> list[tuple[str, int]]:
        found = over(self, moment)
        with world.database.write() as connection:
            connection.execute(effects.update().values(state=EffectState.WAITING.value))
        return found

    monkeypatch.setattr(FileRoom, "_over", reopened)
    make_room(world.runtime, KeptFor(files=WEEK))

    assert world.pieces == before


def test_whoever_is_forgotten_takes_their_files_along_and_nobody_elses(world: World) -> None:
    world.session.attach_document("mine.pdf", PDF, key="click-0001")
    world.of("T2").attach_document("other.pdf", b"%PDF-2", key="click-0002")
    whose: Any = {"actor": "staff:ann"}

    looked = erase(world.database, world.clock, "mem", "F1", "T1", dry_run=True, **whose)
    before = world.pieces
    done = erase(world.database, world.clock, "mem", "F1", "T1", dry_run=False, **whose)

    assert (looked.rows["files"], done.rows["files"]) == (1, 1)
    assert (before, world.pieces) == (-(-len(PDF) // PIECE_BYTES) + 1, 1)
    with world.database.read() as connection:
        payloads = list(connection.execute(select(effects.c.payload).order_by(effects.c.seq)).scalars())
    assert DIGEST not in payloads[0]
    assert "mine.pdf" not in payloads[0]


def test_an_action_without_a_file_asks_the_database_nothing_more(world: World) -> None:
    said: list[str] = []
    event.listen(world.database.engine, "before_cursor_execute", lambda *given: said.append(str(given[2])))

    world.session.edit_contact({"email": "new@example.test"}, key="click-0001")

    assert not [text for text in said if "file_pieces" in text or "pmsbridge_file" in text]


def test_nothing_of_a_file_is_logged(world: World, caplog: pytest.LogCaptureFixture) -> None:
    secret = b"%PDF-1.7 Quassnoi owns a yacht " + bytes(200_000)
    with caplog.at_level(logging.DEBUG):
        world.session.attach_document("a.pdf", io.BytesIO(secret), key="click-0001")
        shown = [repr(handed(secret)), repr(world.runtime.actions()), str(world.runtime.trail(
            world.runtime.actions()[0].action_id
        ))]  # fmt: skip

    assert not [text for text in (*caplog.messages, *shown) if "Quassnoi" in text]


@pytest.mark.parametrize("broken", ["write", "seek", "read", "close"])
def test_a_full_disk_says_that_there_is_no_room_wherever_it_shows(
    world: World, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    def full(*_: Any) -> Any:
        raise OSError(errno.ENOSPC, "no space left on device", "/secret/folder")

    class FullDisk(tempfile.SpooledTemporaryFile[bytes]):
        def close(self) -> None:  # writes what is still in a buffer, and closes all the same
            super().close()
            full()

    if broken != "close":
        setattr(FullDisk, broken, full)
    monkeypatch.setattr(tempfile, "SpooledTemporaryFile", FullDisk)

    if broken == "close":  # everything was read by then
        view = world.session.attach_document("a.pdf", io.BytesIO(PDF), key="click-0001")
        assert view.outcome is Outcome.SETTLED
        return
    with pytest.raises(UnavailableError) as refused:
        world.session.attach_document("a.pdf", io.BytesIO(PDF), key="click-0001")
    assert refused.value.code == "no_room"
    assert "secret" not in str(refused.value)
    assert (world.pieces, world.runtime.actions()) == (0, ())


def test_a_disk_that_breaks_while_the_file_is_stored_leaves_nothing_of_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Breaks(tempfile.SpooledTemporaryFile[bytes]):
        def seek(self, *given: int) -> int:
            if given[0]:
                raise OSError(errno.EIO, "input/output error")
            return super().seek(*given)

    monkeypatch.setattr(tempfile, "SpooledTemporaryFile", Breaks)

    with pytest.raises(UnavailableError) as refused:
        world.session.attach_document("a.pdf", io.BytesIO(PDF), key="click-0001")

    assert (refused.value.code, world.pieces, world.runtime.actions()) == ("no_room", 0, ())


@pytest.mark.parametrize(
    ("room", "told"),
    [(FeedRoom, "feeds_not_shortened"), (ReportRoom, "reports_not_shortened"), (FileRoom, "files_not_taken_away")],
)
def test_a_room_that_cannot_be_made_keeps_none_of_the_others(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, room: Any, told: str
) -> None:
    made: list[Any] = []
    for each in (FeedRoom, ReportRoom, FileRoom):

        def make(self: Any, before: Any, *, own: Any = each.make) -> Any:
            made.append(type(self))
            if type(self) is room:
                raise UnavailableError("the database is away", code="database_unavailable")
            return own(self, before)

        monkeypatch.setattr(each, "make", make)
    with caplog.at_level(logging.WARNING):
        make_room(world.runtime)

    assert made == [FileRoom, FeedRoom, ReportRoom]
    assert told in caplog.text


def test_what_reads_like_a_file_is_one() -> None:
    stream: Readable = io.BytesIO(PDF)
    assert stream.read(5) == b"%PDF-"
