"""A draft of a mapping as text: valid, linted, and honest about what it does not know."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import urlsplit

from pmsbridge_rest.mapping.connection import Evidence
from pmsbridge_rest.mapping.schema import FILE
from pmsbridge_rest.scaffold.reads import Draft, keys_of, propose_entities
from pmsbridge_rest.scaffold.spelling import as_yaml
from pmsbridge_rest.scaffold.words import plain
from pmsbridge_rest.scaffold.writes import propose_actions
from pmsbridge_rest.spec import Spec

__all__ = ["scaffold"]

_PLACE: Final = re.compile(r"\{([^{}]*)\}")
_PAGES: Final = ("page", "pagenumber")
_TOKENS: Final = ("pagetoken", "cursor", "pagecursor", "nexttoken", "continuationtoken", "after")
_NEXT: Final = ("nextpagetoken", "nextcursor", "nexttoken", "nextpagecursor", "continuationtoken", "endcursor")
_SIZES: Final = ("perpage", "pagesize", "limit", "size", "pagelimit")
_LONGEST_TITLE: Final = 80


def scaffold(spec: Spec, *, name: str, file: str, evidence: Evidence = Evidence.THIRD_PARTY_SPEC) -> str:
    """A draft for a person to complete.

    Args:
        spec: The vendor's document.
        name: The system's short name.
        file: The document's name, for the draft's ``source`` and ``contract``.
        evidence: Whose document it is.
    """
    draft = Draft()
    options: dict[str, Any] = {}
    base_url = _base_url(spec, options)
    auth, secrets = _auth(spec)
    pages = _pagination(spec) or _tokens(spec, draft)
    headers = _headers(spec, options)
    propose_entities(spec, draft, "pages" if pages else None)
    actions, unsupported = propose_actions(spec, draft)
    info = spec.document.get("info") if isinstance(spec.document.get("info"), dict) else {}
    title = str((info or {}).get("title") or name)[:_LONGEST_TITLE]
    mapping: dict[str, Any] = {
        "pmsmap": 1,
        "vendor": {
            "name": name,
            "title": title,
            "api_version": str((info or {}).get("version") or ""),
            "evidence": evidence.value,
            "source": f"the OpenAPI document {file}",
        },
        "contract": {"openapi": file},
        "connection": {
            "base_url": base_url,
            **({"options": options} if options else {}),
            **({"secrets": secrets} if secrets else {}),
            **({"headers": headers} if headers else {}),
        },
        "auth": auth,
        **({"pagination": {"pages": pages}} if pages else {}),
        **({"codecs": draft.codecs} if draft.codecs else {}),
        "entities": draft.entities,
        **({"actions": actions} if actions else {}),
        "unsupported": unsupported,
    }
    return _head(draft) + as_yaml(mapping)


def _head(draft: Draft) -> str:
    lines = [
        f"# yaml-language-server: $schema={FILE}",
        "# A draft, proposed from an OpenAPI document. Review every line: names are guesses, so are the meanings of",
        "# states. Then: pmsbridge map lint FILE --openapi DOCUMENT, and pmsbridge map try FILE ACTION.",
        f"# An editor completes and checks by the first line, once there is: pmsbridge map schema > {FILE}",
        *(f"# Not proposed: {' '.join(reason.split())}" for reason in draft.why_not),
    ]
    return "\n".join(lines) + "\n"


def _base_url(spec: Spec, options: dict[str, Any]) -> str:
    """The first https server, its variables as options; else a place that a person must fill."""
    for url in spec.servers:
        if urlsplit(_PLACE.sub("x", url)).scheme == "https":
            return _PLACE.sub(lambda found: _option(found[1], options), url.split("?")[0]).rstrip("/")
    options["host"] = "The host name of the back office; the document names none"
    return "https://{option.host}"


def _option(name: str, options: dict[str, Any], about: str = "part {} of the address") -> str:
    word = re.sub(r"[^a-z0-9_]", "_", name.lower()).strip("_") or "part"
    word = word if word[0].isalpha() else f"o_{word}"
    options[word] = f"The {about.format(word)}"
    return f"{{option.{word}}}"


def _auth(spec: Spec) -> tuple[dict[str, Any], dict[str, str]]:
    """The scheme that the document declares, with the names of its secrets."""
    components = spec.document.get("components")
    schemes = components.get("securitySchemes") if isinstance(components, dict) else None
    found = [spec.resolved(each) for each in schemes.values()] if isinstance(schemes, dict) else []
    keys = [each for each in found if each.get("type") == "apiKey" and each.get("in") in {"header", "query"}]
    for each in found:
        if each.get("type") == "oauth2" and "clientCredentials" in (each.get("flows") or {}):
            return _client_credentials(each["flows"]["clientCredentials"])
        if each.get("type") == "http" and str(each.get("scheme")).lower() == "bearer":
            return {"scheme": "bearer", "token": "token"}, {"token": "The access token"}
        if each.get("type") == "http" and str(each.get("scheme")).lower() == "basic":
            secrets = {"user": "The user's name", "password": "The password"}
            return {"scheme": "basic", "user": "{secret.user}", "password": "password"}, secrets
    return _keys(keys) if keys else ({"scheme": "none"}, {})


def _client_credentials(flow: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    url = str(flow.get("tokenUrl") or "/oauth/token")
    auth = {
        "scheme": "oauth2_client_credentials",
        "token_url": url,
        "client_id": "client_id",
        "client_secret": "client_secret",
    }
    return auth, {"client_id": "The client's id", "client_secret": "The client's secret"}


def _keys(keys: list[dict[str, Any]]) -> tuple[dict[str, Any], dict[str, str]]:
    auth: dict[str, Any] = {"scheme": "api_key"}
    secrets = {}
    for each in keys:
        word = re.sub(r"[^a-z0-9]+", "_", str(each.get("name")).lower()).strip("_")
        word = word if word[:1].isalpha() else f"key_{word}"
        secrets[word] = f"The value of {each.get('name')}"
        place = "in_headers" if each["in"] == "header" else "in_query"
        auth.setdefault(place, {})[str(each["name"])] = f"{{secret.{word}}}"
    return auth, secrets


def _pagination(spec: Spec) -> dict[str, Any] | None:
    """The way to ask in pieces that most lists of the document have."""
    counts: dict[tuple[str, str, str, str], int] = {}
    for operation in spec.operations():
        names = {plain(name): name for name in operation.query} if operation.method == "get" else {}
        size = next((names[word] for word in _SIZES if word in names), "")
        page = next((names[word] for word in _PAGES if word in names), "")
        if page or "offset" in names:
            style, name = ("page", page) if page else ("offset", names["offset"])
            way = (style, name, size, operation.counted_by)
            counts[way] = counts.get(way, 0) + 1
    if not counts:
        return None
    style, name, size, total = max(counts, key=lambda each: counts[each])
    counted = {"total_header": total, "stop": "total"} if total else {}
    return {"style": style, f"{style}_as": name, **({"size_as": size} if size else {}), "size": 50, **counted}


def _tokens(spec: Spec, draft: Draft) -> dict[str, Any] | None:
    """Lists that are asked for on with a token out of the answer before."""
    for operation in spec.operations():
        names = {plain(name): name for name in operation.query} if operation.method == "get" else {}
        token = next((names[word] for word in _TOKENS if word in names), "")
        if not token:
            continue
        keys = sorted(keys_of(spec, operation.answer or {}), key=lambda path: path.count("."))
        following = next((path for path in keys if plain(path.rpartition(".")[2]) in _NEXT), "")
        if following:
            size = next((names[word] for word in _SIZES if word in names), "")
            sized = {"size_as": size, "size": 50} if size else {}
            return {"style": "cursor", "cursor_as": token, "next_at": following, **sized}
        draft.why_not.append(f"pages: {operation.path} takes {token}, and no key of its answer looks like the next one")
        return None
    return None


def _headers(spec: Spec, options: dict[str, Any]) -> dict[str, str]:
    """Headers that most operations require; one whose value the document does not suggest becomes an option."""
    operations = list(spec.operations())
    counts: dict[str, int] = {}
    values: dict[str, str] = {}
    for operation in operations:
        for name, value in operation.headers.items():
            counts[name] = counts.get(name, 0) + 1
            values[name] = values.get(name) or value
    wanted = [name for name, count in counts.items() if count * 2 >= len(operations)]
    said = {name: values[name] for name in wanted if values[name] and not set(values[name]) & set("{}")}
    return {name: said.get(name) or _option(name, options, "value of the header {}") for name in wanted}
