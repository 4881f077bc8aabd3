"""One valid specimen of every public model, filled in as far as possible."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

from pydantic import BaseModel

from pmsbridge.actions import effects as e
from pmsbridge.actions.plan import Plan, PlannedEffect, RequestSeen, Submission
from pmsbridge.model import (
    account,
    documents,
    finding,
    interactions,
    invoices,
    ledger,
    letterhead,
    payments,
    people,
    places,
    portal_accounts,
)
from pmsbridge.model import rental as rentals
from pmsbridge.model import requests as asked
from pmsbridge.model.money import Money
from pmsbridge.model.record import Source, VendorRef
from pmsbridge.model.sealed import BankAccountFace, BankAccountKind, CardBrand, CardFace
from pmsbridge.ports import messages
from pmsbridge.ports.adapter import PrepayLine, PrepayQuote, TenantSearch
from pmsbridge.ports.outcome import Receipt

DAY: Final = date(2026, 11, 21)
NOW: Final = datetime(2026, 11, 21, 18, 30, 15, 250000, tzinfo=UTC)
TEN: Final = Money.of("10.00", "USD")
NONE: Final = Money.zero("USD")
EXTRA: Final = {"vendor_field": "kept as text"}
PLACE: Final[dict[str, Any]] = {"account": "acme", "facility": "L001"}


def ref(entity: str, identity: str = "1") -> VendorRef:
    return VendorRef(system="sitelink", **PLACE, entity=entity, id=identity, version="3", seen_at=NOW)


PHONE = people.Phone(raw="(555) 010-0001", e164="+15550100001")
NAME = people.PersonName(title="Ms.", first="Renée", middle="Q", last="O'Brien", company="Łukasz & Co")
ADDRESS = people.PostalAddress(
    line1="1 Main St", line2="#015", city="Austin", region="TX", postal_code="00501", country="USA"
)
CARD = CardFace(brand=CardBrand.VISA, last4="1111", expires_on=DAY)
BANK = BankAccountFace(kind=BankAccountKind.CONSUMER_CHECKING, last4="6789")
METHOD = payments.PaymentMethod(
    ref=ref("payment_method"),
    extra=EXTRA,
    tenant_id="T1",
    rental_id="R1",
    face=CARD,
    holder="R O'Brien",
    is_usable=True,
)
AUTOPAY = payments.Autopay(
    rental_id="R1",
    state=payments.AutopayState.CARD,
    vendor_state="1",
    method=METHOD,
    method_usable=True,
    mandatory=True,
    days_after_due=3,
    read_at=NOW,
)
CONSENT = people.ConsentRecord(
    channel=people.ConsentChannel.SMS,
    purpose=people.ConsentPurpose.PAYMENT_REMINDERS,
    granted=True,
    given_at=NOW,
    source="portal",
)
CONTACT = people.Contact(
    ref=ref("contact"),
    extra=EXTRA,
    tenant_id="T1",
    role=people.ContactRole.BOOKKEEPER,
    vendor_role="Alt",
    name=NAME,
    address=ADDRESS,
    phone=PHONE,
    email="books@example.test",
    permissions=frozenset({"pay", "view_documents", "see_ledger"}),
)
TENANT = people.Tenant(
    ref=ref("tenant", "T1"),
    extra=EXTRA,
    name=NAME,
    address=ADDRESS,
    phone=PHONE,
    mobile=PHONE,
    email="renee@example.test",
    birth_date=date(1980, 2, 29),
    contacts=(CONTACT,),
    consents=(CONSENT,),
    language="fr-CA",
    is_company=True,
    is_active=True,
    portal_disabled=True,
    has_gate_code=True,
)
POLICY = places.FacilityPolicy(max_prepay_months=6, move_out_notice_days=10, blocked_from_days_past_due=30)
FACILITY = places.Facility(
    ref=ref("facility", "L001"),
    extra=EXTRA,
    name="North",
    address=ADDRESS,
    phone=PHONE,
    email="north@example.test",
    zone="America/Chicago",
    currency="USD",
    policy=POLICY,
)
SIZE = places.UnitSize(width=Decimal(10), length=Decimal("20.50"), height=Decimal(8))
UNIT = places.Unit(
    ref=ref("unit", "U1"),
    extra=EXTRA,
    number="015",
    type_name="Climate",
    size=SIZE,
    floor="1",
    state=places.UnitState.OCCUPIED,
    vendor_state="Rented",
    asking_rate=TEN,
    notice_days=5,
    features=frozenset({"climate", "drive_up", "alarm"}),
    last_changed_on=DAY,
)
ITEM = rentals.ItemOut(
    ref=ref("item_out"),
    extra=EXTRA,
    rental_id="R1",
    description="Scaffold",
    ordered=Decimal(10),
    out=Decimal("7.5"),
    returned=Decimal(2),
    call_off_pending=Decimal("1.5"),
    call_off_confirmed=Decimal(4),
)
RENTAL = rentals.Rental(
    ref=ref("rental", "R1"),
    extra=EXTRA,
    tenant_id="T1",
    unit_id="U1",
    unit_number="015",
    state=rentals.RentalState.NOTICE_GIVEN,
    vendor_state="N",
    rent=TEN,
    rent_tax=NONE,
    billing_period="monthly",
    bills_on_day=1,
    moved_in_on=DAY,
    paid_through=DAY,
    leaving_on=DAY,
    notice_given_on=DAY,
    moved_out_on=DAY,
    items=(ITEM,),
    discounts=(rentals.Discount(name="Ten off", amount=TEN, until=DAY),),
)
BALANCES = ledger.Balances(ledger=-TEN, due=NONE, payable_now=NONE, past_due=NONE, credit=TEN)
ENTRY = ledger.LedgerEntry(
    ref=ref("ledger_entry"),
    extra=EXTRA,
    rental_id="R1",
    kind=ledger.EntryKind.CHARGE,
    vendor_state="Rent",
    effect=TEN,
    effective_on=DAY,
    posted_at=NOW,
    description="Rent",
    receipt="17",
    period_from=DAY,
    period_to=DAY,
)
STATEMENT = ledger.Statement(
    rental_id="R1",
    opens_on=DAY,
    closes_on=DAY,
    opening=Money.of(-5, "USD"),
    entries=(ENTRY,),
    closing=Money.of(5, "USD"),
)
AGED = ledger.AgedBalance(on=DAY, not_due=TEN, up_to_30=NONE, up_to_60=TEN, up_to_90=NONE, over_90=NONE)
LINE = invoices.InvoiceLine(rental_id="R1", unit_number="015", description="Rent", net=TEN, tax=NONE)
INVOICE = invoices.Invoice(
    ref=ref("invoice"),
    extra=EXTRA,
    tenant_id="T1",
    number="00017",
    state=invoices.InvoiceState.SENT,
    vendor_state="S",
    issued_on=DAY,
    due_on=DAY,
    lines=(LINE,),
    total=TEN,
    paid=NONE,
    balance=TEN,
)
ALLOCATION = payments.Allocation(rental_id="R1", amount=TEN, invoice_id="I1")
PAYMENT = payments.Payment(
    ref=ref("payment"),
    extra=EXTRA,
    tenant_id="T1",
    amount=TEN,
    state=payments.PaymentState.SUCCEEDED,
    vendor_state="ok",
    paid_on=DAY,
    paid_at=NOW,
    receipt="17",
    method_text="Visa ****1111",
    reference="pi_1",
    allocations=(ALLOCATION,),
)
EXTERNAL = payments.ExternalPayment(gateway="stripe", reference="pi_0001", taken_at=NOW)
DOCUMENT_FIELDS = {
    "extra": EXTRA,
    "tenant_id": "T1",
    "rental_id": "R1",
    "title": "Lease",
    "number": "0001",
    "dated_on": DAY,
    "total": TEN,
    "signature": documents.SignatureState.SIGNED,
    "vendor_state": "done",
    "media_type": "application/pdf",
    "size_bytes": 1024,
}
REQUEST_FIELDS = {
    "extra": EXTRA,
    "tenant_id": "T1",
    "rental_id": "R1",
    "state": "sent",
    "vendor_state": "open",
    "reference": "PB-AAAAAA",
    "text": "please",
    "asked_at": NOW,
    "state_read_at": NOW,
}
PART = e.PaymentPart(rental_id="R1", unit_id="U1", unit_number="015", amount=TEN)
PAY = e.TakePayment(**PLACE, tenant_id="T1", parts=(PART,), means=EXTERNAL, reference="PB-AAAAAA")
STEP = PlannedEffect(name="payment", key="k" * 40, effect=PAY, emulates="x", guards=("g",))
PLAN = Plan(steps=(STEP, PlannedEffect(name="note", key="n" * 40, effect=PAY, after="payment", is_principal=False)))
STEP_STATE = portal_accounts.OnboardingStep(name="sign", state=portal_accounts.OnboardingState.TO_DO)
RENTAL_ACCOUNT = account.RentalAccount(
    rental=RENTAL,
    balances=BALANCES,
    unit=UNIT,
    autopay=AUTOPAY,
    billed=True,
    payments_blocked="no",
    days_past_due=0,
    last_payment_on=DAY,
)
DIFFERENCE = messages.FieldChange(before="a@b.test", after=None)
RECORD_DATA = messages.RecordData(
    **PLACE, entity="tenant", id="T1", uid="0" * 32, differences={"email": DIFFERENCE}, left_out=("gate_code",)
)
ACTION_DATA = messages.ActionData(**PLACE, id="act_1", kind="pay_rental", tenant_id="T1")
PLAN_DATA = messages.PlanData(
    **PLACE, id="act_2", tenant_id="T1", rental_id="R1", due_on="2026-12-05", amount="40.00 USD"
)
TRIAL_DATA = messages.TrialData(endpoint="crm")
PREPAY_LINE = PrepayLine(rental_id="R1", due_now=NONE, future=TEN)

SPECIMENS: Final[tuple[BaseModel, ...]] = (
    TEN,
    ref("tenant"),
    PHONE,
    NAME,
    ADDRESS,
    CARD,
    BANK,
    METHOD,
    AUTOPAY,
    payments.AutopayRecord(ref=ref("autopay"), extra=EXTRA, tenant_id="T1", autopay=AUTOPAY),
    CONSENT,
    CONTACT,
    TENANT,
    POLICY,
    FACILITY,
    SIZE,
    UNIT,
    ITEM,
    *RENTAL.discounts,
    RENTAL,
    BALANCES,
    ENTRY,
    STATEMENT,
    AGED,
    LINE,
    INVOICE,
    ALLOCATION,
    PAYMENT,
    EXTERNAL,
    PART,
    PAY,
    STEP,
    PLAN,
    STEP_STATE,
    RENTAL_ACCOUNT,
    PREPAY_LINE,
    DIFFERENCE,
    RECORD_DATA,
    messages.RecordMessage(type="tenant.changed", timestamp=NOW, data=RECORD_DATA),
    ACTION_DATA,
    messages.ActionMessage(type="action.settled", timestamp=NOW, data=ACTION_DATA),
    PLAN_DATA,
    messages.PlanMessage(timestamp=NOW, data=PLAN_DATA),
    TRIAL_DATA,
    messages.TrialMessage(timestamp=NOW, data=TRIAL_DATA),
    payments.CardPayment(face=CARD),
    payments.BankDebit(face=BANK),
    payments.StoredMethod(method_id="M1"),
    people.TenantMatch(
        tenant_id="T1", **PLACE, name=NAME, email="a@b.test", phone=PHONE, has_active_rental=True, is_exact=True
    ),
    account.TenantAccount(facility=FACILITY, tenant=TENANT, rentals=(RENTAL_ACCOUNT,), as_of=NOW, source=Source.MIRROR),
    documents.Document.model_validate({**DOCUMENT_FIELDS, "ref": ref("document"), "kind": "lease"}),
    documents.Quote.model_validate({**DOCUMENT_FIELDS, "ref": ref("quote"), "valid_until": DAY}),
    documents.Reservation(
        ref=ref("reservation"),
        extra=EXTRA,
        tenant_id="T1",
        unit_id="U1",
        state=documents.ReservationState.ACTIVE,
        vendor_state="A",
        needed_on=DAY,
        expires_on=DAY,
        quoted_rate=TEN,
        global_number="W1",
        comment="soon",
    ),
    interactions.AttachedPaper(name="a.jpg", media_type="image/jpeg", size_bytes=1, reference="s3://papers/1"),
    interactions.RecordedInteraction(
        message_id="<1@example.test>",
        direction=interactions.Direction.IN,
        channel=interactions.Channel.EMAIL,
        at=datetime(2026, 11, 20, tzinfo=UTC),
        sender="north@example.test",
        subject="s",
        text="t",
        attachments=(interactions.AttachedPaper(name="a.jpg", size_bytes=1, reference="s3://papers/1"),),
        visibility=documents.Visibility.CUSTOMER,
        rental_id="R1",
        recorded_by="staff:ann",
    ),
    documents.Note(
        ref=ref("note"),
        extra=EXTRA,
        tenant_id="T1",
        rental_id="R1",
        kind=documents.NoteKind.MAINTENANCE,
        visibility=documents.Visibility.CUSTOMER,
        text="Door sticks",
        written_at=NOW,
        written_on=DAY,
        author="anna",
    ),
    documents.Bulletin(ref=ref("bulletin"), extra=EXTRA, subject="Door", body="Unit 015", due_on=DAY, posted_at=NOW),
    documents.Event(
        ref=ref("event"),
        extra=EXTRA,
        tenant_id="T1",
        kind=documents.EventKind.INSPECTION,
        vendor_state="x",
        title="Look",
        starts_at=NOW,
        ends_at=NOW,
        rental_id="R1",
        state=documents.EventState.DONE,
        findings="A lock is left",
    ),
    finding.Finding(
        code="impossible_rental_step",
        severity=finding.Severity.WARNING,
        **PLACE,
        subject="acme/L001/rental/R1",
        text="closed to active",
        found_at=NOW,
    ),
    portal_accounts.PortalAccount(
        ref=ref("portal_account"),
        extra=EXTRA,
        tenant_id="T1",
        login="renee@example.test",
        state=portal_accounts.SignInState.CLAIMED,
        access=portal_accounts.AccessLevel.FULL,
        eligibility_reasons=("cash_only",),
        steps=(STEP_STATE,),
        last_signed_in_at=NOW,
    ),
    asked.Request.model_validate({**REQUEST_FIELDS, "ref": ref("request"), "kind": "service"}),
    asked.MoveOut.model_validate({**REQUEST_FIELDS, "ref": ref("move_out"), "notice_given_on": DAY, "leaving_on": DAY}),
    asked.CallOff.model_validate(
        {
            **REQUEST_FIELDS,
            "ref": ref("call_off"),
            "item_id": "I1",
            "quantity": "1.5",
            "call_off_state": "acknowledged",
            "reason": "past_cutoff",
            "stop_at": NOW,
            "call_number": "C7",
            "pickup_on": DAY,
        }
    ),
    e.PostFutureCharges(**PLACE, tenant_id="T1", months=3),
    e.SetAutopay(**PLACE, tenant_id="T1", rental_id="R1", on=True, method=BANK, days_after_due=2),
    e.ScheduleMoveOut(**PLACE, tenant_id="T1", rental_id="R1", leaving_on=DAY, notice_given_on=DAY),
    e.AttachDocument(
        **PLACE,
        tenant_id="T1",
        rental_id="R1",
        title="licence.pdf",
        media_type="application/pdf",
        size=8,
        sha256="a" * 64,
        reference="PB-ABCDEFGHIJKL",
    ),
    e.RequestCallOff(
        **PLACE,
        tenant_id="T1",
        rental_id="R1",
        item_id="I1",
        description="Mixer",
        quantity=Decimal("2.5"),
        wanted_on=DAY,
        place="Gate 3",
        comment="By the fence.",
        reference="PB-ABCDEFGHIJKL",
    ),
    e.CancelMoveOut(**PLACE, tenant_id="T1", rental_id="R1"),
    e.WithdrawCallOff(
        **PLACE,
        tenant_id="T1",
        rental_id="R1",
        item_id="I1",
        called_off="PB-ABCDEFGHIJKL",
        description="Mixer",
        quantity=Decimal("2.5"),
        reference="PB-CCCCCCCCCCCC",
    ),
    e.ChangeContact(**PLACE, tenant_id="T1", changes={"email": "new@example.test"}, seen={"email": "old@example.test"}),
    e.SetConsent(
        **PLACE,
        tenant_id="T1",
        channel=people.ConsentChannel.SMS,
        purpose=people.ConsentPurpose.MARKETING,
        granted=False,
    ),
    e.AddNote(**PLACE, tenant_id="T1", rental_id="R1", text="called", reference="PB-AAAAAA"),
    e.PostBulletin(**PLACE, subject="s", body="b", due_on=DAY, reference="PB-AAAAAA"),
    e.SendMail(**PLACE, to="north@example.test", subject="s", text="t", reference="PB-AAAAAA"),
    e.ReserveUnit(
        **PLACE,
        tenant_id="T1",
        unit_id="U1",
        needed_on=DAY,
        expires_on=DAY,
        quoted_rate=TEN,
        comment="c",
        reference="PB-AAAAAA",
    ),
    e.SetWebPassword(**PLACE, tenant_id="T1", login="renee"),
    e.ChangeAccessCode(**PLACE, tenant_id="T1", rental_id="R1"),
    Submission(
        action_id="act_1",
        key="click-0001",
        kind="pay",
        **PLACE,
        tenant_id="T1",
        intent="{}",
        actor="staff:anna",
        plan=PLAN,
        request_seen=RequestSeen(id="act_0", paid_by=frozenset({"act_2"})),
    ),
    RequestSeen(id="act_0", paid_by=frozenset({"act_2"})),
    Receipt(evidence="receipt 17", vendor_ids={"payment": "17"}, code="1", at=NOW, read_back=True, emulated=True),
    PrepayQuote(months=3, lines=(PREPAY_LINE,), through={"R1": DAY}),
    letterhead.Letterhead(
        name="North Storage",
        lines=("1 Main St", "Austin, TX"),
        logo="logo.png",
        foot="VAT 1",
        size=letterhead.PaperSize.LETTER,
        accent="#123abc",
        fonts=("more.ttf",),
    ),
    TenantSearch(first_name="a", last_name="b", company="c", email="d@e.test", phone="5", unit_number="015"),
)
