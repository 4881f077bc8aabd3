"""The few lines it takes to speak to the server. It judges an adapter, so it shares nothing with one."""

from __future__ import annotations

import base64
import datetime as dt
import gzip
import http.client
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

__all__ = ["Caller", "RefusedError"]

_SECONDS = 60.0


class RefusedError(Exception):
    """The server answered with an error.

    Attributes:
        kind: Its kind ("UserError"), or "HTTP 401".
        said: What came with it.
    """

    def __init__(self, kind: str, said: object) -> None:
        super().__init__(f"{kind}: {said}")
        self.kind = kind
        self.said = said


class Caller:
    """One user's calls. Moments are naive UTC, as the server has them."""

    def __init__(self, host: str, port: int, database: str) -> None:
        self.host, self.port, self.database = host, port, database
        self.context: dict[str, Any] = {}
        self._authorization = ""
        self._credentials: tuple[str, str] | None = None

    def log_on(self, user: str, password: str) -> None:
        """Log on, and take over the user's company."""
        self._authorization, self._credentials = "", None
        user_id, token = self.call("common.db.login", user, {"password": password}, "en", context=None)[:2]
        self._authorization = "Session " + base64.b64encode(f"{user}:{user_id}:{token}".encode()).decode()
        preferences = self.call("model.res.user.get_preferences", True, context={})
        self.context = {"company": preferences.get("company"), "language": "en"}
        self._credentials = (user, password)

    def version(self) -> str:
        """The server's series; needs no log-on."""
        return str(self._post("/rpc/", "common.server.version", []))

    def call(self, method: str, *params: Any, context: Mapping[str, Any] | None = None, **more: Any) -> Any:
        """Call a method; ``more`` goes into the context. A log-on takes none.

        Whoever was idle for long logs on again: some methods want that.
        """
        path = f"/{self.database}/rpc/"
        whole = [*params, {**self.context, **(context or {}), **more}] if self._authorization else [*params]
        try:
            return self._post(path, method, whole)
        except RefusedError as refusal:
            if refusal.kind != "HTTP 401" or self._credentials is None:
                raise
        self.log_on(*self._credentials)
        return self._post(path, method, whole)

    def read(self, model: str, domain: list[Any], *fields: str, order: list[Any] | None = None) -> list[dict[str, Any]]:
        """Records that fit."""
        found: list[dict[str, Any]] = self.call(f"model.{model}.search_read", domain, 0, None, order, list(fields))
        return found

    def wizard(self, name: str, model: str, ids: list[int], *steps: tuple[str, Any]) -> dict[str, Any]:
        """Walk through a wizard: each step is a state and what to fill into the view before it.

        What is filled in is a mapping, or a function that makes it of the view's own values.
        """
        context = {"active_model": model, "active_id": ids[0] if ids else None, "active_ids": ids}
        session, start = self.call(f"wizard.{name}.create", context=context)[:2]
        try:
            answer = self.call(f"wizard.{name}.execute", session, {}, start, context=context)
            for state, fill in steps:
                view = answer["view"]
                values = {**plain(view.get("defaults") or {}), **plain(view.get("values") or {})}
                filled = fill(values) if callable(fill) else {**values, **fill}
                answer = self.call(f"wizard.{name}.execute", session, {view["state"]: filled}, state, context=context)
        finally:
            self.call(f"wizard.{name}.delete", session, context=context)
        return dict(answer)

    def _post(self, path: str, method: str, params: list[Any]) -> Any:
        body = json.dumps({"id": 1, "method": method, "params": params}, default=_out)
        connection = http.client.HTTPConnection(self.host, self.port, timeout=_SECONDS)
        headers = {"Content-Type": "application/json", "Accept-Encoding": "gzip"}
        try:
            if self._authorization:
                headers["Authorization"] = self._authorization
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            raw = answer.read()
        finally:
            connection.close()
        if answer.status != http.client.OK:
            kind = f"HTTP {answer.status}"
            raise RefusedError(kind, raw[:200])
        whole = json.loads(
            gzip.decompress(raw) if answer.headers["Content-Encoding"] == "gzip" else raw, object_hook=_in
        )
        if "error" in whole:
            raise RefusedError(str(whole["error"][0]), whole["error"][1])
        return whole["result"]


def plain(found: Any) -> Any:
    """Values without the names that come along for the eye."""
    if isinstance(found, dict):
        return {name: plain(value) for name, value in found.items() if not name.endswith(".")}
    return [plain(value) for value in found] if isinstance(found, list) else found


def _out(value: object) -> Any:
    if isinstance(value, Decimal):
        return {"__class__": "Decimal", "decimal": str(value)}
    if isinstance(value, dt.datetime):
        names = ("year", "month", "day", "hour", "minute", "second", "microsecond")
        return {"__class__": "datetime", **{name: getattr(value, name) for name in names}}
    if isinstance(value, dt.date):
        return {"__class__": "date", "year": value.year, "month": value.month, "day": value.day}
    if isinstance(value, dt.timedelta):
        return {"__class__": "timedelta", "seconds": value.total_seconds()}
    if isinstance(value, bytes):
        return {"__class__": "bytes", "base64": base64.b64encode(value).decode()}
    message = f"{type(value).__name__} cannot be sent"
    raise TypeError(message)


def _in(found: dict[str, Any]) -> Any:
    kind = found.pop("__class__", None)
    if kind == "Decimal":
        return Decimal(found["decimal"])
    if kind == "datetime":
        return dt.datetime(**found)  # noqa: DTZ001 - as the server has it
    if kind == "date":
        return dt.date(**found)
    if kind == "timedelta":
        return dt.timedelta(seconds=found["seconds"])
    if kind == "bytes":
        return base64.b64decode(found["base64"])
    return found
