"""Strict clients: each sends a request once, on one connection after another, and remembers what became of it."""

import contextlib
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException

from tests.host.testbed import ENTRY

TIMEOUT_S = 15.0


class Client:
    """Asks steadily for something small."""

    def __init__(self) -> None:
        self.served = 0
        self.absent = 0  # times that nobody listened, or that HAProxy had no instance
        self.bad: list[str] = []
        self._free = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Client":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def pause(self) -> None:
        """Return when nothing is in flight, and send nothing until `resume`."""
        self._free.acquire()

    def resume(self) -> None:
        self._free.release()

    def check(self, served: bool) -> None:
        """Nothing went wrong; and, if `served`, there was always somebody who served."""
        assert not self.bad, self.bad
        assert self.absent == 0 or not served, f"{self.absent} requests found nobody"
        self.absent = 0

    def _run(self) -> None:
        connection = HTTPConnection(ENTRY, timeout=TIMEOUT_S)
        while not self._stop.wait(0.01):
            with self._free:
                self._ask_once(connection)
        connection.close()

    def _ask_once(self, connection: HTTPConnection) -> None:
        began_s = time.monotonic()
        try:
            status = self._status(connection)
        except ConnectionRefusedError:
            self.absent += 1
            connection.close()
        except (OSError, HTTPException) as error:
            self._complain(repr(error), began_s)
            connection.close()
        else:
            self.served += status < 400
            self.absent += status == 503
            if status >= 400 and status != 503:
                self._complain(str(status), began_s)

    def _complain(self, what: str, began_s: float) -> None:
        self.bad.append(f"{type(self).__name__}: {what} after {time.monotonic() - began_s:.2f} s")

    def _status(self, connection: HTTPConnection) -> int:
        connection.request("GET", "/integral/0/1?n_max=10")
        return answer_to(connection)


class SlowClient(Client):
    """Stores objects, each of which takes a third of a second to arrive: there is nearly always one in flight."""

    def _status(self, connection: HTTPConnection) -> int:
        with contextlib.suppress(BrokenPipeError):  # answered before all was sent
            connection.request("PUT", "/objs/slow", body=pieces(), headers={"Content-Length": "30"})
        return answer_to(connection)


def pieces() -> Iterator[bytes]:
    for _ in range(3):
        time.sleep(0.1)
        yield b"0123456789"


def answer_to(connection: HTTPConnection) -> int:
    """The status of the answer to the request that was sent."""
    answer = connection.getresponse()
    answer.read()
    return answer.status
