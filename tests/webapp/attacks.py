"""Hostile requests as bytes, and what they may be answered with: by an instance, and by the balancer before it."""

from __future__ import annotations

import contextlib
import re
import resource
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

TIMEOUT_S = 20.0
QUIET_S = 0.3
HEAD = b"HTTP/1.1\r\nHost: x\r\n"
CHUNKED = b"PUT /objs/attack " + HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
SMUGGLED = b"GET /objs/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"


def get(target: bytes, more: bytes = b"") -> bytes:
    """A GET request for this target."""
    return b"GET " + target + b" " + HEAD + more + b"\r\n"


def put(more: bytes, body: bytes = b"") -> bytes:
    """A PUT request with these header lines and this body."""
    return b"PUT /objs/attack " + HEAD + more + b"\r\n" + body


# Each is answered once, by a 4xx or 501, and the connection closes, for nobody knows where the next request begins.
REFUSED = {
    "no HTTP": b"garbage\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64 + b"\r\n\r\n",
    "no colon": get(b"/", b"no colon\r\n"),
    "empty name": get(b"/", b": value\r\n"),
    "space before colon": get(b"/", b"X : y\r\n"),
    "folded first": b"GET / HTTP/1.1\r\n folded: x\r\nHost: x\r\n\r\n",
    "bare CR in a header": get(b"/", b"X: a\rb\r\n"),
    "NUL in a header": get(b"/", b"X\x00: a\r\n"),
    "header of 300 KB": get(b"/", b"X: " + b"x" * 300_000 + b"\r\n"),
    "URL of 300 KB": get(b"/objs/" + b"x" * 300_000),
    "10,000 headers": get(b"/", b"".join(b"X-%d: y\r\n" % number for number in range(10_000))),
    "raw bytes in the URL": get(b"/objs/\xff\xfe"),
    "space in the URL": get(b"/objs/a b"),
    "IPv6 without end": get(b"http://[bad/"),
    "lower-case method": b"get / " + HEAD + b"\r\n",
    "negative length": put(b"Content-Length: -1\r\n", SMUGGLED),
    "signed length": put(b"Content-Length: +5\r\n", b"12345" + SMUGGLED),
    "hexadecimal length": put(b"Content-Length: 0x5\r\n", b"12345" + SMUGGLED),
    "length of 5,000 digits": put(b"Content-Length: " + b"9" * 5000 + b"\r\n"),
    "two lengths": put(b"Content-Length: 5\r\nContent-Length: 60\r\n", b"12345" + SMUGGLED),
    "list of lengths": put(b"Content-Length: 5, 60\r\n", b"12345" + SMUGGLED),
    "transfer coding gzip": put(b"Transfer-Encoding: gzip\r\n", SMUGGLED),
    "transfer coding xchunked": put(b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n" + SMUGGLED),
    "vertical tab in the coding": put(b"Transfer-Encoding: \x0bchunked\r\n", b"0\r\n\r\n" + SMUGGLED),
    "negative chunk": CHUNKED + b"-5\r\n" + SMUGGLED,
    "chunk size is no number": CHUNKED + b"xyz\r\n" + SMUGGLED,
    "chunk size 0x5": CHUNKED + b"0x5\r\n12345\r\n0\r\n\r\n" + SMUGGLED,
    "chunk size over 64 bits": CHUNKED + b"F" * 17 + b"\r\n" + SMUGGLED,
    "chunk longer than told": CHUNKED + b"1\r\n" + SMUGGLED,
    "chunk extension of 1 MB": CHUNKED + b"1;" + b"x" * 1_000_000 + b"\r\n",
    "trailers of 1 MB": CHUNKED + b"0\r\nX: " + b"x" * 1_000_000,
    "declared body of 1 TB": put(b"Content-Length: 1099511627776\r\n"),
}

# Each is one request, legal or not, and is answered once, by no 5xx; `smuggled` is never asked for.
ONE_REQUEST = {
    "length and chunked": put(b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n" + SMUGGLED),
    "chunked in HTTP/1.0": put(b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n" + SMUGGLED).replace(b"1.1", b"1.0", 1),
    "chunked twice": put(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n" + SMUGGLED),
    "coding with underscore": put(b"Transfer_Encoding: chunked\r\nContent-Length: 5\r\n", b"0\r\n\r\n"),
    "GET with a body": get(b"/healthz", b"Content-Length: %d\r\n" % len(SMUGGLED)) + SMUGGLED,
    "tiny chunks": CHUNKED + b"1\r\nx\r\n" * 10_000 + b"0\r\n\r\n",
    "HTTP/0.9": b"GET /healthz\r\n\r\n",
    "HTTP/9.9": b"GET /healthz HTTP/9.9\r\n\r\n",
    "absolute target": get(b"http://elsewhere.example/healthz"),
    "other scheme": get(b"file:///etc/passwd"),
    "fragment": get(b"/healthz#/../objs/smuggled"),
    "TRACE": b"TRACE / " + HEAD + b"\r\n",
    "CONNECT": b"CONNECT 127.0.0.1:22 " + HEAD + b"\r\n",
    "asterisk": b"OPTIONS * " + HEAD + b"\r\n",
    "method override": b"POST /healthz " + HEAD + b"X-HTTP-Method-Override: DELETE\r\nContent-Length: 0\r\n\r\n",
    "upgrade to h2c": get(b"/healthz", b"Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"),
    "upgrade to websocket": get(b"/healthz", b"Connection: Upgrade\r\nUpgrade: websocket\r\n"),
    "range": get(b"/healthz", b"Range: bytes=" + b"0-," * 1000 + b"\r\n"),
    "hop-by-hop names": get(b"/healthz", b"Connection: Host, Content-Length, X-Forwarded-For\r\n"),
    "two hosts": get(b"/healthz", b"Host: y\r\n"),
    "empty length": put(b"Content-Length: \r\n", SMUGGLED),
    "empty lines first": b"\r\n" * 20 + get(b"/healthz"),
}


# Targets, each answered once, by no 5xx; none reaches anything outside the objects, and none becomes a header.
TARGETS = [
    b"/../../../etc/passwd", b"/objs/../../../etc/passwd", b"/objs/%2e%2e/%2e%2e/etc/passwd",
    b"/objs/..%2f..%2fetc%2fpasswd", b"/objs/%252e%252e%252fetc", b"/objs/..;/..;/etc/passwd", b"/objs/..\\..\\etc",
    b"/objs/..%5c..%5cetc", b"//objs//a", b"/objs//etc/passwd", b"/objs/%00", b"/objs/a%00.txt",
    b"/objs/%c0%ae%c0%ae/%c0%af", b"/objs/%e0%80%ae", b"/objs/%ff", b"/objs/%ed%a0%80", b"/objs/%", b"/objs/%zz",
    b"/objs/%u002e", b"/objs/%0d%0aSet-Cookie:%20a=b", b"/objs/.", b"/objs/..", b"/objs/.incoming/x", b"/objs",
    b"/objs/", b"/./healthz", b"/healthz/..", b"/healthz;x", b"/healthz%00", b"/%2fhealthz", b"/?%0d%0aX:y",
    b"/?" + b"a=b&" * 3000, b"/objs/" + b"%41" * 4000, b"/objs/" + b"/" * 5000, b"/openapi.yaml/../app.py",
    b"/integral/nan/inf", b"/integral/1e308/-1e308", b"/integral/-1e15/1e15", b"/integral/0/1?n_max=1e9",
    b"/integral/0/1?n_max=" + b"9" * 4000, b"/integral/" + b"9" * 4000 + b"/1", b"/integral/0/1?n_max=10&n_max=1000001",
    b"/integral/%00/%0a", b"/numericalintegralservice/0x1/1_0",
]  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What came back."""

    data: bytes
    closed: bool

    @property
    def statuses(self) -> list[int]:
        """Of all answers, 100 apart; a body of ours has no line that begins so."""
        found = [int(status) for status in re.findall(rb"(?m)^HTTP/1\.[01] (\d\d\d)", self.data)]
        return [status for status in found if status != 100]


def attack(address: tuple[str, int], data: bytes, quiet_s: float = QUIET_S) -> Outcome:
    """Send the bytes and see what comes. To see whether the connection closes, wait longer: TIMEOUT_S."""
    with socket.create_connection(address, TIMEOUT_S) as connection:
        with contextlib.suppress(OSError):  # it may close before it has all
            connection.sendall(data)
        return outcome(connection, quiet_s=quiet_s)


def outcome(connection: socket.socket, seconds: float = TIMEOUT_S, quiet_s: float = QUIET_S) -> Outcome:
    """Read until the connection closes, is quiet after an answer, or for so long."""
    deadline, received = time.monotonic() + seconds, b""
    while (left_s := deadline - time.monotonic()) > 0:
        connection.settimeout(min(left_s, quiet_s) if received else left_s)
        try:
            block = connection.recv(65536)
        except TimeoutError:
            break
        except ConnectionResetError:
            block = b""
        if not block:
            return Outcome(received, closed=True)
        received += block
    return Outcome(received, closed=False)


def attack_all(address: tuple[str, int], requests: dict[str, bytes], quiet_s: float = QUIET_S) -> dict[str, Outcome]:
    """What becomes of each of these, several at a time."""
    with ThreadPoolExecutor(16) as pool:
        outcomes = pool.map(lambda data: attack(address, data, quiet_s), requests.values())
        return dict(zip(requests, outcomes, strict=True))


@contextlib.contextmanager
def crowd(address: tuple[str, int], size: int, first_bytes: bytes = b"") -> Iterator[list[socket.socket]]:
    """So many connections that each have sent these bytes."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with contextlib.ExitStack() as stack:
        connections = []
        for _ in range(size):
            connection = stack.enter_context(socket.create_connection(address, TIMEOUT_S))
            with contextlib.suppress(OSError):
                connection.sendall(first_bytes)
            connections.append(connection)
        yield connections
