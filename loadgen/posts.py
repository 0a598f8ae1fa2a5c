"""Who gives orders and who gets the results: one process alone, or a master and its workers on the same machine.

    master                                             worker
    the test starts: an order for each worker   --->   keeps it for its user
    one user for each worker (OneEach)          --->   the user walks its part
    collects; the last one ends the test        <---   records, then how the walk went

Locust may start a user again when a worker comes or goes: without an order it ends at once.
"""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import gevent  # type: ignore[import-untyped]
from gevent.event import Event  # type: ignore[import-untyped]
from locust import User
from locust.dispatch import UsersDispatcher
from locust.env import Environment
from locust.rpc import Message
from locust.runners import MasterRunner, WorkerNode, WorkerRunner

from loadgen.ledger import Record
from loadgen.load import Load, parse_load
from loadgen.options import OptionError
from loadgen.run import Order, Result
from loadgen.sending import Sending

HEAD_START_S = 0.1  # from the start of the user to the origin of the load
WORKERS_HEAD_START_S = 1.0  # the orders and the users have to reach all workers before
CHUNK = 5000  # records a message
PATIENCE_S = 5.0  # with workers that are to end their walks early
MARGIN_S = 5.0  # after the last request could have ended, until a worker that has told nothing is given up
ORDER, STOP, RECORDS, END = "loadgen-order", "loadgen-stop", "loadgen-records", "loadgen-end"
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")  # the same where CLOCK_MONOTONIC is

logger = logging.getLogger(__name__)

Given = Callable[[], tuple[Load, Sending]]


class Post(ABC):
    """The place of a process in a run; `result` is of the latest run, once it has ended."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.result: Result | None = None

    @abstractmethod
    def close(self) -> None:
        """End what is still on."""

    def end_test(self) -> None:
        """End the test, and Locust with it where there is no web interface."""
        if runner := self.environment.runner:
            gevent.spawn(runner.stop if self.environment.web_ui else runner.quit)

    def give_up(self, error: str) -> None:
        """The run cannot come to its end: the test ends, and Locust with code 1."""
        logger.error(error)
        self.environment.process_exit_code = 1
        self.end_test()


class Walker(Post):
    """A process that has a user."""

    @abstractmethod
    def order(self) -> Order | None:
        """What the user that starts now is to do. Raises OptionError."""

    @abstractmethod
    def ended(self, result: Result) -> None:
        """The user's walk has ended."""

    @abstractmethod
    def failed(self, error: str) -> None:
        """The user cannot do what was ordered."""

    def close(self) -> None:
        """End a walk that is still on."""
        if self.environment.runner:
            self.environment.runner.stop()


class Alone(Walker):
    """One process that offers the whole load; `given` gives what was asked for."""

    def __init__(self, environment: Environment, given: Given) -> None:
        super().__init__(environment)
        self._given = given

    def order(self) -> Order:
        load, sending = self._given()
        return Order(load, sending, time.monotonic() + HEAD_START_S)

    def ended(self, result: Result) -> None:
        self.result = result
        if result.is_complete:  # what interrupted it ends the test too
            self.end_test()

    def failed(self, error: str) -> None:
        self.give_up(error)


class Worker(Walker):
    """Does its part of what the master orders, and tells the master what came of it."""

    def __init__(self, environment: Environment, runner: WorkerRunner, stop: Callable[[], None]) -> None:
        super().__init__(environment)
        self._runner = runner
        self._order: Order | None = None
        self._origin_s = 0.0
        runner.register_message(ORDER, self._ordered)
        runner.register_message(STOP, lambda **_kwargs: stop())

    def order(self) -> Order | None:
        order, self._order = self._order, None
        return order

    def _ordered(self, msg: Message, **_kwargs: Any) -> None:
        data = msg.data
        self._origin_s = data["origin_s"]
        if data["boot_id"] != BOOT_ID.read_text():
            return self.failed("is on another machine than the master, where its clock is not known")
        try:
            load, sending = parse_load(data["load"]), Sending.model_validate(data["sending"])
        except ValueError as error:
            return self.failed(str(error))
        self._order = Order(load, sending, data["origin_s"], data["index"], data["count"])
        return None

    def ended(self, result: Result) -> None:
        for records in _chunks(result.records):
            self._send(RECORDS, records=records)
        self._send(END, elapsed_s=result.elapsed_s, is_complete=result.is_complete, error="")
        self.result = result

    def failed(self, error: str) -> None:
        self._send(END, elapsed_s=0.0, is_complete=False, error=error)

    def _send(self, message: str, **data: Any) -> None:
        self._runner.send_message(message, {"origin_s": self._origin_s, **data})


class Master(Post):
    """Orders a run of all workers that are there when the test starts, and collects what they tell."""

    def __init__(self, environment: Environment, runner: MasterRunner, given: Given) -> None:
        super().__init__(environment)
        self._runner = runner
        self._given = given
        self._load: Load | None = None  # of the run that is on
        self._origin_s = 0.0
        self._silent: set[str] = set()
        self._ends: list[dict[str, Any]] = []
        self._records: list[Record] = []
        self._all_told = Event()
        runner.register_message(RECORDS, self._take_records)
        runner.register_message(END, self._take_end)
        environment.events.test_start.add_listener(self._begin)  # type: ignore[no-untyped-call]

    def _begin(self, **_kwargs: Any) -> None:
        clients = self._runner.clients
        workers = [node.id for node in (*clients.ready, *clients.running, *clients.spawning)]
        self._runner.target_user_count = len(workers)  # for which Locust waits
        self.result, self._silent, self._ends, self._records = None, set(workers), [], []
        try:
            self._load, sending = self._given()
        except OptionError as error:
            logger.error(error)
            return self.end_test()
        self._all_told.clear()
        self._origin_s = time.monotonic() + WORKERS_HEAD_START_S
        order = {"load": self._load.model_dump(mode="json"), "sending": sending.model_dump(mode="json"),
                 "origin_s": self._origin_s, "count": len(workers), "boot_id": BOOT_ID.read_text()}  # fmt: skip
        for index, worker in enumerate(workers):
            self._runner.send_message(ORDER, {**order, "index": index}, worker)
        longest_s = WORKERS_HEAD_START_S + self._load.duration_s + sending.request_timeout_s + MARGIN_S
        gevent.spawn_later(longest_s, self._give_up_silent, self._origin_s)
        return None

    def _take_records(self, msg: Message, **_kwargs: Any) -> None:
        if msg.data["origin_s"] == self._origin_s:
            self._records += (Record(*fields) for fields in msg.data["records"])

    def _take_end(self, msg: Message, **_kwargs: Any) -> None:
        if msg.data["origin_s"] != self._origin_s or msg.node_id not in self._silent:
            return
        self._silent.discard(msg.node_id)
        self._ends.append(msg.data)
        if msg.data["error"]:
            self.give_up(f"worker {msg.node_id}: {msg.data['error']}")
            self._runner.send_message(STOP)
        if not self._silent:
            self._finish()

    def _give_up_silent(self, origin_s: float) -> None:
        if origin_s == self._origin_s and self._load:
            self.give_up("not all workers have told what came of their part")
            self._finish()

    def _finish(self) -> None:
        """Make one result of what the workers told."""
        load, self._load = self._load, None
        if load:
            is_complete = not self._silent and all(end["is_complete"] for end in self._ends)
            elapsed_s = max((end["elapsed_s"] for end in self._ends), default=0.0) or 0.001
            records = sorted(self._records, key=lambda record: record.due_s)
            self.result = Result(records, elapsed_s, load.duration_s, is_complete, len(self._silent))
            if is_complete:  # what interrupted it ends the test too
                self.end_test()
        self._all_told.set()

    def close(self) -> None:
        """End walks that are still on, and wait a while for what the workers tell."""
        if self._load:
            self._runner.send_message(STOP)
            self._all_told.wait(PATIENCE_S)
            self._finish()


def _chunks(records: Sequence[Record]) -> Iterator[Sequence[Record]]:
    return (records[start : start + CHUNK] for start in range(0, len(records), CHUNK))


class OneEach(UsersDispatcher):
    """Gives each process one user, at once; workers that come later, or go, change nothing."""

    def __init__(self, worker_nodes: list[WorkerNode], user_classes: list[type[User]]) -> None:
        super().__init__(worker_nodes, user_classes)
        self._plan = {node.id: {user_class.__name__: 1 for user_class in user_classes} for node in worker_nodes}
        self._steps: Iterator[dict[str, dict[str, int]]] = iter(())

    def new_dispatch(self, *_args: Any, **_kwargs: Any) -> None:
        """Whatever the number of users is to be."""
        self._steps = iter([self._plan])

    def __next__(self) -> dict[str, dict[str, int]]:
        return next(self._steps)

    @property
    def dispatch_in_progress(self) -> bool:
        """So that Locust does not start users when a worker comes or goes."""
        return True

    def add_worker(self, worker_node: WorkerNode) -> None:
        """It waits for the next run."""

    def remove_worker(self, worker_node: WorkerNode) -> None:
        """Nobody does its part."""
