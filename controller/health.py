"""Whether an instance answers: at all, and that it is healthy."""

import socket

from controller.probe import ANSWER_BYTES, request_of, status_of

KNOCK_S = 0.05
HEALTH_S = 2.0  # the longest that a connection, and then the first bytes of an answer, may take


def knock(address: str, port: int) -> bool | None:
    """True when the port accepts, False when the host refuses, None when nothing reacts."""
    try:
        socket.create_connection((address, port), timeout=KNOCK_S).close()
    except ConnectionRefusedError:
        return False
    except OSError:
        return None
    return True


def healthy(address: str, port: int, path: str) -> bool:
    """Whether the health check is answered by 200. An instance may answer as slowly and as long as it likes: what
    comes first counts."""
    try:
        with socket.create_connection((address, port), timeout=HEALTH_S) as connection:
            connection.sendall(request_of(address, path))
            return status_of(connection.recv(ANSWER_BYTES)) == 200
    except OSError:
        return False
