"""Every way to say who we are, against an office that looks at what arrives."""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oauthlib import oauth1
from pydantic import TypeAdapter

from pmsbridge.errors import ConfigurationError, UnavailableError
from pmsbridge.transport.http import Deadline, HttpClient, HttpRequest
from pmsbridge_rest.address import query_text, with_query
from pmsbridge_rest.auth.choosing import Belongings, scheme_of
from pmsbridge_rest.auth.fixed import ApiKey
from pmsbridge_rest.auth.oauth1 import OneLegged
from pmsbridge_rest.auth.scheme import Scheme, Signed
from pmsbridge_rest.auth.vault import FileVault, KeptTokens
from pmsbridge_rest.auth.words import Words
from pmsbridge_rest.forking import _forget_all
from pmsbridge_rest.mapping.auth import Auth
from tests.adapters.rest.wire.office import Answer, FakeSecrets, Office, Seen

KEY = "not-a-real-key-5f7c"
SECRET = "not-a-real-secret-91ab"
LONG = SECRET * 2
NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
WORDS = Words(
    FakeSecrets(key=KEY, secret=SECRET, long=LONG, first="not-a-real-refresh-0"),
    {"key": "env:KEY", "secret": "env:SECRET", "long": "env:LONG", "first": "env:FIRST"},
    {"company": "acme"},
)


def request_to(url: str, **more: Any) -> HttpRequest:
    return HttpRequest(more.pop("method", "GET"), url, more.pop("headers", {}), more.pop("body", None), is_write=False)


def sent(scheme: Scheme, http: HttpClient, url: str, **more: Any) -> tuple[int, Signed]:
    signed = scheme.sign(request_to(url, **more), http.deadline())
    with http.send(signed.request) as answer:
        answer.read()
        return answer.status, signed


def section_of(**fields: Any) -> Any:
    return TypeAdapter(Auth).validate_python(fields)


def scheme_at(
    base: str, http: HttpClient, *, clock: Any = lambda: NOW, token_file: Path | None = None, **fields: Any
) -> Scheme:
    return scheme_of(section_of(**fields), Belongings(WORDS, http, base, "json", clock, token_file))


def client_credentials(office: Office, http: HttpClient, **more: Any) -> Any:
    fields: dict[str, Any] = {
        "client_id": "key",
        "client_secret": "secret",
        "scopes": ["a", "b"],
        "parameters": {"audience": "{option.company}"},
    }
    return scheme_at(office.url, http, scheme="oauth2_client_credentials", token_url="/token", **{**fields, **more})


# fixed credentials


def test_keys_in_headers_and_plain_headers_arrive(office: Office, http: HttpClient) -> None:
    office.answers("/x", Answer(document={}))
    scheme = scheme_at(
        office.url,
        http,
        scheme="api_key",
        in_headers={"X-Id": "{secret.key}", "X-Secret": "{secret.secret}"},
        extra_headers={"X-Author": "{option.company}-portal"},
    )

    sent(scheme, http, office.url + "/x")

    arrived = office.seen[0].headers
    assert (arrived["x-id"], arrived["x-secret"], arrived["x-author"]) == (KEY, SECRET, "acme-portal")


def test_a_bearer_token_is_a_header_with_a_word_before_it(office: Office, http: HttpClient) -> None:
    sent(scheme_at(office.url, http, scheme="bearer", token="key"), http, office.url + "/x")

    assert office.seen[0].headers["authorization"] == f"Bearer {KEY}"


def test_keys_in_the_query_replace_those_a_link_brought(office: Office, http: HttpClient) -> None:
    sent(
        scheme_at(office.url, http, scheme="api_key", in_query={"api_key": "{secret.key}"}),
        http,
        office.url + "/x?page=2&api_key=old&q=a%20b",
    )

    assert office.seen[0].target == f"/x?page=2&q=a%20b&api_key={KEY}"


def test_basic_and_none(office: Office, http: HttpClient) -> None:
    sent(scheme_at(office.url, http, scheme="basic", user="{secret.key}", password="secret"), http, office.url + "/x")
    sent(scheme_at(office.url, http, scheme="basic", user="{secret.key}"), http, office.url + "/x")
    sent(scheme_at(office.url, http, scheme="none"), http, office.url + "/x")

    words = [seen.headers.get("authorization") for seen in office.seen]
    assert words[:2] == ["Basic " + base64.b64encode(text.encode()).decode() for text in (f"{KEY}:{SECRET}", f"{KEY}:")]
    assert words[2] is None


@pytest.mark.parametrize("word", ["line\nend", "tail\n", " lead", "um\u00fclaut", "nul\0"])
def test_a_secret_that_no_header_takes_is_refused_and_not_repeated(word: str) -> None:
    words = Words(FakeSecrets(key=word), {"key": "env:KEY"})
    scheme = ApiKey(section_of(scheme="api_key", in_headers={"X-Key": "{secret.key}"}), words)

    with pytest.raises(ConfigurationError) as refused:
        scheme.sign(request_to("http://127.0.0.1:9/x"), Deadline(timedelta(seconds=1)))

    assert refused.value.code == "bad_credential"
    assert word.strip() not in str(refused.value)


@pytest.mark.parametrize(
    "fields",
    [
        {"scheme": "api_key", "in_headers": {"X-Key": "{secret.key}"}},
        {"scheme": "api_key", "in_query": {"k": "{secret.key}"}},
        {"scheme": "bearer", "token": "key"},
        {"scheme": "basic", "user": "{secret.key}", "password": "secret"},
        {"scheme": "oauth1", "consumer_key": "key", "consumer_secret": "secret"},
        {"scheme": "oauth1", "consumer_key": "key", "consumer_secret": "secret", "send_in": "query"},
        {"scheme": "signature", "key": "secret", "over": "{step.body}", "send": {"X-Sig": "{step.signature}"}},
        {"scheme": "jwt", "key": "long", "algorithm": "HS256"},
    ],
    ids=lambda fields: fields["scheme"],
)
def test_no_scheme_and_nothing_it_signed_shows_a_secret(fields: dict[str, Any], http: HttpClient) -> None:
    scheme = scheme_at("http://127.0.0.1:9", http, **fields)

    signed = scheme.sign(request_to("http://127.0.0.1:9/x"), http.deadline())

    shown = repr(scheme) + repr(signed) + repr(signed.request)
    assert KEY not in shown
    assert SECRET not in shown
    assert not scheme.renews(signed)


# OAuth 1.0

_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)


@settings(max_examples=150)
@given(
    st.lists(st.tuples(_TEXT, _TEXT), max_size=5),
    st.lists(st.tuples(_TEXT.filter(bool), _TEXT), max_size=4),
    st.sampled_from(["GET", "POST", "PUT"]),
    st.sampled_from(["hmac_sha1", "hmac_sha256"]),
    st.sampled_from(["https://api.example.test", "http://api.example.test:8080", "https://API.Example.test:443"]),
)
def test_an_oauth1_signature_is_what_a_well_kept_library_makes(
    query: list[tuple[str, str]], form: list[tuple[str, str]], method: Any, how: Any, base: str
) -> None:
    url = with_query(f"{base}/v1/tenants/a%20b", query)
    is_form = method != "GET"
    body = urlencode(form) if is_form else None
    headers = {"Content-Type": "application/x-www-form-urlencoded"} if is_form else {}
    section = section_of(scheme="oauth1", consumer_key="key", consumer_secret="secret", signature=how, realm="here")
    scheme = OneLegged(section, WORDS, clock=lambda: NOW, nonce=lambda: "n0nce")
    ours = scheme.sign(
        HttpRequest(method, url, headers, None if body is None else body.encode(), is_write=False),
        Deadline(timedelta(seconds=1)),
    ).request.headers["Authorization"]

    client = oauth1.Client(
        KEY,
        client_secret=SECRET,
        signature_method=how.upper().replace("_", "-"),
        nonce="n0nce",
        timestamp=str(int(NOW.timestamp())),
    )
    _, theirs, _ = client.sign(url, http_method=method, body=body, headers=headers)

    assert _oauth_words(ours)["oauth_signature"] == _oauth_words(theirs["Authorization"])["oauth_signature"]
    assert _oauth_words(ours)["realm"] == "here"


def _oauth_words(header: str) -> dict[str, str]:
    return dict(word.replace('"', "").split("=", 1) for word in header.removeprefix("OAuth ").split(", "))


def test_what_oauth1_signs_is_what_leaves(office: Office, http: HttpClient) -> None:
    """The client must not rewrite the address between signing and sending."""
    pairs = [("name", "O'Brien & söhne"), ("empty", ""), ("q", "a+b~c (d)*!'")]
    scheme = scheme_at(office.url, http, scheme="oauth1", consumer_key="key", consumer_secret="secret")

    _, signed = sent(scheme, http, with_query(office.url + "/a%20b/%C3%BC", pairs))

    assert office.url + office.seen[0].target == signed.request.url
    assert office.seen[0].target == "/a%20b/%C3%BC?" + query_text(pairs)
    assert office.seen[0].query == dict(pairs)


# OAuth 2


def test_client_credentials_ask_once_for_many_threads_and_many_calls(office: Office, http: HttpClient) -> None:
    entered, go = threading.Event(), threading.Event()

    def token(_seen: Seen) -> Answer:
        entered.set()
        go.wait(10)
        return Answer(document={"access_token": "not-a-real-token-1", "expires_in": 3600, "token_type": "Bearer"})

    office.plays_at("/token", token)
    office.answers("/x", Answer(document={}))
    scheme = client_credentials(office, http)
    threads = [threading.Thread(target=sent, args=(scheme, http, office.url + "/x")) for _ in range(8)]
    for thread in threads:
        thread.start()
    entered.wait(10)
    go.set()
    for thread in threads:
        thread.join(10)

    assert len(office.asked("/token")) == 1
    assert [seen.headers["authorization"] for seen in office.asked("/x")] == ["Bearer not-a-real-token-1"] * 8
    asked = office.asked("/token")[0]
    assert asked.form == {"grant_type": "client_credentials", "scope": "a b", "audience": "acme"}
    assert asked.headers["authorization"] == "Basic " + base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()


def test_a_refusal_reaches_all_who_wait_and_asks_once(office: Office, http: HttpClient) -> None:
    entered, go = threading.Event(), threading.Event()

    def token(_seen: Seen) -> Answer:
        entered.set()
        go.wait(10)
        return Answer(401, {"error": "invalid_client", "error_description": f"wrong secret {SECRET}"})

    office.plays_at("/token", token)
    scheme = client_credentials(office, http)
    failures: list[Exception] = []

    def ask() -> None:
        try:
            sent(scheme, http, office.url + "/x")
        except ConfigurationError as error:
            failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    entered.wait(10)
    for _ in range(1000):
        if len(scheme._cell._changed._waiters) == 3:
            break
        threading.Event().wait(0.01)
    go.set()
    for thread in threads:
        thread.join(10)

    assert [error.code for error in failures if isinstance(error, ConfigurationError)] == ["invalid_client"] * 4
    assert not any(SECRET in str(error) for error in failures)
    assert office.asked("/x") == []


def test_a_token_is_renewed_before_its_end_and_after_a_refusal(office: Office) -> None:
    now = [0.0]
    http = HttpClient(monotonic=lambda: now[0])
    office.answers("/token", *[Answer(document={"access_token": f"t{n}", "expires_in": "600"}) for n in range(4)])
    office.answers("/x", Answer(401, {}))
    scheme = client_credentials(office, http)

    def word() -> Any:
        return scheme.sign(request_to(office.url + "/x"), http.deadline()).request.headers["Authorization"]

    assert word() == "Bearer t0"
    now[0] = 530.0
    assert word() == "Bearer t0"
    now[0] = 541.0
    signed = scheme.sign(request_to(office.url + "/x"), http.deadline())
    assert signed.token is not None
    assert signed.token.text == "t1"
    assert scheme.renews(signed)
    assert word() == "Bearer t2"
    # Another thread was refused with the old token: the new one stays.
    assert scheme.renews(signed)
    assert word() == "Bearer t2"
    http.close()


def test_id_and_secret_can_travel_in_the_body(office: Office, http: HttpClient) -> None:
    office.answers("/token", Answer(document={"access_token": "t"}))
    scheme = client_credentials(
        office, http, send_as="body", scopes=[], parameters={}, token_headers={"X-App": "{secret.key}"}
    )

    scheme.sign(request_to(office.url + "/x"), http.deadline())

    assert office.seen[0].headers["x-app"] == KEY
    assert office.seen[0].form == {"grant_type": "client_credentials", "client_id": KEY, "client_secret": SECRET}
    assert "authorization" not in office.seen[0].headers


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (Answer(503, {}), UnavailableError, "http_503"),
        (Answer(429, {}, {"Retry-After": "7"}), UnavailableError, "http_429"),
        (Answer(500, {}), UnavailableError, "http_500"),
        (Answer(cut=0), UnavailableError, "protocol_error"),
        (Answer(raw=b"<html>"), UnavailableError, "token_unreadable"),
        (Answer(document=[1]), UnavailableError, "token_unreadable"),
        (Answer(document={"token": "x"}), UnavailableError, "no_token"),
        (Answer(400, {"error": "something own"}), ConfigurationError, "http_400"),
        (Answer(404, {}), ConfigurationError, "http_404"),
        (Answer(302, {}, {"Location": "/elsewhere"}), UnavailableError, "http_302"),
        (Answer(raw=b"x" * 300_000), UnavailableError, "answer_too_large"),
    ],
)
def test_a_token_that_cannot_be_had_leaves_the_call_unsent(
    office: Office, http: HttpClient, answer: Answer, kind: type[Exception], code: str
) -> None:
    office.answers("/token", answer)
    scheme = client_credentials(office, http)

    with pytest.raises(kind) as failed:
        scheme.sign(HttpRequest("POST", office.url + "/pay", is_write=True), http.deadline())

    assert getattr(failed.value, "code", "") == code
    assert office.asked("/pay") == []


# rotating refresh tokens


def rotating(office: Office, http: HttpClient, path: Path) -> Any:
    fields = {"token_url": "/token", "refresh_token": "first", "client_id": "key", "client_secret": "secret"}
    return scheme_at(office.url, http, token_file=path, scheme="oauth2_refresh", **fields)


class Rotation:
    """Gives a new refresh token for the newest one only."""

    def __init__(self) -> None:
        self.newest = "not-a-real-refresh-0"
        self.count = 0
        self.lock = threading.Lock()

    def __call__(self, seen: Seen) -> Answer:
        with self.lock:
            if seen.form["refresh_token"] != self.newest:
                return Answer(400, {"error": "invalid_grant"})
            self.count += 1
            self.newest = f"not-a-real-refresh-{self.count}"
            return Answer(document={"access_token": f"a{self.count}", "refresh_token": self.newest, "expires_in": 600})


def test_a_new_refresh_token_outlives_the_process(office: Office, http: HttpClient, tmp_path: Path) -> None:
    office.plays_at("/token", Rotation())
    path = tmp_path / "tokens.json"

    first = rotating(office, http, path).sign(request_to(office.url + "/x"), http.deadline())
    again = rotating(office, http, path)
    second = again.sign(request_to(office.url + "/x"), http.deadline())
    assert again.renews(second)
    third = again.sign(request_to(office.url + "/x"), http.deadline())

    words = [signed.request.headers["Authorization"] for signed in (first, second, third)]
    assert words == ["Bearer a1", "Bearer a1", "Bearer a2"]
    assert path.stat().st_mode & 0o077 == 0
    assert "not-a-real-refresh" not in repr(FileVault(path).load())


def test_processes_that_share_a_vault_do_not_rotate_each_other_out(
    office: Office, http: HttpClient, tmp_path: Path
) -> None:
    office.plays_at("/token", Rotation())
    one, two = (rotating(office, http, tmp_path / "tokens.json") for _ in range(2))
    stale = [scheme.sign(request_to(office.url + "/x"), http.deadline()) for scheme in (one, two)]

    for scheme, signed in zip((one, two), stale, strict=True):
        scheme.renews(signed)
    fresh = [scheme.sign(request_to(office.url + "/x"), http.deadline()) for scheme in (one, two)]

    assert {signed.request.headers["Authorization"] for signed in fresh} == {"Bearer a2"}


def test_a_refresh_token_that_cannot_be_kept_is_used_for_nothing_and_kept_later(
    office: Office, http: HttpClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rotation = Rotation()
    office.plays_at("/token", rotation)
    scheme = rotating(office, http, tmp_path / "tokens.json")
    with monkeypatch.context() as full_disk:
        full_disk.setattr("os.fsync", _no_space)
        with pytest.raises(UnavailableError) as failed:
            scheme.sign(request_to(office.url + "/x"), http.deadline())
    assert failed.value.code == "token_not_kept"

    signed = scheme.sign(request_to(office.url + "/x"), http.deadline())

    assert signed.request.headers["Authorization"] == "Bearer a1"
    kept = FileVault(tmp_path / "tokens.json").load()
    assert kept is not None
    assert kept.refresh == rotation.newest


def _no_space(_handle: int) -> None:
    raise OSError(28, "No space left on device")


def test_a_vault_that_is_broken_or_busy_says_so(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    vault = FileVault(path)
    assert vault.load() is None
    path.write_text("{")
    with pytest.raises(ConfigurationError) as broken:
        vault.load()
    assert broken.value.code == "token_file_broken"

    late = FileVault(path).alone(Deadline(timedelta(seconds=0.1)))
    with vault.alone(Deadline(timedelta(seconds=5))), pytest.raises(UnavailableError) as busy, late:
        pass
    assert busy.value.code == "token_awaited"


def test_a_crash_while_writing_leaves_the_older_tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vault = FileVault(tmp_path / "tokens.json")
    vault.save(KeptTokens("r1", "a1", NOW))
    monkeypatch.setattr(Path, "replace", _no_rename)

    with pytest.raises(UnavailableError):
        vault.save(KeptTokens("r2", "a2", NOW))

    assert vault.load() == KeptTokens("r1", "a1", NOW)


def _no_rename(_path: Path, _target: Path) -> Path:
    raise OSError(5, "Input/output error")


# session log-on


def test_a_session_is_opened_once_and_anew_after_a_refusal(office: Office, http: HttpClient) -> None:
    office.answers("/log-on", *[Answer(document={"data": {"token": f"s{n}"}}) for n in range(3)])
    log_on = {"post": "/log-on", "body": {"user": "{secret.key}", "password": "{secret.secret}", "db": "main"}}
    carry = {"header": "X-Session", "spelt": "S {step.token}"}
    scheme = scheme_at(office.url, http, scheme="session", log_on=log_on, token_at="data.token", carry=carry)

    _, first = sent(scheme, http, office.url + "/x")
    sent(scheme, http, office.url + "/x")
    assert scheme.renews(first)
    sent(scheme, http, office.url + "/x")

    assert [seen.headers["x-session"] for seen in office.asked("/x")] == ["S s0", "S s0", "S s1"]
    assert office.asked("/log-on")[0].document == {"user": KEY, "password": SECRET, "db": "main"}


def test_a_session_can_come_in_a_header_and_go_in_the_query(office: Office, http: HttpClient) -> None:
    office.answers("/log-on", Answer(204, None, {"X-Web-Id": "s7"}))
    log_on = {"post": "/log-on", "body": {"user": "{secret.key}"}, "encoding": "form"}
    scheme = scheme_at(
        office.url, http, scheme="session", log_on=log_on, token_at='headers."x-web-id"', carry={"query": "sid"}
    )

    sent(scheme, http, office.url + "/x?a=1")

    assert office.asked("/x")[0].target == "/x?a=1&sid=s7"
    assert office.asked("/log-on")[0].form == {"user": KEY}


def test_a_log_on_without_a_session_is_for_a_person(office: Office, http: HttpClient) -> None:
    office.answers("/log-on", Answer(document={"ok": False}))
    scheme = scheme_at(
        office.url, http, scheme="session", log_on={"post": "/log-on"}, token_at="token", carry={"query": "sid"}
    )

    with pytest.raises(ConfigurationError) as failed:
        sent(scheme, http, office.url + "/x")

    assert failed.value.code == "no_session"


def test_a_session_can_go_in_the_body(office: Office, http: HttpClient) -> None:
    office.answers("/log-on", Answer(document={"token": "s1"}))
    scheme = scheme_at(
        office.url, http, scheme="session", log_on={"post": "/log-on"}, token_at="token", carry={"body": "head.session"}
    )
    headers = {"Content-Type": "application/json"}

    sent(scheme, http, office.url + "/x", method="POST", headers=headers, body=b'{"amount":1.10,"head":{"v":1}}')

    assert office.asked("/x")[0].body == b'{"amount":1.10,"head":{"v":1,"session":"s1"}}'
    with pytest.raises(ConfigurationError, match="JSON object"):
        scheme.sign(request_to(office.url + "/x", method="POST", headers=headers, body=b"[1]"), http.deadline())


# signatures


def test_an_hmac_covers_what_was_declared(office: Office, http: HttpClient) -> None:
    scheme = scheme_at(
        office.url,
        http,
        scheme="signature",
        key="secret",
        over="{step.method}\n{step.path_and_query}\n{step.timestamp}\n{step.body_sha256}",
        send={"X-Signature": "{secret.key}:{step.signature}", "X-Time": "{step.timestamp}"},
        encoding="base64",
    )

    sent(scheme, http, office.url + "/pay?a=1", method="POST", body=b'{"amount":1.10}')

    seen = office.seen[0]
    text = f"POST\n/pay?a=1\n{seen.headers['x-time']}\n{hashlib.sha256(seen.body).hexdigest()}"
    wanted = base64.b64encode(hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).digest()).decode()
    assert seen.headers["x-signature"] == f"{KEY}:{wanted}"
    assert seen.headers["x-time"] == str(int(NOW.timestamp()))


def test_an_hmac_over_the_body_takes_its_bytes_as_they_are(http: HttpClient) -> None:
    fields: Any = {"key": "secret", "over": "{step.body}", "send": {"X-S": "{step.signature}"}, "algorithm": "sha512"}
    scheme = scheme_at("http://127.0.0.1:9", http, scheme="signature", **fields)
    body = b"\xff{step.method}\x00"

    signed = scheme.sign(request_to("http://127.0.0.1:9/", method="POST", body=body), http.deadline())

    assert signed.request.headers["X-S"] == hmac.new(SECRET.encode(), body, hashlib.sha512).hexdigest()


@pytest.mark.parametrize(
    "place", ["{step.verb}", "{effect.total}", "{secret.other}", "{option.other}", "{secret.key|cents}"]
)
def test_a_place_without_a_value_is_refused(place: str, http: HttpClient) -> None:
    fields: Any = {"key": "secret", "over": place, "send": {"X": "{step.signature}"}}
    scheme = scheme_at("http://127.0.0.1:9", http, scheme="signature", **fields)

    with pytest.raises(ConfigurationError) as refused:
        scheme.sign(request_to("http://127.0.0.1:9/"), http.deadline())

    assert refused.value.code in {"bad_place", "secret_missing"}


def test_a_jwt_is_made_for_one_request(http: HttpClient) -> None:
    scheme = scheme_at(
        "http://127.0.0.1:9",
        http,
        scheme="jwt",
        key="long",
        algorithm="HS256",
        key_id="{secret.key}",
        claims={"iss": "{option.company}", "n": "{step.nonce}"},
        digest_over="{step.method}.{step.path}.{step.body}",
        digest_claim="jti:v1.",
        lifetime="90s",
    )
    request = request_to("http://127.0.0.1:9/a/b", method="POST", body=b"{}")

    words = [scheme.sign(request, http.deadline()).request.headers["Authorization"] for _ in range(2)]

    token = words[0].removeprefix("Bearer ")
    claims = jwt.decode(token, LONG, ["HS256"], options={"verify_exp": False, "verify_iat": False})
    digest = base64.urlsafe_b64encode(hashlib.sha256(b"POST./a/b.{}").digest()).decode().rstrip("=")
    assert jwt.get_unverified_header(token)["kid"] == KEY
    assert (claims["iss"], claims["jti"]) == ("acme", f"v1.{digest}")
    assert (claims["iat"], claims["exp"]) == (int(NOW.timestamp()), int(NOW.timestamp()) + 90)
    assert words[0] != words[1]


def test_a_key_that_fits_no_algorithm_is_refused_and_not_repeated(http: HttpClient) -> None:
    scheme = scheme_at("http://127.0.0.1:9", http, scheme="jwt", key="secret", algorithm="ES256")

    with pytest.raises(ConfigurationError) as refused:
        scheme.sign(request_to("http://127.0.0.1:9/"), http.deadline())

    assert refused.value.code == "bad_key"
    assert SECRET not in str(refused.value)


def test_rotating_tokens_want_a_file_to_be_kept_in(http: HttpClient) -> None:
    with pytest.raises(ConfigurationError) as refused:
        scheme_at("http://127.0.0.1:9", http, scheme="oauth2_refresh", token_url="/token", refresh_token="first")

    assert refused.value.code == "token_file_missing"


def test_a_new_refresh_token_is_kept_even_when_nothing_came_with_it(
    office: Office, http: HttpClient, tmp_path: Path
) -> None:
    office.answers("/token", Answer(document={"refresh_token": "not-a-real-refresh-9"}))
    scheme = rotating(office, http, tmp_path / "tokens.json")

    with pytest.raises(UnavailableError) as failed:
        scheme.sign(request_to(office.url + "/x"), http.deadline())

    assert failed.value.code == "no_token"
    assert FileVault(tmp_path / "tokens.json").load() == KeptTokens("not-a-real-refresh-9")


def test_tokens_and_secrets_are_taken_out_of_words(office: Office, http: HttpClient) -> None:
    office.answers("/token", Answer(document={"access_token": "not-a-real-token-7"}))
    scheme = client_credentials(office, http)
    scheme.sign(request_to(office.url + "/x"), http.deadline())

    said = WORDS.scrubbed(f"token not-a-real-token-7 of {KEY} with {SECRET} refused")

    assert said == "token [redacted] of [redacted] with [redacted] refused"


def test_a_forked_child_begins_with_an_empty_cell(office: Office, http: HttpClient) -> None:
    office.answers("/token", *[Answer(document={"access_token": f"t{n}"}) for n in range(2)])
    scheme = client_credentials(office, http)
    first = scheme.sign(request_to(office.url + "/x"), http.deadline())

    _forget_all()

    second = scheme.sign(request_to(office.url + "/x"), http.deadline())
    assert first.request.headers != second.request.headers
