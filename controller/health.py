"""Whether an instance answers: at all, and that it is healthy."""

import socket
from http.client import HTTPConnection, HTTPException

KNOCK_S = 0.05
HEALTH_S = 2.0  # the longest that an answer to the health check may take


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
    """Whether the health check is answered by 200."""
    connection = HTTPConnection(address, port, timeout=HEALTH_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
