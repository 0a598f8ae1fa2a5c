"""Is the fleet right: are there as many as are wanted, does HAProxy have them, and does each answer?"""

import contextlib
import csv
import time
from collections.abc import Callable, Iterable
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from controller.site import Site
from experiments.journal import Tail

ANSWER_S = 0.3  # the longest that an answer to a health check may take
POLL_S = 0.05


class Watch:
    """Looks at a fleet from outside: at the controller's journal, HAProxy's statistics and each instance."""

    def __init__(self, site: Site, journal: Path) -> None:
        self._site = site
        self.tail = Tail(journal)

    def trouble(self, since_s: float) -> str:
        """What is not right, "" where nothing is. What the controller said before `since_s`, in seconds of
        CLOCK_MONOTONIC, does not count."""
        try:
            self.tail.follow()
            tick = self.tail.tick
            if tick is None or self.tail.tick_s < since_s:
                return "the controller has not ticked since"
            if tick["in_service"] != tick["wanted"]:
                return str(tick["sentence"])
            states = states_of(get(self._site.stats, "/stats;csv").splitlines(), self._site.service)
            return bad_state(states, tick["wanted"]) or self._silent(states)
        except (OSError, HTTPException, ValueError) as error:
            return f"HAProxy: {error}"

    def _silent(self, states: dict[str, str]) -> str:
        """Which instance in service, or the entry point, does not answer."""
        for name in (name for name, state in states.items() if state == "UP"):
            slot = self._site.slot(self._site.container(name))
            assert slot is not None
            if not answers(f"{self._site.address(slot)}:{self._site.port}", self._site.health_path):
                return f"{name} does not answer"
        return "" if answers(self._site.entry, self._site.health_path) else "the entry point does not answer"

    def await_right(self, since_s: float, longest_s: float, given_up: Callable[[], bool]) -> tuple[float | None, str]:
        """Wait until the fleet is right: how many seconds after `since_s`, and None with what is wrong where it does
        not become so in time."""
        while trouble := self.trouble(since_s):
            if time.monotonic() > since_s + longest_s or given_up():
                return None, trouble
            time.sleep(POLL_S)
        return time.monotonic() - since_s, ""


def states_of(lines: Iterable[str], backend: str) -> dict[str, str]:
    """Of each server of the back end whether it is UP, DOWN or in MAINT, from HAProxy's CSV; those in between (as
    `UP 1/2`, on its way down) count as DOWN."""
    rows = csv.DictReader(line.removeprefix("# ") for line in lines)
    servers = [row for row in rows if row["pxname"] == backend and row["svname"] != "BACKEND"]
    found = {row["svname"]: row["status"] for row in servers}
    return {name: "MAINT" if state.startswith("MAINT") else "UP" if state == "UP" else "DOWN"
            for name, state in found.items()}  # fmt: skip


def bad_state(states: dict[str, str], wanted: int) -> str:
    """What is wrong with HAProxy's servers."""
    down = [name for name, state in states.items() if state == "DOWN"]
    if down:
        return f"HAProxy has {', '.join(down)} down"
    up = sum(state == "UP" for state in states.values())
    return "" if up == wanted else f"HAProxy has {up} instances up of {wanted}"


def get(address: str, path: str) -> str:
    """What is answered with 200. Raises OSError, HTTPException, ValueError for any other answer."""
    host, _, port = address.rpartition(":")
    with contextlib.closing(HTTPConnection(host, int(port), timeout=ANSWER_S)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        if answer.status != 200:
            raise ValueError(f"{address} answers {answer.status}")
        return answer.read().decode()


def answers(address: str, path: str) -> bool:
    try:
        get(address, path)
    except (OSError, HTTPException, ValueError):
        return False
    return True
