"""waitress's connections, made to answer their errors as JSON, and bounded: what a client may send, and how slowly.

A request, from its first byte, and an answer have PATIENCE_S seconds and one more for each LEAST_BYTES_PER_S bytes; a
client that is slower gets 408, or its connection closes. A new connection is always taken: beyond CONNECTIONS of them,
the one that has waited for its client the longest gives way.
"""

from __future__ import annotations

import contextlib
import json
import time
from typing import Any

from waitress.buffers import OverflowableBuffer
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import TcpWSGIServer
from waitress.task import ErrorTask
from waitress.utilities import BadRequest, Error, InternalServerError, RequestEntityTooLarge

from webapp.errors import FULL_ERRNOS, STORAGE_FULL, too_large_message

PATIENCE_S = 10.0
LEAST_BYTES_PER_S = 1000
IDLE_S = 120.0  # of a connection without a request
LOOK_S = 1.0
CONNECTIONS = 450  # a request needs up to two descriptors, and 1024 are usual
ACCEPTED_AT_ONCE = 40
FRAMING_BYTES = 1024 * 1024  # of a chunked body, which waitress counts as body
CHUNK_LINE_BYTES = 8 * 1024  # of a chunk's head, and of all trailers
BAD_FRAMING = (
    f"chunked body too scattered: legal are {CHUNK_LINE_BYTES} bytes for the head of a chunk, as many for all "
    f"trailers, and {FRAMING_BYTES} bytes for what is not content"
)
TOO_SLOW = f"request too slow: after {PATIENCE_S:g} s, {LEAST_BYTES_PER_S} bytes a second are the least"
CROWDED = f"request took longest of {CONNECTIONS} connections, and another client needs one: try again"


class InsufficientStorage(Error):  # type: ignore[misc]
    """There is no room for the request's body."""

    code = 507
    reason = "Insufficient Storage"


class RequestTimeout(Error):  # type: ignore[misc]
    """The client took too long to send its request."""

    code = 408
    reason = "Request Timeout"


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


class Transfer:
    """A request or an answer on its way: since when, and how much of it has moved."""

    __slots__ = ("begun_s", "moved_bytes")

    def __init__(self) -> None:
        self.begun_s = time.monotonic()
        self.moved_bytes = 0

    def is_late(self, now_s: float) -> bool:
        """Whether the client is slower than any client may be."""
        return self.moved_bytes < (now_s - self.begun_s - PATIENCE_S) * LEAST_BYTES_PER_S


class Body(OverflowableBuffer):  # type: ignore[misc]
    """A request's body. What the disk does not take is dropped, and `trouble` tells why, but the client may finish.

    Were it answered before, and its connection closed, it might lose the answer: to bytes that nobody reads, the kernel
    answers with a reset.
    """

    trouble: OSError | None = None
    dropped_bytes = 0

    def __len__(self) -> int:
        return int(super().__len__()) + self.dropped_bytes

    def append(self, data: bytes) -> None:
        """Hold these bytes, or count them."""
        if self.trouble is None:
            held_bytes = len(self)
            try:
                super().append(data)
                return
            except OSError as error:
                self.trouble = error
                self.close()
                self.buf, self.strbuf, self.dropped_bytes = None, b"", held_bytes
        self.dropped_bytes += len(data)

    def close(self) -> None:
        """Drop the body. What a full disk did not take is tried once more here: that failure is not news."""
        with contextlib.suppress(OSError):
            super().close()


class StrictParser(HTTPRequestParser):  # type: ignore[misc]
    """Turns every failure of waitress's parser into an answer, and refuses a large body without reading it."""

    def __init__(self, adj: Any) -> None:
        super().__init__(adj)
        self.transfer = Transfer()

    def received(self, data: bytes) -> int:
        """Take bytes from the client; the number of bytes used. Sets `error` and `completed` on failure."""
        try:
            consumed = int(super().received(data))
        except ValueError:  # urlsplit, int: waitress would close the connection without a word
            self.refuse(BadRequest("malformed URL or Content-Length"))
            return len(data)
        self.transfer.moved_bytes += consumed
        self._check_body()
        if self.error or self.body_rcv is None:
            # waitress would send "100 Continue" and wait for a body that is refused, or that does not exist.
            self.expect_continue = False
        if self.completed and not self.empty and consumed < len(data):
            # No pipelining: one read would make thousands of requests, and HAProxy sends none before the last answer.
            self.headers["CONNECTION"] = "close"
            return len(data)
        return consumed

    def refuse(self, error: Error) -> None:
        """Answer this request with an error, whatever of it is still to come."""
        self.error = error
        self.completed = True
        self.expect_continue = False

    def parse_header(self, header_plus: bytes) -> None:
        """Understand the headers, and prepare for the body."""
        super().parse_header(header_plus)
        if self.body_rcv is not None:
            self.body_rcv.buf = Body(self.adj.inbuf_overflow)

    def _check_body(self) -> None:
        if "TRANSFER_ENCODING" in self.headers and self.version != "1.1":
            self.refuse(BadRequest("Transfer-Encoding is legal in HTTP/1.1 alone"))
        body_bytes = self.content_length
        if self.chunked and self.body_rcv is not None:
            body_bytes = len(self.body_rcv)
            framing_bytes = self.body_bytes_received - body_bytes
            body_bytes += self.body_rcv.chunk_remainder
            line_bytes = max(len(self.body_rcv.control_line), len(self.body_rcv.trailer))
            if line_bytes > CHUNK_LINE_BYTES or framing_bytes > FRAMING_BYTES:
                self.refuse(BadRequest(BAD_FRAMING))
        max_bytes = self.adj.max_request_body_size - FRAMING_BYTES
        if body_bytes > max_bytes or isinstance(self.error, RequestEntityTooLarge):
            self.refuse(RequestEntityTooLarge(too_large_message(max_bytes)))
        if self.completed and self.error is None and self.body_rcv is not None and self.body_rcv.buf.trouble:
            full = self.body_rcv.buf.trouble.errno in FULL_ERRNOS
            self.refuse(InsufficientStorage(STORAGE_FULL) if full else InternalServerError("cannot hold the body"))


class Connection(HTTPChannel):  # type: ignore[misc]
    """A connection with the parser and the error answers above, that ends when its client is too slow."""

    error_task_class = JsonErrorTask
    parser_class = StrictParser
    request: StrictParser | None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.answer = Transfer()
        super().__init__(*arguments, **options)

    @property
    def begun_s(self) -> float:
        """When that began for which the client is now waited for: its request, else the last answer."""
        return (self.request.transfer if self.request else self.answer).begun_s

    def write_soon(self, data: Any) -> int:
        """Send, when the client takes it."""
        if not self.total_outbufs_len:
            self.answer = Transfer()
        return int(super().write_soon(data))

    def send(self, data: bytes, do_close: bool = True) -> int:
        """Send what the client takes now; the number of bytes."""
        sent = int(super().send(data, do_close))
        self.answer.moved_bytes += sent
        return sent

    def end_if_late(self, now_s: float) -> None:
        """End the connection when its client is too slow, or idle. For the server's own thread."""
        if self.requests:
            return  # it waits for us
        if self.total_outbufs_len and self.answer.is_late(now_s):
            self.handle_close()
        elif self.request and self.request.transfer.is_late(now_s):
            self.end(TOO_SLOW)
        elif not self.request and not self.total_outbufs_len and now_s - self.answer.begun_s > IDLE_S:
            self.handle_close()

    def end(self, why: str) -> None:
        """Answer 408 where a request is on its way, else close. For the server's own thread."""
        request, self.request = self.request, None
        if request is None:
            self.handle_close()
            return
        request.refuse(RequestTimeout(why))
        self.requests.append(request)
        self.server.add_task(self)


class Server(TcpWSGIServer):  # type: ignore[misc]
    """waitress's server with these connections."""

    channel_class = Connection
    next_look_s = 0.0

    def handle_accept(self) -> None:
        """Take new connections, as many as wait: one at each turn is slow in a crowd. Where there are too many, others
        give way, after all are taken: a descriptor that is closed now must not be one of theirs in this turn."""
        for _ in range(ACCEPTED_AT_ONCE):
            before = len(self.active_channels)
            super().handle_accept()
            if len(self.active_channels) == before:
                break
        excess = max(0, len(self.active_channels) - CONNECTIONS)
        waiting = [channel for channel in self.active_channels.values() if excess and not channel.requests]
        for channel in sorted(waiting, key=lambda channel: channel.begun_s)[:excess]:
            channel.end(CROWDED)

    def readable(self) -> bool:
        """Called at each turn, once a second at least: end what is too slow, or idle for long."""
        now_s = time.monotonic()
        if now_s >= self.next_look_s:
            self.next_look_s = now_s + LOOK_S
            for channel in list(self.active_channels.values()):
                channel.end_if_late(now_s)
        return bool(super().readable())

    def maintenance(self, now: float) -> None:
        """waitress's own goes by the wall clock: after a jump of it, it would not look for as long, or close all."""
