"""A way of a portal's own to say who somebody is: the same door around it as around ours."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pmsbridge.accounts import passwords
from pmsbridge.accounts.even_time import STEP_SECONDS
from pmsbridge.accounts.matching import CopiedPeople, IdentityMatcher
from pmsbridge.accounts.register import same_postal_code
from pmsbridge.errors import ConfigurationError, IneligibleError, InputError
from pmsbridge.model.people import Phone, Tenant
from pmsbridge.model.rental import Rental, RentalState
from pmsbridge.model.sealed import WebPassword
from pmsbridge.portal.bridge import Bridge
from pmsbridge.settings import AccountSettings, Settings
from pmsbridge.store.database import Database, open_database
from pmsbridge.testing.memory import MemoryAdapter, MemoryOffice, TestClock
from tests.mailbox import Outbox

GOOD = {"number": "T1", "postal_code": "78701"}
WAY = "customer_number"


class CustomerNumber:
    """The customer's number, as it stands on every bill, and the postal code."""

    fields = ("number", "postal_code")
    counted = ("number",)

    def __init__(self) -> None:
        self.looked: list[str] = []

    def read(self, given: Mapping[str, str]) -> Mapping[str, str]:
        number = given["number"].upper().replace(" ", "").replace("-", "")
        if not number.startswith("T"):
            raise InputError("number", "begins with T")
        return {**given, "number": number}

    def find(self, people: CopiedPeople, given: Mapping[str, str]) -> Iterable[str]:
        self.looked.append(given["number"])
        tenant = people.tenant(given["number"])
        if tenant is not None and same_postal_code(given["postal_code"], tenant.address.postal_code):
            yield tenant.id


class Around(CustomerNumber):
    """Finds whom it is told to."""

    def __init__(self, find: Callable[[CopiedPeople], Iterable[str]]) -> None:
        super().__init__()
        self._find = find

    def find(self, people: CopiedPeople, given: Mapping[str, str]) -> Iterable[str]:
        super().find(people, given)
        return self._find(people)


@contextmanager
def bridge_with(folder: Path, outbox: Outbox | None = None, **identity: IdentityMatcher) -> Iterator[Bridge]:
    office = MemoryOffice(TestClock(), account="north", facilities=("F1",))
    with Bridge(
        Settings(accounts={"north": AccountSettings(system="memory")}), mailer=outbox or Outbox(), clock=office.clock,
        database=open_database(f"sqlite:///{folder}/bridge.db"), adapters={"north": MemoryAdapter(office)},
        identity=identity,
    ) as made:  # fmt: skip
        yield made


@pytest.fixture(autouse=True)
def _passwords_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_PASSES", 1)
    monkeypatch.setattr(passwords, "_MEMORY_KIB", 32)


@pytest.fixture
def matcher() -> CustomerNumber:
    return CustomerNumber()


@pytest.fixture
def bridge(tmp_path: Path, matcher: CustomerNumber) -> Iterator[Bridge]:
    with bridge_with(tmp_path, customer_number=matcher) as made:
        made.sync()
        yield made


def books(bridge: Bridge) -> Any:
    adapter = bridge.adapters["north"]
    assert isinstance(adapter, MemoryAdapter)
    return adapter.office.books


def edit(bridge: Bridge, tenant_id: str, **fields: object) -> None:
    tenant = books(bridge).find(Tenant, "F1", tenant_id)
    books(bridge).put("F1", tenant.changed(**fields))
    bridge.sync()


def refused(bridge: Bridge, **other: str) -> tuple[str, ...]:
    with pytest.raises(IneligibleError) as no:
        bridge.accounts.identify("F1", WAY, {**GOOD, **other})
    return no.value.code, no.value.message, no.value.unblock


def test_what_fits_opens_a_session_and_with_a_password_a_login(bridge: Bridge) -> None:
    assert bridge.accounts.identify("F1", WAY, {**GOOD, "number": " t-1 "}).tenant_id == "T1"

    made = bridge.accounts.identify("F1", WAY, GOOD, password=WebPassword("fake-pw-77"))

    again = bridge.accounts.sign_in("F1", "ana@example.test", WebPassword("fake-pw-77"))
    assert again is not None
    assert made.tenant_id == again.tenant_id == "T1"
    assert refused(bridge)[0] == "no_match"  # who has a password changes it by a mailed link


def test_whatever_is_wrong_the_answer_is_ours_and_takes_as_long(bridge: Bridge) -> None:
    edit(bridge, "T2", portal_disabled=True)
    began = bridge.clock.monotonic()

    answers = [refused(bridge, **other) for other in ({"number": "T999"}, {"postal_code": "1"}, {"number": "T2"})]

    with pytest.raises(IneligibleError) as ours:
        bridge.accounts.register("F1", phone="9995550101", email="nobody@example.test", postal_code="1")
    assert {*answers} == {(ours.value.code, ours.value.message, ours.value.unblock)}
    assert bridge.clock.monotonic() - began == pytest.approx(4 * STEP_SECONDS, abs=0.2)


def test_attempts_are_counted_by_what_the_way_says_however_it_is_typed(bridge: Bridge, matcher: CustomerNumber) -> None:
    for wrong, number in enumerate(("T1", "t1", "T 1", "t-1", "T1")):
        refused(bridge, number=number, postal_code=f"1{wrong}")
    looked = len(matcher.looked)

    assert refused(bridge)[0] == "no_match"  # right, but one too many
    assert len(matcher.looked) == looked
    assert bridge.accounts.identify("F1", WAY, {**GOOD, "number": "T3"}).tenant_id == "T3"
    assert [each.finding.code for each in bridge.runtime.findings.open()] == ["sign_in_locked"]
    bridge.clock.sleep(bridge.settings.portal.attempts_within.total_seconds())
    assert bridge.accounts.identify("F1", WAY, GOOD).tenant_id == "T1"


def test_who_comes_in_often_is_never_one_too_many(bridge: Bridge) -> None:
    assert {bridge.accounts.identify("F1", WAY, GOOD).tenant_id for _ in range(8)} == {"T1"}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"number": "T1"}, "postal_code"), ({**GOOD, "unit": "015"}, "given"), ({**GOOD, "number": " "}, "number"),
        ({**GOOD, "number": "T" * 201}, "number"), ({**GOOD, "number": 1}, "number"), ("T1", "given"),
        ({**GOOD, "number": "X1"}, "number"), ({**GOOD, "number": "4111 1111 1111 1111"}, "number"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_before_anything_is_counted(
    bridge: Bridge, matcher: CustomerNumber, given: Any, field: str
) -> None:
    for _ in range(7):
        with pytest.raises(InputError) as no:
            bridge.accounts.identify("F1", WAY, given)
        assert no.value.field == field
        assert "4111" not in str(no.value)

    assert matcher.looked == []
    assert bridge.accounts.identify("F1", WAY, GOOD).tenant_id == "T1"
    with pytest.raises(InputError, match=r"contact, customer_number"):
        bridge.accounts.identify("F1", "shoe_size", GOOD)


@pytest.mark.parametrize(
    "found", [[], ["T1", "T2"], ["T999"], ["T999", "T998"]], ids=["nobody", "two", "a stranger", "strangers"]
)
def test_nobody_or_several_lets_nobody_in(tmp_path: Path, found: list[str]) -> None:
    with bridge_with(tmp_path, customer_number=Around(lambda _: found)) as bridge:
        bridge.sync()

        assert refused(bridge)[0] == "no_match"


def test_one_who_is_found_twice_is_one(tmp_path: Path) -> None:
    with bridge_with(tmp_path, customer_number=Around(lambda _: ["T1", "T1", "T999"])) as bridge:
        bridge.sync()

        assert bridge.accounts.identify("F1", WAY, GOOD).tenant_id == "T1"


def test_a_way_that_breaks_lets_nobody_in_and_staff_hear_of_it(tmp_path: Path) -> None:
    def broken(_people: CopiedPeople) -> list[str]:
        message = "T1 lives at 78701"
        raise KeyError(message)

    with bridge_with(tmp_path, customer_number=Around(broken)) as bridge:
        bridge.sync()

        assert refused(bridge)[0] == "no_match"
        (told,) = bridge.runtime.findings.open()
        assert told.finding.code == "matcher_failed"
        assert "78701" not in told.finding.text


def test_nobody_is_recognised_before_the_first_copy(tmp_path: Path, matcher: CustomerNumber) -> None:
    with bridge_with(tmp_path, customer_number=matcher) as bridge:
        assert refused(bridge)[0] == "not_ready_yet"
        assert matcher.looked == []


def test_a_way_finds_people_by_number_address_and_unit(tmp_path: Path) -> None:
    seen: dict[str, list[str]] = {}

    def look(people: CopiedPeople) -> list[str]:
        for what, found in (
            ("phone", people.with_phone("+1 (512) 555-0102")), ("email", people.with_email(" ANA@example.test")),
            ("unit", people.with_unit("15")), ("no unit", people.with_unit("0015")), ("none", people.with_email(" ")),
        ):  # fmt: skip
            seen[what] = [tenant.id for tenant in found]
        assert [rental.id for rental in people.rentals("T1")] == ["R1", "R4"]
        return ["T1"]

    with bridge_with(tmp_path, customer_number=Around(look)) as bridge:
        edit(bridge, "T2", mobile=Phone(raw="512-555-0199"))

        assert bridge.accounts.identify("F1", WAY, GOOD).tenant_id == "T1"
        assert seen == {"phone": ["T2"], "email": ["T1"], "unit": ["T2"], "no unit": [], "none": []}


@pytest.mark.parametrize(
    ("name", "changes", "why"),
    [
        ("contact", {}, "no name for a matcher"), (" ", {}, "no name for a matcher"),
        (WAY, {"counted": ()}, "must count"), (WAY, {"counted": ("shoe_size",)}, "must count"),
        (WAY, {"find": None, "read": None}, "must"),
    ],
)  # fmt: skip
def test_a_way_that_is_none_is_refused_when_the_bridge_opens(
    tmp_path: Path, name: str, changes: dict[str, Any], why: str
) -> None:
    given: Any = CustomerNumber()
    for field, value in changes.items():
        setattr(given, field, value)
    if "find" in changes:
        given, why = object(), "no IdentityMatcher"

    with pytest.raises(ConfigurationError, match=why), bridge_with(tmp_path, **{name: given}):
        pass


def test_a_way_that_reads_nothing_to_count_by_is_refused(tmp_path: Path, matcher: CustomerNumber) -> None:
    matcher.read = lambda given: {"postal_code": given["postal_code"]}  # type: ignore[method-assign]
    with bridge_with(tmp_path, customer_number=matcher) as bridge:
        bridge.sync()

        with pytest.raises(ConfigurationError, match="number"):
            bridge.accounts.identify("F1", WAY, GOOD)


# -- one login of the back office, several customers ------------------------------------------------------------------


def sessions(bridge: Bridge) -> list[str]:
    found = bridge.accounts.sign_in_all("F1", "ana@example.test", WebPassword("fake-pw-77"))
    return [session.tenant_id for session in found]


def several(patch: pytest.MonkeyPatch, *ids: str) -> None:
    patch.setattr(MemoryAdapter, "sign_in", lambda *_, **__: list(ids))


@pytest.mark.fact("S0.4")
def test_a_login_that_opens_several_gives_all_of_them_and_staff_are_told_once(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    several(monkeypatch, "T3", "T1", "T2", "T1")

    assert sessions(bridge) == sessions(bridge) == ["T3", "T1", "T2"]

    (told,) = bridge.runtime.findings.open()
    assert (told.finding.code, told.finding.subject, told.times) == ("split_tenant", "T1 T2 T3", 2)
    one = bridge.accounts.sign_in("F1", "ana@example.test", WebPassword("fake-pw-77"))
    assert one is not None
    assert one.tenant_id == "T3"


def test_who_rents_something_now_comes_before_who_does_not(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> None:
    several(monkeypatch, "T2", "T1")
    rental = books(bridge).find(Rental, "F1", "R2")
    books(bridge).put("F1", rental.changed(state=RentalState.CLOSED))
    bridge.sync()

    assert sessions(bridge) == ["T1", "T2"]


def test_whom_the_copy_does_not_admit_is_none_of_several(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> None:
    several(monkeypatch, "T2", "T1")
    edit(bridge, "T2", portal_disabled=True)

    assert sessions(bridge) == ["T1"]
    assert bridge.runtime.findings.open() == []


def test_a_wrong_password_opens_none_and_tells_nothing(bridge: Bridge) -> None:
    books(bridge).logins["F1", "ana@example.test"] = ("fake-pw-77", "T1")

    assert bridge.accounts.sign_in_all("F1", "ana@example.test", WebPassword("fake-pw-00")) == ()
    assert sessions(bridge) == ["T1"]
    assert bridge.runtime.findings.open() == []


def test_as_much_is_asked_of_the_copy_whether_a_login_of_the_back_office_is_wrong_or_right_and_opens_nothing(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    bridge.accounts.identify("F1", WAY, GOOD, password=WebPassword("correct horse"))  # T1 signs in by that alone
    edit(bridge, "T2", portal_disabled=True)
    names = {"guarded": "T1", "barred": "T2", "open": "T3"}
    books(bridge).logins.update({("F1", name): ("fake-pw-77", tenant_id) for name, tenant_id in names.items()})
    reads = list[str]()
    read = Database.read

    def counted(database: Database) -> Any:
        reads.append("read")
        return read(database)

    monkeypatch.setattr(Database, "read", counted)

    def cost(name: str, password: str) -> int:
        reads.clear()
        assert bridge.accounts.sign_in_all("F1", name, WebPassword(password)) == ()
        return len(reads)

    tried = [("nobody", "fake-pw-00"), ("open", "fake-pw-00"), ("guarded", "fake-pw-77"), ("barred", "fake-pw-77")]
    costs = {name: cost(name, password) for name, password in tried}

    assert len(set(costs.values())) == 1, costs
    assert bridge.accounts.sign_in_all("F1", "open", WebPassword("fake-pw-77"))


@pytest.mark.parametrize("email", ["n/a", "", "none known"])
def test_whoever_cannot_be_mailed_makes_no_password_and_is_answered_like_a_stranger(bridge: Bridge, email: str) -> None:
    edit(bridge, "T1", email=email)
    with pytest.raises(IneligibleError) as no:
        bridge.accounts.identify("F1", WAY, GOOD, password=WebPassword("correct horse"))

    assert no.value.code == "no_match"
    assert bridge.accounts.identify("F1", WAY, GOOD).tenant_id == "T1"  # no login stands in the way


def test_of_several_addresses_on_a_record_the_first_is_mailed(tmp_path: Path) -> None:
    outbox = Outbox()
    with bridge_with(tmp_path, outbox, customer_number=CustomerNumber()) as made:
        edit(made, "T1", email="first@example.com; second@example.com")
        made.accounts.identify("F1", WAY, GOOD, password=WebPassword("correct horse"))
        made.runtime.run_due()

    assert [mail.to for mail in outbox.mails] == ["first@example.com"]


def test_a_matcher_that_finds_one_text_lets_nobody_in_letter_by_letter(tmp_path: Path) -> None:
    with bridge_with(tmp_path, customer_number=Around(lambda _people: "T1")) as made:
        made.sync()
        assert refused(made)[0] == "no_match"
        assert [found.finding.code for found in made.runtime.findings.open()] == ["matcher_failed"]
