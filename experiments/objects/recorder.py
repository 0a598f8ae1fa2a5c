"""Requests for objects, each recorded with its outcome."""

from __future__ import annotations

import json
import time
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from experiments.objects.contents import Names, content
from experiments.objects.history import ABSENT, DONE, FAILED, UNKNOWN, History, Operation

TIMEOUT_S = 10.0
METHODS = {"put": "PUT", "get": "GET", "delete": "DELETE", "list": "GET"}
SERVED = {200, 201, 204}
# Refused before anything was done: by the application, or by HAProxy (503: it could give the request to nobody).
REFUSED = {400, 405, 413, 414, 429, 503, 507}


class Recorder:
    """Sends each request on a connection of its own, so that nothing sends it twice."""

    def __init__(self, url: str, prefix: str) -> None:
        """`prefix` is how the ids of all objects begin that the listings are to tell of."""
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError(f"{url!r} is not legal: http://<host>[:<port>] is")
        self._host, self._port = parts.hostname, parts.port or 80
        self._prefix = prefix
        self._names = Names()
        self._begin_s = time.monotonic()
        self.history = History()

    def put(self, client: int, key: str, number: int, size_bytes: int) -> Operation:
        """Put the content of this number, which no other put has."""
        body = content(number, size_bytes)
        return self._do(client, "put", key, body, self._names.add(key, number, body))

    def do(self, client: int, action: str, key: str = "") -> Operation:
        """Any other action; `list` has no key."""
        return self._do(client, action, key)

    def _do(self, client: int, action: str, key: str, body: bytes | None = None, value: str = "") -> Operation:
        began_s = self._now_s()
        try:
            status, content_read = self._request(METHODS[action], f"/objs/{key}" if key else "/", body)
            outcome, answer = outcome_of(action, status), str(status)
        except (HTTPException, OSError) as error:
            # Refused means that no connection came about, so nobody had the request.
            outcome, answer = FAILED if isinstance(error, ConnectionRefusedError) else UNKNOWN, type(error).__name__
        ended_s, listed = self._now_s(), ()
        if action == "get" and outcome == DONE:
            value = self._names.of(key, content_read)
        if action == "list" and outcome == DONE:
            listed = tuple(each for each in json.loads(content_read) if each.startswith(self._prefix))
        operation = Operation(client, action, began_s, ended_s, outcome, answer, key, value, listed)
        self.history.add(operation)
        return operation

    def _request(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        """Raises HTTPException, too where the answer is shorter than announced, and OSError."""
        connection = HTTPConnection(self._host, self._port, timeout=TIMEOUT_S)
        try:
            connection.request(method, path, body, {"Connection": "close"})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def _now_s(self) -> float:
        return time.monotonic() - self._begin_s


def outcome_of(action: str, status: int) -> str:
    """What an answer says about the operation."""
    if status in SERVED:
        return DONE
    if status == 404 and action in ("get", "delete"):
        return ABSENT
    return FAILED if status in REFUSED else UNKNOWN
