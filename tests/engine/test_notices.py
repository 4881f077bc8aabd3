"""What staff are told: templates in every language, an operator's own, and each notice at most once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from jinja2 import nodes
from pydantic import ValidationError

from pmsbridge.actions.effects import AddNote, PostBulletin, SendMail
from pmsbridge.actions.plan import Plan, Submission
from pmsbridge.actions.plans import Planner
from pmsbridge.actions.scribe import MoveOutRequested, Notice, PrepaymentFailed, ReviewNeeded, StaffRequest, Written
from pmsbridge.engine.notices import FacilityScribe, NoticeDesk, ReviewTask, built_in_desk
from pmsbridge.engine.notices.checking import LAYOUTS, LETTERS, check
from pmsbridge.engine.notices.formats import LANGUAGES, one_line, paragraph, shown
from pmsbridge.engine.notices.phrases import OUR_FOLDER, Phrases, built_in
from pmsbridge.engine.notices.samples import KINDS, REFERENCE, samples
from pmsbridge.errors import ConfigurationError, OutcomeUnknownError
from pmsbridge.model.account import TenantAccount
from pmsbridge.model.money import Money
from pmsbridge.model.people import ConsentChannel, ConsentPurpose
from pmsbridge.model.places import Facility
from pmsbridge.portal.bridge import Bridge
from pmsbridge.ports.outcome import Outcome
from pmsbridge.settings import AccountSettings, NoticeSettings, Settings
from pmsbridge.testing.memory_office import Fault
from tests import builders as make
from tests.engine.stage import WINDOW, Stage, pay

FILES = sorted(path.name for path in (OUR_FOLDER / "en").iterdir())
BARE = frozenset({"take_payment", "send_mail", "add_note", "post_bulletin"})
CHICAGO = ZoneInfo("America/Chicago")


def scribe(language: str = "en", **fields: Any) -> FacilityScribe:
    return FacilityScribe(built_in(language), ("desk@example.test",), **fields)


# -- our own templates -----------------------------------------------------------------------------------------------


def test_every_template_is_there_in_every_language() -> None:
    assert sorted(path.name for path in OUR_FOLDER.iterdir()) == list(LANGUAGES)
    for language in LANGUAGES:
        assert sorted(path.name for path in (OUR_FOLDER / language).iterdir()) == FILES
    wanted = {
        f"{name}.{part}.txt"
        for name in (*(kind.name for kind in KINDS), *LAYOUTS, *LETTERS)
        for part in ("subject", "text")
    }
    assert set(FILES) == wanted | {"words.txt", "tenant.txt", "by_hand.txt"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_our_own_templates_pass_the_check_that_an_operators_must_pass(language: str) -> None:
    check(built_in(language))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_notice_can_be_said_and_shows_no_trace_of_its_template(kind: type[Notice], language: str) -> None:
    for sample in samples(kind):
        written = scribe(language).write(sample)
        shown_text = f"{written.subject}\n{written.text}"

        assert not re.search(r"[{}%]|\bNone\b|\bTrue\b|\bFalse\b|\(\)", shown_text)
        assert sample.tenant_id in shown_text
        assert "\n" not in written.subject
        assert len(written.text) < 1500


def literals(language: str, file: str) -> set[str]:
    """Every word of four letters or more that a template itself says."""
    environment = built_in(language).environment
    tree = environment.parse((OUR_FOLDER / language / file).read_text(encoding="utf-8"))
    keys = {id(pair.key) for pair in tree.find_all(nodes.Pair)}
    names = {id(node.template) for node in tree.find_all(nodes.Include)}
    names |= {id(node.template) for node in tree.find_all(nodes.Import)}
    said = [node.data for node in tree.find_all(nodes.TemplateData)]
    said += [
        node.value
        for node in tree.find_all(nodes.Const)
        if isinstance(node.value, str) and id(node) not in keys | names
    ]
    return {word.lower() for text in said for word in re.findall(r"[^\W\d_]{4,}", text)}


SPELT_ALIKE = {"code", "contact", "mobile", "page", "postal", "service"}
COMMAND = {
    "pmsbridge", "actions", "resolve", "step", "outcome", "settled", "declined", "sent", "evidence", "actor", "sync",
    "full", "doctor", "partial", "there",
}  # fmt: skip


@pytest.mark.parametrize("file", FILES)
def test_no_english_word_is_left_in_french(file: str) -> None:
    assert literals("en", file) & literals("fr", file) <= COMMAND | SPELT_ALIKE


def test_the_comparison_of_languages_sees_the_words() -> None:
    assert {"tenant", "units", "without", "name"} <= literals("en", "tenant.txt")
    assert {"civilité", "ville"} <= literals("fr", "words.txt")
    assert "address" not in literals("fr", "words.txt")


# -- values ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "english", "french"), [
    (Money.of("1234567.5", "USD"), "1,234,567.50 USD", "1\u00a0234\u00a0567,50\u00a0USD"),
    (Money.of("-0.10", "CAD"), "-0.10 CAD", "-0,10\u00a0CAD"),
    (Money.of("12345678901.01", "EUR"), "12,345,678,901.01 EUR", "12\u00a0345\u00a0678\u00a0901,01\u00a0EUR"),
    (Money.of("500", "JPY"), "500 JPY", "500\u00a0JPY"),
    (date(2026, 3, 4), "2026-03-04", "4 mars 2026"),
    (date(2027, 1, 1), "2027-01-01", "1er janvier 2027"),
    (datetime(2026, 8, 9, 7, 5, tzinfo=UTC), "2026-08-09 07:05 (UTC)", "9 août 2026 à 07:05 (UTC)"),
    (7, 7, 7),
])  # fmt: skip
def test_a_value_is_written_as_its_readers_write_it(value: object, english: object, french: object) -> None:
    assert shown(value, "en") == english
    assert shown(value, "fr") == french


def test_an_instant_is_told_in_the_facilitys_own_time() -> None:
    notice = samples(ReviewNeeded)[0]

    assert "2026-11-21 12:05 (America/Chicago)" in scribe(zone=CHICAGO).write(notice).text
    assert "21 novembre 2026 à 12:05 (America/Chicago)" in scribe("fr", zone=CHICAGO).write(notice).text


@pytest.mark.parametrize("language", ["en", "fr"])
def test_whoever_looks_at_a_payment_for_several_units_may_say_that_a_part_is_there(language: str) -> None:
    notice = samples(ReviewNeeded)[0]
    assert isinstance(notice, ReviewNeeded)
    several = replace(notice, unit_numbers=("015", "016"))

    assert "--outcome partial" not in scribe(language).write(notice).text
    assert "--outcome partial" in scribe(language).write(several).text


HOSTILE = "Eve\r\nBcc: x@example.test\u2028\x00\x1b[31m\u202egro\u200b \ud800 end"


def test_a_value_of_one_line_stays_one_line_without_what_nobody_sees() -> None:
    assert one_line(HOSTILE) == "Eve Bcc: x@example.test [31mgro end"
    assert paragraph("a \r\nb\n\n\n\nc\td\x07") == "a\nb\n\nc d"


def test_a_hostile_name_cannot_add_a_line() -> None:
    notice = MoveOutRequested(tenant_id="1", tenant_name=HOSTILE, unit_number="0\n15", leaving_on=date(2026, 12, 31))
    plain = MoveOutRequested(tenant_id="1", tenant_name="Eve", unit_number="015", leaving_on=date(2026, 12, 31))

    written = scribe().write(notice)

    assert written.subject == "Move-out request: Eve Bcc: x@example.test [31mgro end"
    assert len(written.text.splitlines()) == len(scribe().write(plain).text.splitlines())


def test_a_value_is_never_read_as_a_template() -> None:
    notice = StaffRequest(tenant_id="1", tenant_name="{{ 7 * 7 }}", subject="{% raise %}", request="{{ tenant_id }}")

    written = scribe().write(notice)

    assert "{{ 7 * 7 }}" in written.text
    assert written.subject == "{% raise %}"


@pytest.mark.parametrize(
    "number", ["4111111111111111", "4111 1111 1111 1111", "4111-1111-1111-1111", "5555.5555.5555.4444"]
)
def test_no_card_number_enters_a_text(number: str) -> None:
    notice = StaffRequest(
        tenant_id="1", tenant_name=f"Eve {number}", subject=f"x {number}", request=f"my card\n{number} !"
    )

    written = scribe().write(notice)

    assert number not in written.subject + written.text
    assert written.text.count("[redacted]") == 2


@pytest.mark.parametrize("number", ["+1 (312) 555-0101", "+49 30 1234 56789", "act_0123456789abcdef01234567"])
def test_a_phone_number_and_an_id_stay_as_they_are(number: str) -> None:
    assert number in scribe().write(StaffRequest(tenant_id="1", tenant_name="", subject="s", request=number)).text


# -- an operator's own templates -------------------------------------------------------------------------------------


def opened(folder: Path, language: str = "en") -> FacilityScribe:
    settings = NoticeSettings.model_validate({"templates": str(folder), "language": language})
    return NoticeDesk.open(settings).scribe("north", "F1", make.facility())


def own(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_an_own_template_replaces_ours_and_the_rest_stays(tmp_path: Path) -> None:
    own(tmp_path, "en/move_out_requested.subject.txt", "Leaving soon: {{ unit_number }}")
    own(tmp_path, "en/_footer.txt", "Kind regards")
    own(tmp_path, "en/mail.text.txt", '{{ text }}\n{{ reference }}\n{% include "_footer.txt" %}')
    notice = samples(MoveOutRequested)[0]

    written = opened(tmp_path).write(notice)

    assert written.subject == "Leaving soon: 015"
    assert written.text == scribe().write(notice).text
    assert opened(tmp_path).for_mail(written, REFERENCE).text.endswith(f"{REFERENCE}\nKind regards")
    assert opened(tmp_path, "fr").write(notice) == scribe("fr").write(notice)


MOVE_OUT = "{{ tenant_id }} {{ unit_number }} {{ leaving_on }}"
CHANGED = "{{ tenant_id }}{{ by_hand }}{{ is_legal_name }}"
REQUEST = "{{ tenant_id }}{{ request }}"


@pytest.mark.parametrize(("name", "text", "line", "says"), [
    ("en/move_out_requested.text.txt", MOVE_OUT + "\n{{ by_hand }} {{ tennant }}", 2, "'tennant' is no variable"),
    ("en/move_out_requested.text.txt", MOVE_OUT + "\n{% if by_hand %}\n{{ x }}{% endif %}", 3, "'x' is no variable"),
    ("fr/move_out_requested.text.txt", MOVE_OUT + "\n{% if by_hand %}", 2, "endif"),
    ("en/move_out_requested.text.txt", "{{ tenant_id }}", 1, "leaving_on, unit_number"),
    ("en/mail.text.txt", "{{ text }}", 1, ""),
    ("en/mail.subject.txt", "{{ subject }}", 1, ""),
    ("en/board.text.txt", "{{ text }}", 1, "has_mail"),
    ("en/contact_changed.text.txt", CHANGED + "\n{% for c in changes %}\n{{ c.was }}{% endfor %}", 3, "was"),
    ("en/prepayment_failed.subject.txt", " \n", 1, "says nothing"),
    ("en/staff_request.text.txt", b"\xff{{ tenant_id }}", 1, "UTF-8"),
    ("en/staff_request.text.txt", REQUEST + "\n{{ request.__class__.__mro__ }}", 2, "unsafe"),
    ("en/staff_request.text.txt", REQUEST + '\n{% include "../../../pmsbridge.toml" %}', 2, "no such template"),
    ("en/staff_request.text.txt", REQUEST + '\n{% import "other.txt" as other %}', 2, "other.txt"),
    ("en/prepayment_failed.text.txt", "{{ tenant_id }}\n{{ months / 0 }}", 2, "ZeroDivisionError"),
    ("en/words.txt", "{% macro field(name) %}x{% endmacro %}", 1, ""),
])  # fmt: skip
def test_a_broken_template_is_named_with_file_line_and_reason_when_the_desk_opens(
    tmp_path: Path, name: str, text: str | bytes, line: int, says: str
) -> None:
    path = own(tmp_path, name, text)
    if name.startswith("en/mail"):
        other = "subject" if "text" in name else "text"
        own(tmp_path, f"en/mail.{other}.txt", "{{ subject }} {{ text }}")
        says = "reference"

    with pytest.raises(ConfigurationError) as refused:
        opened(tmp_path)

    assert says in str(refused.value)
    if name != "en/words.txt":
        assert f", line {line}: " in str(refused.value)
        assert path.parent.name in str(refused.value)
        assert path.stem.split(".")[0] in str(refused.value)


@pytest.mark.parametrize("name", ["en/move_out_request.text.txt", "de/words.txt", "words.txt", "en/readme.md"])
def test_a_file_that_would_never_be_used_is_refused(tmp_path: Path, name: str) -> None:
    own(tmp_path, name, "x")

    with pytest.raises(ConfigurationError, match="no template has that name"):
        opened(tmp_path)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such folder"):
        opened(tmp_path / "none")


def test_what_an_own_template_cannot_say_when_it_comes_to_it_ours_says(tmp_path: Path) -> None:
    own(tmp_path, "en/prepayment_failed.text.txt", "{{ tenant_id }} own {{ 12 // (months - 7) }}")
    desk = opened(tmp_path)
    broken = PrepaymentFailed(tenant_id="1", tenant_name="Eve", months=7)

    assert " own " in desk.write(PrepaymentFailed(tenant_id="1", tenant_name="Eve", months=6)).text
    assert desk.write(broken) == scribe().write(broken)


def test_a_bridge_with_a_broken_template_does_not_open(tmp_path: Path, stage: Stage) -> None:
    own(tmp_path, "texts/en/staff_request.text.txt", "{{ tenant_id }} {{ request }} {{ nothing }}")
    settings = Settings(
        accounts={"mem": AccountSettings(system="memory")},
        notices=NoticeSettings(templates=tmp_path / "texts"),
    )  # fmt: skip

    with pytest.raises(ConfigurationError, match=r"staff_request\.text\.txt, line 1: 'nothing'"):
        Bridge(settings, database=stage.database, adapters={"mem": stage.adapter}, mailer=None)


# -- who is told -----------------------------------------------------------------------------------------------------


def settings(**fields: Any) -> NoticeSettings:
    return NoticeSettings.model_validate(fields)


PLACES = {
    "north": {"language": "fr", "addresses": ["north@example.test"]},
    "north/F2": {"language": "en"},
    "north/F3": {"addresses": []},
}


@pytest.mark.parametrize(("account", "facility", "language", "staff"), [
    ("south", "F1", "en", ("office@example.test",)),
    ("north", "F1", "fr", ("north@example.test",)),
    ("north", "F2", "en", ("north@example.test",)),
    ("north", "F3", "fr", ()),
])  # fmt: skip
def test_a_facility_goes_before_its_account_and_that_before_the_rest(
    account: str, facility: str, language: str, staff: tuple[str, ...]
) -> None:
    found = NoticeDesk.open(settings(places=PLACES)).scribe(account, facility, make.facility())

    assert (found.language, found.staff) == (language, staff)


def test_a_general_address_replaces_the_back_offices_own() -> None:
    desk = NoticeDesk.open(settings(addresses=["all@example.test"]))

    assert desk.scribe("south", "F1", make.facility()).staff == ("all@example.test",)
    assert desk.scribe("south", "F1", None).staff == ("all@example.test",)


@pytest.mark.parametrize("fields", [
    {"language": "de"}, {"addresses": ["no address"]}, {"addresses": ["a@x.test, b@x.test"]}, {"reply_to": "nobody"},
    {"places": {"North": {}}}, {"places": {"north": {"langauge": "fr"}}},
])  # fmt: skip
def test_a_wrong_setting_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(**fields)


def test_a_place_that_is_no_account_or_no_facility_is_refused(stage: Stage) -> None:
    accounts = {"mem": AccountSettings(system="memory")}
    with pytest.raises(ValidationError, match="no account is called north"):
        Settings(accounts=accounts, notices=settings(places=PLACES))

    wrong = Settings(accounts=accounts, notices=settings(places={"mem/F9": {}}))
    with pytest.raises(ConfigurationError, match="mem/F9"):
        Bridge(wrong, database=stage.database, adapters={"mem": stage.adapter}, mailer=None)


def test_a_facility_without_an_address_leaves_one_finding_and_the_other_notices_go(stage: Stage) -> None:
    chosen = Settings(accounts={"mem": AccountSettings(system="memory")}, notices=settings(addresses=[]))
    bridge = Bridge(
        chosen, database=stage.database, adapters={"mem": stage.adapter}, mailer=stage.sink, clock=stage.clock
    )
    for number in range(2):
        view = bridge.tenant("F1", "T1").ask_staff("A question", "Is there one?", key=f"click-ask-{number}")

    (found,) = bridge.runtime.findings.open()
    assert (found.finding.code, found.times) == ("no_staff_address", 2)
    assert view.outcome is Outcome.SETTLED
    assert [step.name for step in view.steps] == ["bulletin", "note"]
    assert stage.sink.mails == []


def test_a_bridge_tells_the_staff_of_a_french_facility_in_french(stage: Stage) -> None:
    chosen = Settings(
        accounts={"mem": AccountSettings(system="memory")},
        notices=settings(places={"mem/F1": {"language": "fr", "addresses": ["a@x.test", "b@x.test"]}}),
    )  # fmt: skip
    bridge = Bridge(
        chosen, database=stage.database, adapters={"mem": stage.adapter}, mailer=stage.sink, clock=stage.clock
    )

    bridge.tenant("F1", "T1").edit_contact({"phone": "312 555 0199"}, key="click-edit-1")

    assert {mail.to for mail in stage.sink.mails} == {"a@x.test", "b@x.test"}
    assert all(mail.subject.startswith("Coordonnées modifiées : ") for mail in stage.sink.mails)
    assert "téléphone" in str(stage.office.of_kind("add_note")[0].effect)


# -- exactly once ----------------------------------------------------------------------------------------------------


def facility(account: TenantAccount) -> Facility:
    return account.facility.changed(email="desk@example.test; second@example.test")


def planned(stage: Stage, what: str) -> Submission:
    """An action whose staff are told, by hand where that is what the name says."""
    key = f"click-{what}-01"
    account = stage.adapter.account("F1", "T1")
    row = account.rentals[0]
    planner = Planner(
        account=account, action_id=Submission.id_for("mem", "F1", "T1", key), today=make.TODAY,
        native=BARE if what.endswith("by_hand") else make.ALL_NATIVE,
        scribe=built_in_desk().scribe("mem", "F1", facility(account)),
    )  # fmt: skip
    plans: dict[str, Plan] = {
        "edit": planner.edit_contact({"phone": "1"}, {}),
        "edit_by_hand": planner.edit_contact({"phone": "1"}, {}),
        "move_out": planner.move_out(row, make.TODAY + timedelta(days=30)),
        "move_out_by_hand": planner.move_out(row, make.TODAY + timedelta(days=30)),
        "cancel_by_hand": planner.cancel_move_out(row),
        "consent_by_hand": planner.consent(ConsentChannel.SMS, ConsentPurpose.MARKETING, granted=True),
        "reserve_by_hand": planner.reserve(make.unit(), make.TODAY, expires_on=None, comment=""),
        "ask": planner.ask_staff("A question", "Is there one?"),
    }
    return Submission(
        action_id=planner.action_id, key=key, kind=what, account="mem", facility="F1", tenant_id="T1", intent="{}",
        plan=plans[what],
    )  # fmt: skip


KINDS_OF_PLAN = (
    "edit", "edit_by_hand", "move_out", "move_out_by_hand", "cancel_by_hand", "consent_by_hand", "reserve_by_hand",
    "ask",
)  # fmt: skip


def patience(stage: Stage, runtime: Any) -> Iterator[None]:
    for _ in range(12):
        stage.later(WINDOW + timedelta(hours=1))
        runtime.run_due()
        yield


@pytest.mark.parametrize("fault", [Fault.DROP_AFTER, Fault.DROP_BEFORE])
@pytest.mark.parametrize("what", KINDS_OF_PLAN)
def test_no_notice_is_told_twice_whatever_answer_is_lost(stage: Stage, what: str, fault: Fault) -> None:
    runtime = stage.runtime()
    submission = planned(stage, what)
    stage.office.fail(fault, kind="add_note")
    stage.office.fail(fault, kind="post_bulletin")
    for _ in range(2):
        stage.sink.lose_the_answer()

    runtime.submit(submission)
    for _ in patience(stage, runtime):
        pass

    view = runtime.action(submission.action_id)
    (note,) = [row.effect for row in stage.office.of_kind("add_note")]
    bulletins = [row.effect for row in stage.office.of_kind("post_bulletin")]
    steps = {step.name: step.effect for step in submission.plan.steps}
    assert note == steps["note"]
    assert bulletins == ([steps["bulletin"]] if fault is Fault.DROP_AFTER else [])
    assert view.step("note").outcome is Outcome.SETTLED  # type: ignore[union-attr]
    # No read shows the board, so nobody can know: a person hears of it.
    assert view.step("bulletin").outcome is Outcome.NEEDS_REVIEW  # type: ignore[union-attr]
    assert "needs_review" in {row.finding.code for row in runtime.findings.open()}
    sent = [(mail.message_id, mail.to, mail.subject, mail.text) for mail in stage.sink.mails]
    assert len(set(sent)) == 2  # one for each address, word for word
    assert {step.outcome for step in view.steps if step.name.startswith("mail")} == {Outcome.SETTLED}


def test_every_notice_carries_the_reference_that_finds_it(stage: Stage) -> None:
    runtime = stage.runtime()
    submission = planned(stage, "edit")

    runtime.submit(submission)
    stage.later(WINDOW)
    stage.office.settle()

    books = stage.office.books
    told = {step.name: step.effect for step in submission.plan.steps}
    (note,), (post,) = books.notes, books.bulletins
    assert isinstance(told["note"], AddNote)
    assert isinstance(told["bulletin"], PostBulletin)
    assert told["note"].reference in note[1].text
    assert told["bulletin"].reference in post[1].body
    for mail, step in zip(stage.sink.mails, ("mail", "mail.2"), strict=True):
        effect = told[step]
        assert isinstance(effect, SendMail)
        assert effect.reference in mail.subject
        assert effect.reference in mail.text


# -- when no machine can know ----------------------------------------------------------------------------------------


def reviewed(stage: Stage) -> Any:
    """A payment that nobody can know about, and its effect."""
    stage.office.blind = True
    stage.office.fail(Fault.DROP_AFTER)
    runtime = stage.runtime()
    view = runtime.submit(pay())
    stage.later(WINDOW)
    runtime.run_due()
    return runtime, runtime.journal.action(view.action_id)


def test_staff_are_told_what_to_look_at_by_note_bulletin_and_mail(stage: Stage) -> None:
    _, action = reviewed(stage)

    (mail,) = stage.sink.mails
    assert mail.subject.startswith("Please check: payment of 120.00 USD for unit 015 [PB-")
    assert f"pmsbridge actions resolve {action.id} --step payment " in mail.text
    assert len(stage.office.of_kind("add_note")) == len(stage.office.of_kind("post_bulletin")) == 1


def test_a_review_task_in_french_says_the_same_to_every_address(stage: Stage) -> None:
    _, action = reviewed(stage)
    stored = action.effect_named("payment")
    french = FacilityScribe(built_in("fr"), (), CHICAGO, "Dépôt Nord")

    steps = {s.name: s.effect for s in ReviewTask(stored, "no answer", "a@x.test; b@x.test", None, french).steps()}

    assert set(steps) == {f"review.payment.{what}" for what in ("bulletin", "note", "mail", "mail.2")}
    first = steps["review.payment.mail"]
    assert isinstance(first, SendMail)
    assert first.subject.startswith("À vérifier : paiement de 120,00 USD pour le local 015 [PB-")
    assert "(America/Chicago)" in first.text
    assert "Dépôt Nord" in first.text
    assert "Ce qui a été constaté (en anglais) : no answer." in first.text


def test_a_bridge_asks_a_french_facility_to_check_in_french_and_in_its_own_time(stage: Stage) -> None:
    chosen = Settings(
        accounts={"mem": AccountSettings(system="memory")},
        notices=settings(places={"mem/F1": {"language": "fr", "addresses": ["a@x.test", "b@x.test"]}}),
    )  # fmt: skip
    bridge = Bridge(
        chosen, database=stage.database, adapters={"mem": stage.adapter}, mailer=stage.sink, clock=stage.clock
    )
    bridge.sync(["F1"])
    stage.office.blind = True
    stage.office.fail(Fault.DROP_AFTER)
    bridge.runtime.submit(pay())
    stage.later(WINDOW)
    bridge.runtime.run_due()

    assert [mail.to for mail in stage.sink.mails] == ["a@x.test", "b@x.test"]
    assert all(mail.subject.startswith("À vérifier : paiement de 120,00 USD") for mail in stage.sink.mails)
    assert all(f"({stage.adapter.facility('F1').zone})" in mail.text for mail in stage.sink.mails)


def test_a_review_task_is_the_same_every_time(stage: Stage) -> None:
    _, action = reviewed(stage)
    task = ReviewTask(action.effect_named("payment"), "no answer", "a@x.test", None)

    assert task.steps() == task.steps()
    assert isinstance(task.steps()[0].effect, PostBulletin)
    assert (
        ReviewTask(action.effect_named("payment"), "no answer")
        .steps()[0]
        .effect.body.endswith(  # type: ignore[union-attr]
            "(No mail was sent: the facility has no e-mail address on file.)"
        )
    )


def test_a_repeated_mail_says_the_very_same_although_the_templates_changed(stage: Stage, tmp_path: Path) -> None:
    runtime = stage.runtime()
    submission = planned(stage, "ask")
    stage.sink.errors.append((True, OutcomeUnknownError("no answer after DATA")))
    runtime.submit(submission)
    own(tmp_path / "own", "en/staff_request.subject.txt", "Changed meanwhile {{ subject }}")
    opened(tmp_path / "own")
    for _ in patience(stage, runtime):
        pass

    assert len({(mail.subject, mail.text) for mail in stage.sink.mails if mail.to == "desk@example.test"}) == 1


def test_a_written_notice_is_the_same_in_another_process() -> None:
    assert scribe().write(samples(MoveOutRequested)[0]) == Written(
        "Move-out request: Renée Test",
        "Tenant Renée Test (id 1001), units: 015, A-12.\nMove-out scheduled for 2026-12-31: unit 015.\n"
        "The rental runs on until you end it; please follow up.",
    )
    assert Phrases("en").write(samples(MoveOutRequested)[0], ZoneInfo("UTC")).text.count("\n") == 2
