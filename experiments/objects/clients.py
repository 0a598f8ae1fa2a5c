"""Clients that put, get, delete and list objects at random, together."""

from __future__ import annotations

import itertools
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from random import Random

from experiments.objects.history import FAILED, UNKNOWN, History, Operation
from experiments.objects.keys import Keys
from experiments.objects.recorder import Recorder

SETTLE_S = 60.0  # for so long the last look at an object is tried again
RETRY_S = 0.2
LARGEST_BYTES = 300_000
SHARES = {"put": 35, "get": 45, "delete": 10, "list": 10}


@dataclass
class Client:
    """Waits for each answer before it asks again; its requests come at random times."""

    number: int
    rate_rps: float
    end_s: float  # of the monotonic clock
    random: Random
    recorder: Recorder
    keys: Keys
    puts: itertools.count[int]

    def work(self) -> None:
        """Ask until the time is over."""
        due_s = time.monotonic()
        while (due_s := max(due_s + self.random.expovariate(self.rate_rps), time.monotonic())) < self.end_s:
            time.sleep(max(0.0, due_s - time.monotonic()))
            self.keys.used(self._ask())

    def _ask(self) -> Operation:
        action = self.random.choices(list(SHARES), list(SHARES.values()))[0]
        if action == "list":
            return self.recorder.do(self.number, action)
        key = self.keys.draw(self.random)
        if action != "put":
            return self.recorder.do(self.number, action, key)
        size_bytes = int(LARGEST_BYTES ** self.random.random())  # half of them are below 550
        return self.recorder.put(self.number, key, next(self.puts), size_bytes)


def run(url: str, duration_s: float, rate_rps: float, seed: int, clients: int = 8) -> History:
    """Let clients work for so long, look at every object when they are done, and delete them all.

    Raises ValueError for a URL that is not legal.
    """
    prefix = f"history-{os.urandom(4).hex()}-"  # objects that nobody else knows of
    recorder, keys, puts = Recorder(url, prefix), Keys(prefix), itertools.count(1)
    end_s = time.monotonic() + duration_s
    made = [Client(number, rate_rps / clients, end_s, Random(f"{seed} client {number}"), recorder, keys, puts)
            for number in range(clients)]  # fmt: skip
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(Client.work, made))
    _look_at_all(recorder, client=clients)
    return recorder.history


def _look_at_all(recorder: Recorder, client: int) -> None:
    """Get, list and delete every object; a look that fails is tried again for a while."""
    deadline_s = time.monotonic() + SETTLE_S
    keys = recorder.history.keys
    for action, key in [("get", key) for key in keys] + [("list", "")] + [("delete", key) for key in keys]:
        while recorder.do(client, action, key).outcome in (FAILED, UNKNOWN) and time.monotonic() < deadline_s:
            time.sleep(RETRY_S)
