"""Whether a message is a vendor's own: every way of proving it, and everything that does not."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as some
from pydantic import TypeAdapter

from pmsbridge.errors import ConfigurationError, InputError
from pmsbridge_rest.hearing.proving import Genuine, Given, compacted, proven
from pmsbridge_rest.mapping.webhooks import HookProof

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
STAMP = str(int(NOW.timestamp()))
SECRET, FORMER = "not-a-real-secret-but-a-long-one-0001", "not-a-real-secret-but-a-long-one-0000"
BODY = b'{"event": "lease.changed", "lease": {"id": "70"}}'
SECTION: TypeAdapter[Any] = TypeAdapter(HookProof)


def section(**said: Any) -> Any:
    return SECTION.validate_python({"key": "hook", **said})


def mac(content: bytes, *, secret: str = SECRET, algorithm: str = "sha256") -> bytes:
    return hmac.new(secret.encode(), content, algorithm).digest()


def token(claims: dict[str, Any], *, secret: str = SECRET, algorithm: str = "HS256") -> str:
    return jwt.encode(claims, secret, algorithm=algorithm)


PLAIN = section(proof="hmac", header="X-Signature")
PREFIXED = section(proof="hmac", header="X-Signature", prefix="sha512=", algorithm="sha512", encoding="base64")
TIMED = section(proof="hmac", header="X-Signature", over="timestamp.body", timestamp_header="X-Time")
PARTS = section(proof="hmac", header="X-Signature", over="timestamp.body", parts=("t", "v1"))
COMPACT = section(proof="hmac", header="X-Signature", compact_body=True)
SHARED = section(proof="token", header="Authorization", prefix="Bearer ")
BASIC = section(proof="basic")
JWT = section(proof="jwt", header="Authorization", prefix="Bearer ", algorithm="HS256")
JWT_BODY = section(proof="jwt", header="X-Token", algorithm="HS256", body_claim="data")
PATH = section(proof="secret_path")


def signed(proof: Any, body: bytes = BODY, *, secret: str = SECRET, stamp: str = STAMP) -> Given:
    """A message of a vendor that proves itself so."""
    issued = {"iat": int(stamp), "exp": int(stamp) + 60}
    headers: dict[int, dict[str, str]] = {
        id(PLAIN): {"x-signature": mac(body, secret=secret).hex()},
        id(PREFIXED): {
            "x-signature": "sha512=" + base64.b64encode(mac(body, secret=secret, algorithm="sha512")).decode()
        },
        id(TIMED): {"x-time": stamp, "x-signature": mac(stamp.encode() + b"." + body, secret=secret).hex()},
        id(PARTS): {
            "x-signature": f"t={stamp}, v1={'0' * 64},v1={mac(stamp.encode() + b'.' + body, secret=secret).hex()}"
        },
        id(COMPACT): {
            "x-signature": mac(json.dumps(json.loads(body), separators=(",", ":")).encode(), secret=secret).hex()
        },
        id(SHARED): {"authorization": f"Bearer {secret}"},
        id(BASIC): {"authorization": "Basic " + base64.b64encode(secret.encode()).decode()},
        id(JWT): {"authorization": "Bearer " + token(issued, secret=secret)},
        id(JWT_BODY): {"x-token": token({**issued, "data": body.decode()}, secret=secret)},
        id(PATH): {},
    }
    return Given(headers[id(proof)], body, f"/hooks/harbor/{secret}" if proof is PATH else "/hooks/harbor")


EVERY = {
    "hmac": PLAIN, "hmac, base64 with a prefix": PREFIXED, "hmac of time and body": TIMED, "hmac in parts": PARTS,
    "hmac of the compact body": COMPACT, "token": SHARED, "basic": BASIC, "jwt": JWT, "jwt with the body": JWT_BODY,
    "secret path": PATH,
}  # fmt: skip
OVER_BODY = {name: EVERY[name] for name in EVERY if name.startswith("hmac")}
OVER_TIME = {name: EVERY[name] for name in ("hmac of time and body", "hmac in parts", "jwt", "jwt with the body")}


def every(proofs: dict[str, Any]) -> Any:
    return pytest.mark.parametrize("proof", list(proofs.values()), ids=list(proofs))


def refusal(proof: Any, given_: Given, *secrets: str, now: datetime = NOW) -> InputError:
    with pytest.raises(InputError) as caught:
        proven(proof, secrets or (SECRET,), given_, now)
    return caught.value


@every(EVERY)
def test_a_message_of_the_vendor_is_genuine(proof: Any) -> None:
    assert proven(proof, (SECRET,), signed(proof), NOW).content == BODY


@every(EVERY)
def test_while_a_secret_changes_over_both_are_taken_and_no_third(proof: Any) -> None:
    for secret in (SECRET, FORMER):
        assert proven(proof, (SECRET, FORMER), signed(proof, secret=secret), NOW).content == BODY

    assert refusal(proof, signed(proof, secret="not-a-real-secret-but-a-long-one-0002"), SECRET, FORMER).code == (
        "webhook_signature"
    )


@every(OVER_BODY)
def test_a_body_that_somebody_changed_is_refused(proof: Any) -> None:
    came = signed(proof)

    assert refusal(proof, Given(came.headers, BODY.replace(b"70", b"71"))).code == "webhook_signature"


@every(OVER_TIME)
def test_a_message_that_is_played_again_later_is_refused(proof: Any) -> None:
    came = signed(proof)

    assert refusal(proof, came, now=NOW + timedelta(minutes=7)).code == "webhook_time"
    assert refusal(proof, came, now=NOW - timedelta(minutes=7)).code == "webhook_time"
    assert proven(proof, (SECRET,), came, NOW + timedelta(minutes=4)).content == BODY


@every({name: proof for name, proof in EVERY.items() if proof is not PATH})
def test_a_message_without_its_proof_is_refused(proof: Any) -> None:
    assert refusal(proof, Given({}, BODY)).code == "webhook_headers"


@every(EVERY)
def test_the_words_of_a_refusal_do_not_say_how_near_it_was(proof: Any) -> None:
    wrong = [signed(proof, secret=secret) for secret in (SECRET[:-1] + "2", "x" * 40)]

    said = {str(refusal(proof, each)) for each in wrong}

    assert len(said) == 1
    assert not any(SECRET[:6] in words or "0001" in words for words in said)


def test_a_time_that_is_not_signed_is_not_believed() -> None:
    proof = section(proof="hmac", header="X-Signature", timestamp_header="X-Time")
    came = Given({"x-signature": mac(BODY).hex(), "x-time": "1"}, BODY)

    assert proven(proof, (SECRET,), came, NOW) == Genuine(BODY)


def test_a_time_may_be_told_in_milliseconds() -> None:
    stamp = f"{STAMP}123"
    came = Given({"x-time": stamp, "x-signature": mac(f"{stamp}.".encode() + BODY).hex()}, BODY)

    assert proven(TIMED, (SECRET,), came, NOW).stamp == stamp


@pytest.mark.parametrize("stamp", ["", "soon", "-5", "1e9", "9" * 17, "\uff11\uff17"])
def test_a_time_that_is_no_number_is_refused(stamp: str) -> None:
    came = Given({"x-time": stamp, "x-signature": mac(stamp.encode() + b"." + BODY).hex()}, BODY)

    assert refusal(TIMED, came).code == "webhook_headers"


def test_a_moved_boundary_between_time_and_body_is_no_signature() -> None:
    content = f"{STAMP}.".encode() + BODY

    came = Given({"x-time": STAMP[:-1], "x-signature": mac(content).hex()}, STAMP[-1:].encode() + b"." + BODY)

    assert refusal(TIMED, came).code in {"webhook_signature", "webhook_time"}


@pytest.mark.parametrize("secrets", [("",), (SECRET, "  ")])
def test_an_empty_secret_proves_nothing(secrets: tuple[str, ...]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        proven(SHARED, secrets, Given({"authorization": "Bearer "}, BODY), NOW)

    assert caught.value.code == "webhook_secret"


def test_a_token_of_another_algorithm_or_of_none_is_refused() -> None:
    claims = {"iat": int(STAMP)}
    for made in (token(claims, secret=SECRET * 2, algorithm="HS384"), jwt.encode(claims, "", algorithm="none")):
        assert refusal(JWT, Given({"authorization": f"Bearer {made}"}, BODY)).code == "webhook_signature"


def test_a_token_signed_with_a_key_of_which_we_have_the_public_half_is_genuine() -> None:
    own = ec.generate_private_key(ec.SECP256R1())
    public = own.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()  # fmt: skip
    proof = section(proof="jwt", header="X-Token", algorithm="ES256")
    made = jwt.encode({"exp": int(STAMP) + 60}, own, algorithm="ES256")

    assert proven(proof, (public,), Given({"x-token": made}, BODY), NOW).content == BODY


def test_a_public_key_is_no_shared_secret() -> None:
    proof = section(proof="jwt", header="X-Token", algorithm="RS256")
    own = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    made = jwt.encode({"iat": int(STAMP)}, own, algorithm="RS256")
    with pytest.raises(ConfigurationError) as caught:
        proven(proof, (SECRET,), Given({"x-token": made}, BODY), NOW)

    assert caught.value.code == "bad_key"
    assert SECRET not in str(caught.value)


def test_a_token_without_the_body_it_should_hold_is_refused() -> None:
    came = Given({"x-token": token({"iat": int(STAMP)})}, BODY)

    assert refusal(JWT_BODY, came).code == "webhook_signature"


def test_of_a_token_that_holds_the_body_the_posted_one_is_not_read() -> None:
    came = signed(JWT_BODY)

    assert proven(JWT_BODY, (SECRET,), Given(came.headers, b'{"event": "forged"}'), NOW).content == BODY


def test_blanks_within_a_text_are_part_of_it() -> None:
    assert compacted(b'{ "a b" :\t" x \\" y " ,\r\n "n": 1.50 }') == b'{"a b":" x \\" y ","n":1.50}'


@given(some.recursive(
    some.none() | some.booleans() | some.integers() | some.text(),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text(max_size=6), inner, max_size=4),
    max_leaves=12,
))  # fmt: skip
def test_compacting_takes_out_the_blanks_between_and_nothing_else(document: object) -> None:
    for ascii_only in (True, False):
        compact = json.dumps(document, separators=(",", ":"), ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
        spread = json.dumps(document, indent=3, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
        assert compacted(spread) == compact


@given(
    some.binary(max_size=200), some.dictionaries(some.sampled_from(["x-signature", "x-time"]), some.text(max_size=80))
)
def test_whatever_comes_is_refused_in_words_of_ours(body: bytes, headers: dict[str, str]) -> None:
    assert refusal(TIMED, Given(headers, body)).code.startswith("webhook_")
    assert refusal(PARTS, Given(headers, body)).code.startswith("webhook_")
    assert refusal(PREFIXED, Given(headers, body)).code.startswith("webhook_")


def test_the_vendors_own_sample_of_a_compact_body_is_signed_without_its_blanks() -> None:
    pretty = b'{\n  "EventName": "Rental.Created",\n  "AccountId": 123456\n}'
    content = f'{STAMP}.{{"EventName":"Rental.Created","AccountId":123456}}'.encode()
    signature = base64.b64encode(hmac.new(SECRET.encode(), content, hashlib.sha256).digest()).decode()
    timed = {"over": "timestamp.body", "timestamp_header": "X-Time", "compact_body": True}
    proof = section(proof="hmac", header="X-Sig", encoding="base64", **timed)

    assert proven(proof, (SECRET,), Given({"x-sig": signature, "x-time": STAMP}, pretty), NOW).stamp == STAMP
