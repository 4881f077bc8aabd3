"""Who may come in, and how often: credentials as the mapping says, tokens, and the vendor's budgets of calls.

Signatures over a declared text (HMAC, JWT) are looked for, not computed: only that their headers are there.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlsplit

from .answers import Reply, satisfy
from .mapping_file import Sheet, method_and_path
from .paths import put, turned_round
from .templates import filled

_HASHES: Final = {"HMAC-SHA1": hashlib.sha1, "HMAC-SHA256": hashlib.sha256}
_UNITS: Final = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_GENEROUS_CALLS: Final = 2
SCHEMES: Final = frozenset({
    "none", "api_key", "bearer", "basic", "oauth1", "oauth2_client_credentials", "oauth2_refresh", "session",
    "signature", "jwt",
})  # fmt: skip
"""Ways to log in that are known here."""

_TOKEN_SECONDS: Final = 1800


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it arrived.

    Attributes:
        target: Path and query.
        headers: By name in small letters.
        postmark: What the sender wrote on the outside, in process only; never part of the request.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""
    postmark: str = ""

    @property
    def path(self) -> str:
        """Without the query, as it came."""
        return urlsplit(self.target).path

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The query."""
        return parse_qsl(urlsplit(self.target).query, keep_blank_values=True)


def fake_secret(name: str) -> str:
    """The secret of a name in every sandbox; obviously made up."""
    return f"fake-{name.replace('_', '-')}-0000"


def span_of(text: Any) -> timedelta:  # noqa: ANN401 - as YAML has it
    """A time such as ``200ms``, ``1s``, ``1h``."""
    word = str(text)
    unit = "ms" if word.endswith("ms") else word[-1]
    return timedelta(**{_UNITS[unit]: int(word.removesuffix(unit))})


class Door:
    """Lets requests in, or not.

    Args:
        sheet: The mapping.
        options: What differs between accounts.
        now: Time.
        counts_calls: Whether the vendor's budgets hold.
    """

    def __init__(
        self, sheet: Sheet, options: Mapping[str, str], now: Callable[[], datetime], *, counts_calls: bool
    ) -> None:
        self._sheet = sheet
        self._auth = sheet.part("auth") or {"scheme": "none"}
        secrets = {name: fake_secret(name) for name in sheet.part("connection", "secrets")}
        self.secrets = secrets
        named = {f"option.{name}": text for name, text in options.items()}
        self._values = {**named, **{f"secret.{name}": text for name, text in secrets.items()}}
        self._now = now
        self._budgets = sheet.part("limits").get("budgets", []) if counts_calls else []
        self._calls: dict[int, deque[datetime]] = {}
        self._tokens: set[str] = set()
        self._issued = 0

    # credentials

    @property
    def own_query(self) -> set[str]:
        """Query parameters that belong to the credentials."""
        names = set(self._auth.get("in_query", {}))
        carry = self._auth.get("carry", {})
        return names | ({carry["query"]} if carry.get("query") else set())

    @property
    def own_body(self) -> str | None:
        """The field of a body that belongs to them."""
        found = self._auth.get("carry", {}).get("body")
        return None if found is None else str(found)

    def token_reply(self, request: Request) -> Reply | None:
        """The answer to a request for a token; None when it is none."""
        scheme = self._auth["scheme"]
        if scheme in {"oauth2_client_credentials", "oauth2_refresh"}:
            address = urlsplit(str(self._auth["token_url"]))
            if request.path != address.path or request.method != "POST":
                return None
            return self._granted(request)
        if scheme == "session" and (request.method, request.path) == method_and_path(self._auth["log_on"]):
            return self._logged_on(request)
        return None

    def _granted(self, request: Request) -> Reply:
        said = dict(parse_qsl(request.body.decode("utf-8", "replace")))
        basic = request.headers.get("authorization", "").removeprefix("Basic ")
        text = f"{base64.b64decode(basic).decode('utf-8', 'replace')} {said} {request.headers}"
        wanted = [str(self._auth[key]) for key in ("client_id", "client_secret") if self._auth.get(key)]
        if self._auth["scheme"] == "oauth2_refresh" and not self._tokens:
            wanted.append(self._auth["refresh_token"])
        if not all(self.secrets[name] in text for name in wanted):
            return Reply(401, {"error": "invalid_client"})
        document: dict[str, Any] = {}
        put(document, turned_round(str(self._auth.get("token_at", "access_token"))) or "access_token", self._token())
        put(document, str(self._auth.get("expires_at") or "expires_in"), _TOKEN_SECONDS)
        if self._auth.get("refresh_token_at"):
            put(document, self._auth["refresh_token_at"], f"fake-refresh-{self._issued}")
        return Reply(200, document)

    def _logged_on(self, request: Request) -> Reply:
        text = f"{request.body.decode('utf-8', 'replace')} {request.target} {request.headers}"
        if not any(secret in text for secret in self.secrets.values()):
            return Reply(401, {"error": "who?"})
        token, where = self._token(), str(self._auth["token_at"])
        document: dict[str, Any] = {}
        if where.startswith("headers."):
            return Reply(200, {}, {where.removeprefix("headers.").strip('"'): token})
        put(document, turned_round(where) or "token", token)
        good = self._sheet.part("envelope").get("good") or {}
        satisfy(document, good.get("body", {}))
        return Reply(200, document)

    def _token(self) -> str:
        self._issued += 1
        token = f"fake-token-{self._issued}"
        self._tokens.add(token)
        return token

    def knows(self, request: Request) -> bool:
        """Whether the credentials are good."""
        extra = self._auth.get("extra_headers", {})
        if any(request.headers.get(name.lower()) != self._filled(text) for name, text in extra.items()):
            return False
        check = getattr(self, f"_knows_{self._auth['scheme']}", None)
        return True if check is None else bool(check(request))

    def _filled(self, template: str) -> str:
        return filled(template, self._values)

    def _knows_api_key(self, request: Request) -> bool:
        query = dict(request.pairs)
        headers = self._auth.get("in_headers", {}).items()
        named = self._auth.get("in_query", {}).items()
        return all(request.headers.get(name.lower()) == self._filled(text) for name, text in headers) and all(
            query.get(name) == self._filled(text) for name, text in named
        )

    def _knows_bearer(self, request: Request) -> bool:
        word = self._auth.get("word", "Bearer")
        return request.headers.get("authorization") == f"{word} {self.secrets[self._auth['token']]}"

    def _knows_basic(self, request: Request) -> bool:
        password = self.secrets[self._auth["password"]] if self._auth.get("password") else ""
        pair = base64.b64encode(f"{self._filled(self._auth['user'])}:{password}".encode()).decode()
        return request.headers.get("authorization") == f"Basic {pair}"

    def _knows_oauth2_client_credentials(self, request: Request) -> bool:
        word, _, token = request.headers.get("authorization", "").partition(" ")
        return word == self._auth.get("word", "Bearer") and token in self._tokens

    _knows_oauth2_refresh = _knows_oauth2_client_credentials

    def _knows_session(self, request: Request) -> bool:
        carry = self._auth["carry"]
        spelt = str(carry.get("spelt", "{step.token}"))
        if carry.get("header"):
            said = request.headers.get(str(carry["header"]).lower(), "")
        elif carry.get("query"):
            said = dict(request.pairs).get(carry["query"], "")
        else:
            said, spelt = request.body.decode("utf-8", "replace"), "{step.token}"
            return any(token in said for token in self._tokens)
        return any(said == filled(spelt, {"step.token": token}) for token in self._tokens)

    def _knows_signature(self, request: Request) -> bool:
        return all(request.headers.get(name.lower()) for name in self._auth["send"])

    def _knows_jwt(self, request: Request) -> bool:
        word, _, token = request.headers.get("authorization", "").partition(" ")
        return word == self._auth.get("word", "Bearer") and token.count(".") == 2

    def _knows_oauth1(self, request: Request) -> bool:
        """Signed with the consumer's key and secret: RFC 5849, section 3.4."""
        said = _protocol(request, in_query=self._auth.get("send_in") == "query")
        signature = said.pop("oauth_signature", "")
        hashed = _HASHES.get(said.get("oauth_signature_method", ""))
        if hashed is None or said.get("oauth_consumer_key") != self.secrets[self._auth["consumer_key"]]:
            return False
        pairs = [pair for pair in request.pairs if not pair[0].startswith("oauth_")] + list(said.items())
        if "form-urlencoded" in request.headers.get("content-type", ""):
            pairs += parse_qsl(request.body.decode(), keep_blank_values=True)
        address = f"http://{request.headers.get('host', '')}{request.path}"
        plain = "&".join(f"{name}={value}" for name, value in sorted((_coded(n), _coded(v)) for n, v in pairs))
        bases = [
            f"{request.method}&{_coded(each)}&{_coded(plain)}"
            for each in (address, address.replace("http", "https", 1))
        ]
        key = f"{_coded(self.secrets[self._auth['consumer_secret']])}&".encode()
        return any(
            hmac.compare_digest(base64.b64encode(hmac.new(key, base.encode(), hashed).digest()).decode(), signature)
            for base in bases
        )

    # budgets

    def too_many(self, path: str, *, is_write: bool) -> timedelta | None:
        """How long to wait when there were too many calls; None when there were not.

        The vendor is a little more generous than it says: how long a call is on its way differs.
        """
        now = self._now()
        for number, budget in enumerate(self._budgets):
            of = budget.get("of", "all")
            if (of != "all" and (of == "writes") is not is_write) or not _is_below(path, budget.get("paths", [])):
                continue
            span, calls = span_of(budget["per"]), self._calls.setdefault(number, deque())
            while calls and calls[0] <= now - span:
                calls.popleft()
            if len(calls) >= int(budget["calls"]) * 11 // 10 + _GENEROUS_CALLS:
                return calls[0] + span - now
            calls.append(now)
        return None


def _is_below(path: str, paths: list[str]) -> bool:
    return not paths or path.startswith(tuple(paths))


def _protocol(request: Request, *, in_query: bool) -> dict[str, str]:
    if in_query:
        return {name: value for name, value in request.pairs if name.startswith("oauth_")}
    words = request.headers.get("authorization", "").removeprefix("OAuth ")
    pairs = (word.strip().partition("=")[::2] for word in words.split(","))
    return {name: dict(parse_qsl(f"x={value.strip(chr(34))}")).get("x", "") for name, value in pairs if name != "realm"}


def _coded(text: str) -> str:
    return quote(text, safe="-._~")
