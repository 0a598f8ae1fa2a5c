"""One question to an instance, `GET /healthz` on a connection of its own, that never blocks who asks."""

import contextlib
import re
import socket

STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")
ANSWER_BYTES = 4096


def request_of(address: str, path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode()


def status_of(answer: bytes) -> int:
    """The HTTP status with which an answer begins, 0 where it begins with something else."""
    told = STATUS.match(answer)
    return int(told[1]) if told else 0


class Probe:
    """Asks at once; `status` tells what has come of it until now. Raises OSError where this host cannot even ask."""

    def __init__(self, address: str, port: int, path: str) -> None:
        self.connected = False
        self._request = request_of(address, path)
        self._socket = socket.socket()
        self._socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            self._socket.connect((address, port))

    def status(self) -> int | None:
        """The answer's HTTP status; 0 where the connection was refused, cut or answered with something else; None
        while nothing has come."""
        try:
            if not self.connected:
                self._send()
            answer = self._socket.recv(ANSWER_BYTES)
        except BlockingIOError:
            return None
        except OSError:
            return 0
        return status_of(answer)

    def _send(self) -> None:
        if (failure := self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)) != 0:
            raise OSError(failure, "no connection")
        self._socket.send(self._request)  # a socket that still connects would block
        self.connected = True

    def close(self) -> None:
        self._socket.close()
