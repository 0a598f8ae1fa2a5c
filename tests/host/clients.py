"""Clients of the entry point that remember what they met."""

import threading
import time

import requests

from tests.host.testbed import URL


class Clients:
    """So many ask for one thing over and over, each on a connection that it keeps."""

    def __init__(self, path: str = "/integral/0/1?n_max=10", number: int = 1) -> None:
        self.answered = 0
        self.slowest_s = 0.0
        self.bad: list[str] = []
        self._path = path
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(number)]

    def __enter__(self) -> "Clients":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        session = requests.Session()
        while not self._stop.wait(0.01):
            begun_s = time.monotonic()
            try:
                status = session.get(URL + self._path, timeout=30).status_code
            except requests.RequestException as error:
                self.bad.append(repr(error))
                continue
            self.slowest_s = max(self.slowest_s, time.monotonic() - begun_s)
            self.answered += 1
            self.bad += [str(status)] if status != 200 else []
