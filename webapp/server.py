"""waitress, made to answer its own errors as JSON and to spool bodies beside the objects."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import tempfile
from typing import Any

from flask import Flask
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import create_server
from waitress.task import ErrorTask
from waitress.utilities import BadRequest, Error, InternalServerError, RequestEntityTooLarge

from webapp.app import create_app
from webapp.errors import FULL_ERRNOS, STORAGE_FULL, too_large_message
from webapp.settings import Settings
from webapp.store import ObjectStore

THREADS = 8
RECV_BYTES = 64 * 1024
SEND_BUFFER_BYTES = 128 * 1024
CONNECTION_LIMIT = 500  # a request needs up to two descriptors, and 1024 are usual
# waitress counts the framing of a chunked body as body; this lets a body of legal size pass with its framing.
FRAMING_BYTES = 1024 * 1024


class InsufficientStorage(Error):  # type: ignore[misc]
    """There is no room for the request's body."""

    code = 507
    reason = "Insufficient Storage"


class JsonErrorTask(ErrorTask):  # type: ignore[misc]
    """Answers what never reaches the application: {"message": ...}, then the connection closes."""

    def execute(self) -> None:
        """Write the answer."""
        error = self.request.error
        body = json.dumps({"message": str(error.body)}).encode() + b"\n"
        self.status = f"{error.code} {error.reason}"
        self.response_headers.append(("Content-Type", "application/json"))
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class StrictParser(HTTPRequestParser):  # type: ignore[misc]
    """Turns every failure of waitress's parser into an answer, and refuses a large body without reading it."""

    def received(self, data: bytes) -> int:
        """Take bytes from the client; the number of bytes used. Sets `error` and `completed` on failure."""
        try:
            consumed = int(super().received(data))
        except OSError as error:  # the file that holds the body
            full = error.errno in FULL_ERRNOS
            self._refuse(InsufficientStorage(STORAGE_FULL) if full else InternalServerError("cannot hold the body"))
            return len(data)
        except ValueError:  # urlsplit, int: waitress would close the connection without a word
            self._refuse(BadRequest("malformed URL or Content-Length"))
            return len(data)
        max_bytes = self.adj.max_request_body_size - FRAMING_BYTES
        body_bytes = len(self.body_rcv) if self.chunked and self.body_rcv else self.content_length
        if body_bytes > max_bytes or isinstance(self.error, RequestEntityTooLarge):
            self._refuse(RequestEntityTooLarge(too_large_message(max_bytes)))
        if self.error or self.body_rcv is None:
            # waitress would send "100 Continue" and wait for a body that is refused, or that does not exist.
            self.expect_continue = False
        return consumed

    def close(self) -> None:
        """Drop the body. What a full disk did not take is tried once more here: that failure is not news."""
        with contextlib.suppress(OSError):
            super().close()

    def _refuse(self, error: Error) -> None:
        self.error = error
        self.completed = True
        self.expect_continue = False


class JsonChannel(HTTPChannel):  # type: ignore[misc]
    """A connection with the parser and the error answers above."""

    error_task_class = JsonErrorTask
    parser_class = StrictParser


def build_server(settings: Settings, app: Flask | None = None) -> Any:
    """A listening waitress server; its `run()` serves until SystemExit is raised in its thread.

    `app` is the application for these settings where it exists already.
    Raises OSError when the address cannot be bound.
    """
    store = ObjectStore(settings.objects_dir)
    with contextlib.suppress(OSError):  # not a reason to die: /healthz tells
        store.create_directories()
        store.delete_stale()
    # Bodies over half a megabyte wait in files: on the objects' disk, for /tmp may be memory.
    tempfile.tempdir = str(store.incoming)
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a warning per queued request is noise
    server = create_server(
        app or create_app(settings),
        sockets=[_listening_socket(settings.host, settings.port)],
        threads=THREADS,
        recv_bytes=RECV_BYTES,
        connection_limit=CONNECTION_LIMIT,
        max_request_body_size=settings.max_object_bytes + FRAMING_BYTES,
        asyncore_use_poll=True,
        log_socket_errors=False,
        ident="webapp",
    )
    server.channel_class = JsonChannel
    return server


def _listening_socket(host: str, port: int) -> socket.socket:
    listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    # Connections inherit it. waitress reads a file in pieces of this size, by default megabytes for each connection.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    return listener
