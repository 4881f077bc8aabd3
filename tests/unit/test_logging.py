"""Nothing secret is ever written: card numbers in every dress, passwords, keys, and whatever libraries say of them."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import logging
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr, ValidationError

from pmsbridge.errors import ConfigurationError, RejectedError
from pmsbridge.logging import (
    RedactingFilter,
    assert_redaction_installed,
    configure,
    get_logger,
    install_filters,
    redact,
    redact_value,
    redaction_processor,
    render_error,
)
from pmsbridge.logging.redaction import is_card_number, is_secret_key

# Numbers published for testing; none was ever issued.
CARDS = {
    "visa": "4111111111111111",
    "visa of 13": "4222222222222",
    "visa of 19": "4111111111111111110",
    "mastercard": "5555555555554444",
    "mastercard of series 2": "2223003122003222",
    "amex": "378282246310005",
    "discover": "6011111111111117",
    "diners": "30569309025904",
    "diners of 36": "36227206271667",
    "jcb": "3530111333300000",
    "unionpay": "6240008631401148",
    "maestro": "6759649826438453",
}
VISA = CARDS["visa"]
GROUPED = "4111 1111 1111 1111"
FORMS: dict[str, str] = {
    **{f"plain {name}": number for name, number in CARDS.items()},
    "spaced": GROUPED,
    "dashed": GROUPED.replace(" ", "-"),
    "dotted": GROUPED.replace(" ", "."),
    "slashed": GROUPED.replace(" ", "/"),
    "underscored": GROUPED.replace(" ", "_"),
    "tabbed": GROUPED.replace(" ", "\t"),
    "hard spaces": GROUPED.replace(" ", "\u00a0"),
    "en dashes": GROUPED.replace(" ", "\u2013"),
    "zero width": VISA[:8] + "\u200b" + VISA[8:],
    "two spaces": GROUPED.replace(" ", "  "),
    "spaced amex": "3782 822463 10005",
    "digit by digit": " ".join(VISA),
    "in words": f"the card {VISA}, thanks",
    "after a number": f"room 12 {GROUPED} 05/27",
    "glued to letters": f"x{VISA}y",
    "in JSON": json.dumps({"n": VISA}),
    "in XML": f"<sCreditCardNumber>{VISA}</sCreditCardNumber>",
    "in foreign XML": f"<a:v xmlns:a='u'>{VISA}</a:v>",
    "in a query": f"https://pms.test/pay?c={VISA}&x=1",
    "in a path": f"https://pms.test/pay/{VISA}/x",
    "URL encoded": quote(GROUPED),
    "plus encoded": quote_plus(GROUPED),
    "percent digits": "".join(f"%{ord(digit):x}" for digit in VISA),
    "XML references": "".join(f"&#{ord(digit)};" for digit in VISA),
    "XML hex references": "".join(f"&#x{ord(digit):x};" for digit in VISA),
    "JSON escapes": "".join(f"\\u{ord(digit):04x}" for digit in VISA),
    "byte escapes": "".join(f"\\x{ord(digit):02x}" for digit in VISA),
    "hex": VISA.encode().hex(),
    "base64": base64.b64encode(VISA.encode()).decode(),
    "base64 of a form": base64.b64encode(f"card={VISA}&cvv=123".encode()).decode(),
    "url safe base64": base64.urlsafe_b64encode(f"??>>{VISA}".encode()).decode(),
    "full width": "".join(chr(ord(digit) - 48 + 0xFF10) for digit in VISA),
    "arabic": "".join(chr(ord(digit) - 48 + 0x0660) for digit in VISA),
    "track 2": f";{VISA}=27051010000012345678?",
    "track 1": f"%B{VISA}^DOE/JANE^2705101?",
    "with expiry glued": f"{VISA}0527",
    "two cards": f"{VISA} {CARDS['mastercard']}",
    "two lines": f"{VISA}\n{VISA}",
    "repr of bytes": repr(VISA.encode()),
}
KEPT = {number[-4:] for number in CARDS.values()}


def leaks(text: str) -> bool:
    """Whether a card number of ours can be found in ``text``, looked for independently of the redactor."""
    text = re.sub(r"\[card ending \d{4}\]", "[card]", text)
    shapes = {text, text.replace("\\\\", "\\")}
    flat = {"".join(str(int(c)) for c in shape if c.isdecimal()) for shape in shapes}
    spelled = {form for name, form in FORMS.items() if not name.startswith("in ")} - set(CARDS.values())
    return any(number in digits for number in CARDS.values() for digits in flat) or any(
        form in text for form in spelled
    )


def test_the_leak_finder_finds_every_form() -> None:
    missed = [name for name, form in FORMS.items() if not leaks(form)]

    assert missed == []
    assert len(FORMS) >= 30


@pytest.mark.parametrize("name", FORMS)
def test_a_card_number_is_taken_out_in_every_dress(name: str) -> None:
    assert not leaks(redact(FORMS[name]))


def test_the_last_four_digits_stay() -> None:
    assert redact(f"paid with {GROUPED} today") == "paid with [card ending 1111] today"


@pytest.mark.parametrize(
    "text",
    [
        "unit 015 rented 2026-05-01T13:30:00-04:00 for 129.0000",
        "ledger 123456 tenant 987654 receipt 1000234567",
        "0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5",
        "1234567890123456",
        "4111111111111112",
        "9999999999999995",
        "id 550e8400-e29b-41d4-a716-446655440000",
        "sha 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "call 12 of 200 took 0.417 s",
        "phone +49 30 123456-78",
        "https://pms.test/CCWs_3.5/CallCenterWs.asmx",
        "balance 129.00 due 64.50 paid 64.50",
        "card_last4=1111 brand=visa",
        "TenantNoteInsert at pms.test:8080: HTTP 503",
    ],
)
def test_plain_text_is_left_as_it_is(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize("word", [
    "act_a1b4111111111111111c2d3e", "eff_0c4111111111111111a1b2c3",
    "9f4111111111111111a0b1c2d3e4f5", "9F4111111111111111A0B1C2D3E4F5",
    "1a2b3c4111111111111111d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f6071829",
])  # fmt: skip
def test_digits_of_a_digest_or_of_an_id_of_ours_are_no_card(word: str) -> None:
    assert is_card_number("4111111111111111")
    assert redact(f"drain of {word} began") == f"drain of {word} began"
    assert redact(f"{word} 4111111111111111 {word}") == f"{word} [card ending 1111] {word}"


@pytest.mark.parametrize("text", [
    "4111111111111111abcdefab", "abcdefab4111111111111111", "abcd4111111111111111abcd", "ab_4111111111111111_abcdef",
    "4111111111111111D25122010000000000F", "4111111111111111d25122010000000000", "act_4111111111111111abcdefab",
    "act_4111111111111111", "a1b2c3 4111 1111 1111 1111", "zz1a2b3c4111111111111111d4e5f607",
])  # fmt: skip
def test_letters_around_a_card_number_hide_nothing(text: str) -> None:
    assert "4111111111111111" not in redact(text)
    assert "411111111111" not in redact(text).replace(" ", "")


def test_next_to_no_digest_is_touched() -> None:
    chance = random.Random(9)  # noqa: S311
    digests = [hashlib.sha256(chance.randbytes(8)).hexdigest()[: chance.choice((24, 64))] for _ in range(20_000)]

    assert sum(redact(digest) != digest for digest in digests) <= 1


def test_few_random_numbers_are_taken_for_cards() -> None:
    chance = random.Random(7)  # noqa: S311
    numbers = [str(chance.randrange(10**15, 10**16)) for _ in range(20_000)]
    share = sum(redact(number) != number for number in numbers) / len(numbers)

    # One in ten has the check digit, and of those about a third begin as issuers begin.
    assert 0.02 < share < 0.05


def test_few_lines_of_everyday_numbers_are_touched() -> None:
    chance = random.Random(8)  # noqa: S311
    lines = [
        f"unit {chance.randrange(1000):03d} ledger {chance.randrange(10**6)} paid {chance.randrange(10**5) / 100:.4f} "
        f"on 2026-{chance.randrange(1, 13):02d}-{chance.randrange(1, 29):02d}T00:00:00 id {chance.randrange(10**9)}"
        for _ in range(5000)
    ]

    assert sum(redact(line) != line for line in lines) <= 5


SECRETS = {
    "licence": ("user Admin:::LICENCECANARY failed", "Admin:::"),
    "password in text": ("login password=canary-one refused", "password="),
    "quoted password": ('{"password": "canary one, two"}', "password"),
    "password element": ("<sCorpPassword>canary</sCorpPassword>", "sCorpPassword"),
    "prefixed element": ("<ns0:sWebPassword a='b'>canary</ns0:sWebPassword>", "sWebPassword"),
    "cvv": ("sCreditCardCVV: canary", "sCreditCardCVV"),
    "gate code": ("gate code: canary", "gate code"),
    "access code": ("sAccessCode=canary", "sAccessCode"),
    "bearer": ("Authorization: Bearer canary.canary-canary", "Authorization"),
    "bare bearer": ("sent Bearer canarycanary", "Bearer"),
    "basic": ("authorization: Basic Y2FuYXJ5Y2FuYXJ5", "authorization"),
    "cookie": ("Cookie: session=canary", "Cookie"),
    "query": ("GET https://pms.test/login?token=canary&x=1", "https://pms.test/login"),
    "fragment": ("open https://portal.test/claim#canary", "https://portal.test/claim"),
    "user info": ("postgresql://bridge:canary@db/pms", "postgresql://"),
    "ssn": ("ssn 078-05-1120", "ssn"),
    "key": ("using sk_live_canarycanary", "using"),
    "api key": ("api_key = canary", "api_key"),
}


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_in_text_is_taken_out_and_its_place_is_kept(name: str) -> None:
    text, kept = SECRETS[name]
    clean = redact(text)

    assert not any(secret in clean for secret in ("canary", "CANARY", "078-05", "Y2Fu"))
    assert kept in clean


@pytest.mark.parametrize(
    "key",
    [
        "password", "sCorpPassword", "sWebPassword", "corp_password", "passwd", "pwd", "card", "card_number", "pan",
        "cvv",
        "sCreditCardNumber", "sCreditCardCVV", "ssn", "sSSN", "sACHAccount", "sGateCode", "sAccessCode", "sAccessCode2",
        "gate_code", "token", "access_token", "Authorization", "cookie", "Set-Cookie", "sLicense", "licence_key",
        "api_key",
        "sABARoutingNum", "sAccountNum", "secret", "sCCTrack2", "pin", "sWebSecurityQA",
    ],
)  # fmt: skip
def test_a_key_that_smells_of_a_secret_hides_its_value(key: str) -> None:
    assert is_secret_key(key)
    assert redact_value({key: "canary"}) == {key: "[redacted]"}


@pytest.mark.parametrize(
    "key",
    [
        "card_last4", "card_brand", "sUnitName", "company", "pending", "spans", "shipping", "author", "passed", "lane",
        "operation", "idempotency_key", "effect_key", "panel", "iCreditCardType", "token_count", "opinion", "account",
    ],
)  # fmt: skip
def test_a_key_that_only_sounds_alike_does_not(key: str) -> None:
    assert redact_value({key: "plain"}) == {key: "plain"}


def test_the_user_stays_and_the_licence_goes() -> None:
    assert redact_value({"sCorpUserName": "Admin:::CANARY"}) == {"sCorpUserName": "Admin:::[redacted]"}


def test_values_keep_their_kind_and_hide_what_they_hold() -> None:
    class Odd:
        def __repr__(self) -> str:
            return f"Odd({VISA})"

    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError(VISA)

    moment = datetime(2026, 5, 1, tzinfo=UTC)
    value = {
        "n": 5, "d": Decimal("1.50"), "b": True, "none": None, "day": date(2026, 5, 1), "at": moment, "i": int(VISA),
        "list": [VISA, (GROUPED, {"x": {VISA}})], "bytes": VISA.encode(), VISA: "key", "odd": Odd(), "broken": Broken(),
        "password": {"nested": "canary"}, "path": Path(f"/drawer/{VISA}"), "secret": None,
    }  # fmt: skip
    clean = redact_value(value)

    assert isinstance(clean, dict)
    assert not leaks(repr(clean))
    assert "canary" not in repr(clean)
    plain = {key: clean[key] for key in ("n", "d", "b", "none", "day", "at", "secret", "broken")}
    assert plain == {
        "n": 5, "d": Decimal("1.50"), "b": True, "none": None, "day": date(2026, 5, 1), "at": moment, "secret": None,
        "broken": "[Broken]",
    }  # fmt: skip


def test_a_value_that_holds_itself_ends() -> None:
    knot: list[object] = []
    knot.append(knot)

    assert "too deep" in repr(redact_value(knot))


@pytest.mark.parametrize(
    "text",
    [
        "4" * 300_000, "4 " * 150_000, "41" * 150_000, "password=" * 30_000, "password='" * 30_000,
        'password="' * 30_000,
        "<password " * 30_000, "https://" * 30_000, ":::" * 100_000, "a" * 300_000, "A1" * 150_000, "%3" * 100_000,
        "&#5" * 100_000, "&#52;" * 60_000, "\\u003" * 60_000, "." * 300_000, "bearer " * 40_000, "3434" * 70_000,
        "http://x" * 30_000, "a://" * 60_000, "1-" * 150_000, "token:" * 50_000, "x.token" * 40_000, "é" * 200_000,
    ],
    ids=range(24),
)  # fmt: skip
def test_hostile_text_costs_time_in_proportion_to_its_length(text: str) -> None:
    began = time.process_time()
    redact(text)

    assert time.process_time() - began < 4


def test_very_long_text_is_cut_and_says_so() -> None:
    assert redact("x" * 1_000_005).endswith("[5 more characters]")


@given(st.text(max_size=200))
def test_any_text_is_redacted_without_a_complaint_and_twice_is_once(text: str) -> None:
    once = redact(text)

    assert redact(once) == once


@given(
    st.sampled_from(sorted(CARDS.values())),
    st.text(alphabet="abc xyz:,;\n", max_size=20),
    st.text(alphabet="abc,;\n", max_size=20),
)
def test_a_card_number_is_found_wherever_it_stands(number: str, before: str, after: str) -> None:
    assert number not in redact(f"{before}{number}{after}")


def test_a_card_number_has_length_issuer_and_check_digit() -> None:
    assert all(is_card_number(number) for number in CARDS.values())
    assert not any(is_card_number(number[:-1] + str((int(number[-1]) + 1) % 10)) for number in CARDS.values())
    assert not is_card_number("0" * 16)


# -- through the loggers


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where ``configure`` writes; everything is put back afterwards."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level, structlog.get_config(), structlog.is_configured())
    yield io.StringIO()
    root.handlers[:], root.level = before[0], before[1]
    if before[3]:
        structlog.configure(**before[2])
    else:
        structlog.reset_defaults()


def everything_said(stream: io.StringIO, *, as_json: bool) -> None:
    """Say every form of a card number in every way there is."""
    configure(level="DEBUG", json=as_json, stream=stream)
    ours, theirs, plain = get_logger("pmsbridge.test"), structlog.get_logger(), logging.getLogger("somebody.elses")
    for form in FORMS.values():
        ours.info("paid", number=form, nested=[{"deep": (form, {form})}], card=form)
        ours.bind(bound=form).warning(f"event {form}")
        theirs.info("paid", number=form, nested={"a": [form]}, raw=form.encode())
        plain.info("paid %s", form)
        plain.info(f"paid {form}")
        plain.warning("paid %(n)s", {"n": form})
        for error in (ValueError(form), RejectedError(form), KeyError(form)):
            try:
                raise error
            except (ValueError, RejectedError, KeyError):
                ours.exception("failed", number=form)
                theirs.exception("failed")
                plain.exception("failed %s", form)
            try:
                try:
                    raise error
                except (ValueError, RejectedError, KeyError) as cause:
                    raise RuntimeError(form) from cause
            except RuntimeError as chained:
                ours.error("failed", exc_info=chained, error=chained)


@pytest.mark.parametrize("as_json", [True, False], ids=["json", "text"])
def test_no_form_of_a_card_number_is_written_by_any_logger(stream: io.StringIO, as_json: bool) -> None:
    everything_said(stream, as_json=as_json)
    lines = stream.getvalue().splitlines()

    assert len(lines) > 500
    assert [line for line in lines if leaks(line)] == []
    if as_json:
        assert all(isinstance(json.loads(line), dict) for line in lines)


def test_a_pydantic_error_does_not_bring_its_input_along(stream: io.StringIO) -> None:
    class Login(BaseModel):
        code: int
        password: SecretStr

    configure(level="DEBUG", json=True, stream=stream)
    try:
        Login.model_validate({"code": "canary-code", "password": ["canary-password"]})
    except ValidationError as error:
        get_logger("x").exception("refused", error=error)
        structlog.get_logger().exception("refused", error=error)
        logging.getLogger("x").exception("refused")

    assert stream.getvalue().count("refused") == 3
    assert "canary" not in stream.getvalue()
    assert "ValidationError" in stream.getvalue()


def test_a_traceback_shows_places_and_no_locals(stream: io.StringIO) -> None:
    def pay(card_number: str) -> None:
        raise ValueError("declined")

    configure(level="DEBUG", json=True, stream=stream)
    try:
        pay("canary")
    except ValueError:
        get_logger("x").exception("failed")
    written = stream.getvalue()

    assert "in pay" in written
    assert "ValueError: declined" in written
    assert "canary" not in written


def test_a_chain_is_told_from_the_first_error_to_the_last() -> None:
    try:
        try:
            raise KeyError("first")
        except KeyError as cause:
            raise RejectedError("second") from cause
    except RejectedError as error:
        told = render_error(error)

    assert told.index("first") < told.index("followed from it") < told.index("second")


def test_a_circular_chain_ends() -> None:
    one, two = ValueError("one"), ValueError("two")
    one.__cause__, two.__cause__ = two, one

    assert "one" in render_error(one)


SOAP_SCRIPT = """
import io, logging, sys
from decimal import Decimal
import httpx, zeep
sys.path.insert(0, ".")
from tests.unit.transport.answers import fault, simple
from tests.unit.transport.test_soap import WSDL
from tests.unit.transport.wire import serving
import pmsbridge.transport

said = io.StringIO()
logging.basicConfig(level=logging.DEBUG, stream=said, force=True)
for name in ("zeep", "zeep.transports", "zeep.wsdl.bindings.soap", "httpx", "httpcore", "httpcore.http11", "urllib3",
             "urllib3.connectionpool"):
    logging.getLogger(name).setLevel(logging.DEBUG)
UNFILTERED = len(sys.argv) > 1
if UNFILTERED:
    for logger in logging.root.manager.loggerDict.values():
        getattr(logger, "filters", []).clear()
card, password = "4111111111111111", "canary-password"
for body, status in ((simple([("RT", {"Ret_Code": "1"})]), "200 OK"), (fault(f"no {card} {password}"), "500 Oops")):
    cookie = f"Set-Cookie: s={password}"
    with serving(lambda visit: visit.answer(status, body, "Content-Type: text/xml", cookie)) as server:
        client = zeep.Client(str(WSDL))
        service = client.create_service("{http://pms.test/Ws}WsSoap", f"http://127.0.0.1:{server.port}/")
        try:
            amount = Decimal(1)
            service.Pay(sPassword=password, iTenantID=1, dcAmount=amount, bTest=False, dWhen="2026-05-01", sNote=card)
        except Exception:
            logging.getLogger("zeep.transports").exception("failed for %s", card)
        httpx.get(server.url + "&card=" + card + "&password=" + password, trust_env=False)
text = said.getvalue()
print(len(text), text.count(card), text.count(password), text.count("secret=query"), text.count("HTTP Request"))
"""


@pytest.mark.parametrize("unfiltered", [False, True], ids=["filtered", "and without the filters it would leak"])
def test_envelopes_and_addresses_of_the_libraries_are_not_written_even_at_debug(unfiltered: bool) -> None:
    command = [sys.executable, "-W", "ignore", "-c", SOAP_SCRIPT, *(["x"] if unfiltered else [])]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    length, cards, passwords, queries, requests = map(int, told)

    if unfiltered:
        assert min(cards, passwords, queries) > 0
    else:
        assert (cards, passwords, queries) == (0, 0, 0)
        assert requests == 2
        assert length > 0


def test_filters_reach_loggers_that_appear_later_when_asked_again() -> None:
    late = logging.getLogger("zeep.something.new")
    assert not late.filters
    install_filters()
    install_filters()

    assert [type(each) for each in late.filters] == [RedactingFilter]


def test_a_filter_survives_a_message_that_cannot_be_formatted() -> None:
    record = logging.LogRecord("httpx", logging.INFO, "f", 1, "%d %d", ("x",), None)

    assert RedactingFilter().filter(record)
    assert record.getMessage() == "[unreadable message]"


def test_importing_transport_leaves_the_root_logger_alone() -> None:
    check = (
        "import logging, pmsbridge.transport.http; assert logging.root.handlers == []; assert logging.root.level == 30"
    )

    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def test_a_library_that_was_never_configured_writes_nothing_to_standard_output() -> None:
    check = "from pmsbridge.logging import get_logger as g; g('x').info('a'); g('x').warning('b', card='canary')"
    done = subprocess.run([sys.executable, "-c", check], check=True, capture_output=True, text=True)

    assert done.stdout == ""
    assert done.stderr == "b card='[redacted]'\n"


def test_configuring_twice_writes_once(stream: io.StringIO) -> None:
    configure(level="INFO", json=True, stream=stream)
    configure(level="INFO", json=True, stream=stream)
    logging.getLogger("x").warning("once")

    assert len(stream.getvalue().splitlines()) == 1


def test_the_level_is_obeyed_and_a_wrong_one_refused(stream: io.StringIO) -> None:
    configure(level="WARNING", stream=stream)
    get_logger("x").info("quiet")
    logging.getLogger("x").info("quiet")
    get_logger("x").warning("loud")

    assert "quiet" not in stream.getvalue()
    assert "loud" in stream.getvalue()
    with pytest.raises(ConfigurationError):
        configure(level="LOUD")


def test_redaction_is_proved_to_be_installed(stream: io.StringIO) -> None:
    configure(stream=stream)
    assert_redaction_installed()

    structlog.configure(processors=[structlog.processors.JSONRenderer()])
    with pytest.raises(ConfigurationError, match="redaction_processor"):
        assert_redaction_installed()

    for too_early in (
        structlog.processors.dict_tracebacks,
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(),
    ):
        structlog.configure(processors=[too_early, redaction_processor, structlog.processors.JSONRenderer()])
        with pytest.raises(ConfigurationError, match="put it first"):
            assert_redaction_installed()

    structlog.configure(processors=[redaction_processor, structlog.processors.JSONRenderer()])
    assert_redaction_installed()


def test_our_own_events_are_clean_even_where_the_application_forgot_the_processor(stream: io.StringIO) -> None:
    structlog.configure(
        processors=[structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()],
        logger_factory=structlog.PrintLoggerFactory(file=stream),
    )
    try:
        raise ValueError(VISA)
    except ValueError:
        get_logger("x").exception("failed", number=VISA, password="canary")

    assert "failed" in stream.getvalue()
    assert not leaks(stream.getvalue())
    assert "canary" not in stream.getvalue()


def test_a_closed_stream_does_not_stop_whoever_logs() -> None:
    stream = io.StringIO()
    configure(level="INFO", stream=stream)
    stream.close()

    get_logger("pmsbridge.test").error("nobody_hears", why="closed")


# -- what the redactor remembers ---------------------------------------------------------------------------------------


@pytest.fixture
def remembered(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """What it remembers, nothing at first."""
    held: set[str] = set()
    monkeypatch.setattr("pmsbridge.logging.redaction._CLEAN", held)
    return held


SECRET_TEXTS = (VISA, f"card {VISA}", "password=canary", "Bearer canary0123456789", "https://x.example/?token=canary")


@pytest.mark.parametrize("text", SECRET_TEXTS)
def test_a_text_with_a_secret_is_redacted_each_time_and_never_remembered(remembered: set[str], text: str) -> None:
    told = [redact(text) for _ in range(3)]

    assert len(set(told)) == 1
    assert VISA not in told[0]
    assert "canary" not in told[0]
    assert text not in remembered


def test_what_is_remembered_is_what_would_be_told_unchanged(remembered: set[str]) -> None:
    texts = ["lane-7", "receipt 1042", "act_0a1b2c", *SECRET_TEXTS, *(redact(text) for text in SECRET_TEXTS)]
    for text in texts * 2:
        redact(text)

    assert {"lane-7", "receipt 1042", "act_0a1b2c"} <= remembered
    for text in set(remembered):
        remembered.clear()
        assert redact(text) == text


def test_what_is_remembered_is_short_and_bounded(remembered: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pmsbridge.logging.redaction._REMEMBERED", 5)
    for number in range(20):
        assert redact(f"receipt {number}") == f"receipt {number}"
        assert len(remembered) <= 5
    redact("1 " * 51)

    assert all(len(text) <= 100 for text in remembered)
