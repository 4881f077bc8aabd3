"""Signatures: ours and the specification's own library accept each other's, and nothing else."""

from __future__ import annotations

import base64
import hmac
import json
import pickle
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from pmsbridge.errors import ConfigurationError, InputError
from pmsbridge.webhooks import SigningKey, new_secret, sign, verify
from tests.webhooks.stage import NEW, OLD

NOW = datetime(2026, 11, 22, 4, 30, tzinfo=UTC)
BODY = b'{"type":"tenant.changed"}'


def signed(*secrets: str, at: datetime = NOW, body: bytes = BODY) -> dict[str, str]:
    return sign([SigningKey(secret) for secret in secrets], "msg_1", at, body)


def refusal(headers: dict[str, str], body: bytes = BODY, secret: str = NEW, now: datetime = NOW) -> str:
    with pytest.raises(InputError) as caught:
        verify([SigningKey(secret)], headers, body, now=now)
    return caught.value.code


def test_the_signature_is_the_one_the_specification_gives() -> None:
    """The example of the specification: secret, id, time and body are its own."""
    key = SigningKey("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'

    headers = sign([key], "msg_p5jXN8AQM9LWM0D4loKWxJek", datetime.fromtimestamp(1614265330, UTC), body)

    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }  # fmt: skip


@given(body=st.text(), id_=st.uuids())
def test_what_we_sign_the_library_accepts(body: str, id_: object) -> None:
    raw = json.dumps(body).encode()
    headers = sign([SigningKey(NEW)], f"msg_{id_}", datetime.now(UTC), raw)

    assert Webhook(NEW).verify(raw, headers) == body


@given(body=st.text(st.characters(codec="utf-8")))
def test_what_the_library_signs_we_accept(body: str) -> None:
    now = datetime.now(UTC)
    signature = Webhook(NEW).sign("msg_2", now, body)
    headers = {
        "Webhook-Id": "msg_2", "Webhook-Timestamp": str(int(now.timestamp())), "Webhook-Signature": signature,
    }  # fmt: skip

    assert verify([SigningKey(NEW)], headers, body.encode()) == "msg_2"


def test_while_a_secret_is_changed_either_is_accepted_on_both_sides() -> None:
    now = datetime.now(UTC)
    headers = signed(NEW, OLD, at=now)

    for secret in (NEW, OLD):
        assert verify([SigningKey(secret)], headers, BODY) == "msg_1"
        assert Webhook(secret).verify(BODY, headers) == json.loads(BODY)
    assert verify([SigningKey(NEW), SigningKey(OLD)], signed(OLD), BODY, now=NOW) == "msg_1"


def test_a_secret_of_somebody_else_is_refused_by_both() -> None:
    stranger = new_secret()
    headers = signed(stranger, at=datetime.now(UTC))

    assert refusal(headers, now=datetime.now(UTC)) == "webhook_signature"
    with pytest.raises(WebhookVerificationError):
        Webhook(NEW).verify(BODY, headers)


@pytest.mark.parametrize(
    ("header", "value"), [("webhook-id", "msg_2"), ("webhook-timestamp", str(int(NOW.timestamp()) + 1))]
)
def test_what_is_signed_cannot_be_changed(header: str, value: str) -> None:
    assert refusal({**signed(NEW), header: value}) == "webhook_signature"
    assert refusal(signed(NEW), BODY + b" ") == "webhook_signature"


@given(place=st.integers(0, len(BODY) - 1), bit=st.integers(0, 7))
def test_no_bit_of_a_body_can_be_flipped(place: int, bit: int) -> None:
    flipped = bytearray(BODY)
    flipped[place] ^= 1 << bit

    assert refusal(signed(NEW), bytes(flipped)) == "webhook_signature"


@pytest.mark.parametrize(
    "signature",
    [
        "v1,", "v1", "", ",", "v2,{good}", "v1a,{good}", "{good}", "v1,{good}x", "v1,{cut}", "v1,\u00e9",
        "v1,{good},", "V1,{good}",
    ],
)  # fmt: skip
def test_a_signature_in_another_form_is_refused(signature: str) -> None:
    good = signed(NEW)["webhook-signature"].removeprefix("v1,")
    made = signature.format(good=good, cut=good[:-4])

    assert refusal({**signed(NEW), "webhook-signature": made}) in {"webhook_signature", "webhook_headers"}


def test_a_genuine_signature_among_others_is_found() -> None:
    headers = signed(NEW)
    headers["webhook-signature"] = f"v1a,xyz v1,AAAA {headers['webhook-signature']} v2,b"

    assert verify([SigningKey(NEW)], headers, BODY, now=NOW) == "msg_1"


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
@pytest.mark.parametrize("value", [None, ""])
def test_a_header_that_is_missing_is_refused(name: str, value: str | None) -> None:
    headers = {key: text for key, text in {**signed(NEW), name: value}.items() if text is not None}

    assert refusal(headers) == "webhook_headers"


@pytest.mark.parametrize("text", ["soon", "-1", "1.5", "1e9", "9" * 30, " 1", "\u0661"])
def test_a_time_that_is_no_number_is_refused(text: str) -> None:
    assert refusal({**signed(NEW), "webhook-timestamp": text}) == "webhook_headers"


@pytest.mark.parametrize("away", [timedelta(minutes=-5), timedelta(0), timedelta(minutes=5)])
def test_clocks_may_be_five_minutes_apart(away: timedelta) -> None:
    assert verify([SigningKey(NEW)], signed(NEW, at=NOW + away), BODY, now=NOW) == "msg_1"


@pytest.mark.parametrize(
    "away", [timedelta(minutes=-5, seconds=-1), timedelta(minutes=5, seconds=1), timedelta(days=400)]
)
def test_a_message_from_another_time_is_refused(away: timedelta) -> None:
    assert refusal(signed(NEW, at=NOW + away)) == "webhook_time"
    wide = timedelta(days=500)
    assert verify([SigningKey(NEW)], signed(NEW, at=NOW + away), BODY, now=NOW, tolerance=wide) == "msg_1"


def test_signatures_are_compared_in_a_time_that_does_not_depend_on_where_they_differ(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def watched(ours: bytes, theirs: bytes) -> bool:
        compared.append((ours, theirs))
        return compare(ours, theirs)

    compare = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", watched)
    verify([SigningKey(OLD), SigningKey(NEW)], signed(NEW, OLD), BODY, now=NOW)

    assert len(compared) == 4


@pytest.mark.parametrize(
    "secret",
    [
        "", "whsec_", "QUFB" * 8, "whsec_" + "!" * 40, "whsec_" + base64.b64encode(b"x" * 23).decode(),
        "whsec_" + base64.b64encode(b"x" * 65).decode(), "wh_" + "QUFB" * 8,
    ],
)  # fmt: skip
def test_what_is_no_secret_is_refused_without_being_repeated(secret: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        SigningKey(secret)

    assert caught.value.code == "webhook_secret"
    assert not secret or secret == "whsec_" or secret not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_fresh_secret_signs_and_shows_itself_nowhere() -> None:
    secret = new_secret()
    key = SigningKey(f"{secret}\n")

    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    assert new_secret() != secret
    assert verify([key], sign([key], "a", NOW, b""), b"", now=NOW) == "a"
    assert secret.removeprefix("whsec_")[:8] not in repr(key)
    with pytest.raises(TypeError):
        pickle.dumps(key)


def test_a_secret_without_padding_is_the_same_secret() -> None:
    padded = "whsec_" + base64.b64encode(b"k" * 25).decode()
    bare = padded.rstrip("=")

    assert padded != bare
    assert sign([SigningKey(padded)], "a", NOW, b"") == sign([SigningKey(bare)], "a", NOW, b"")
