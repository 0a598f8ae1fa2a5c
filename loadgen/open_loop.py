"""Open-loop load with Locust: requests are sent when they are due, however long others take.

One Locust user walks the due times of a shape and hands each request to a greenlet of its own. Locust's own way, a
user that waits for each response, sends less when the server is slow and so hides what is to be measured.
"""

from __future__ import annotations

import logging
import math
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from typing import Any

import gevent  # type: ignore[import-untyped]
from gevent.event import Event  # type: ignore[import-untyped]
from gevent.pool import Pool  # type: ignore[import-untyped]
from locust import FastHttpUser, events, task
from locust.env import Environment
from locust.event import EventHook
from locust.exception import StopTest, StopUser
from locust.runners import LocalRunner

from loadgen.arrivals import due_times
from loadgen.ledger import Ledger, Record, outcome_of
from loadgen.mix import Request, RequestMix
from loadgen.options import COMMON_OPTIONS, CommonOptions, Option, OptionError, add_options, common_options, exit_with
from loadgen.shapes import Shape, arrival_count
from loadgen.strict_client import StrictClientPool, error_text
from loadgen.summary import summarise, text_of

DEFAULT_HOST = "http://127.0.0.1:8080"
HEAD_START_S = 0.1  # from the start of the user to the origin of the schedule
DRAIN_MARGIN_S = 1.0  # for requests whose own timeout is just about to end them

logger = logging.getLogger(__name__)


class Run:
    """One walk through a shape: its ledger, its requests under way and how it ended."""

    def __init__(self, options: CommonOptions, shape: Shape, host: str) -> None:
        self.options = options
        self.shape = shape
        self.host = host
        self.ledger = Ledger(options.requests_csv)
        self.mix = RequestMix(options.seed, options.integral_share)
        self.requests = Pool(options.max_in_flight)
        self.stop_wanted = Event()
        self.is_complete = False
        self.is_reported = False
        self.origin_s = math.nan
        self.elapsed_s = 0.0

    def walk(self, user: OpenLoopUser) -> None:
        """Send each request when it is due, drop it when too many are under way, and wait for the last ones."""
        self.origin_s = time.monotonic() + HEAD_START_S
        logger.info("%d arrivals within %g s, from %.6f s of CLOCK_MONOTONIC on",
                    arrival_count(self.shape), self.shape.duration_s, self.origin_s)  # fmt: skip
        for due_s in due_times(self.shape, self.options.arrivals, self.options.seed):
            if self._wait_until(self.origin_s + due_s):
                return
            self._arrive(user, self.origin_s + due_s)
        if self._wait_until(self.origin_s + self.shape.duration_s):
            return
        self.requests.join(timeout=self.options.request_timeout_s + DRAIN_MARGIN_S)
        self.is_complete = True

    def _wait_until(self, due_s: float) -> bool:
        """Wait until `due_s`; true when the run is to stop instead."""
        wait_s = due_s - time.monotonic()
        if wait_s > 0:
            return bool(self.stop_wanted.wait(wait_s))
        gevent.sleep(0)  # behind schedule: the requests under way must go on all the same
        return bool(self.stop_wanted.is_set())

    def _arrive(self, user: OpenLoopUser, due_s: float) -> None:
        request = self.mix.draw()
        if self.requests.full():
            self.ledger.add(Record(due_s, None, None, request.kind, 0, "dropped"), time.monotonic())
        else:
            self.requests.spawn(self._send, user, request, due_s)

    def _send(self, user: OpenLoopUser, request: Request, due_s: float) -> None:
        """Send one request and record what became of it, whatever that is."""
        sent_s = time.monotonic()
        done_s: float | None = None
        status, error = 0, "interrupted"
        try:
            status, error = user.exchange(request)
            done_s = time.monotonic()
        except (Exception, gevent.Timeout) as unforeseen:
            done_s = time.monotonic()
            error = error_text(unforeseen, False)
        finally:
            outcome = outcome_of(status, error)
            reason = (error or f"status {status}") if outcome == "failed" else ""
            record = Record(due_s, sent_s, done_s, request.kind, status, outcome, reason)
            self.ledger.add(record, time.monotonic())
        if request.kind == "put" and outcome == "served":
            self.mix.put_served(request)

    def close(self) -> None:
        """End the requests under way and write the records."""
        self.stop_wanted.set()
        self.requests.kill(timeout=DRAIN_MARGIN_S)
        self.elapsed_s = min(self.shape.duration_s, max(time.monotonic() - self.origin_s, 0.001))
        self.ledger.close()

    @property
    def served_nothing(self) -> bool:
        """Whether there were arrivals and none was served."""
        records = self.ledger.records
        return bool(records) and all(record.outcome != "served" for record in records)

    def report(self) -> str:
        """The summary for people."""
        lines = ["", text_of(summarise(self.ledger.records, self.elapsed_s))]
        if not self.is_complete:
            lines.append(f"interrupted after {self.elapsed_s:.1f} s of {self.shape.duration_s:g} s")
        if self.served_nothing:
            lines.append(f"nothing was served by {self.host}: is the controller running, and does --host name it?")
        return "\n".join(lines)


class OpenLoopUser(FastHttpUser):
    """The one Locust user of an open-loop run; a locustfile derives from it and gives the shape."""

    abstract = True
    fixed_count = 1
    host = DEFAULT_HOST
    max_redirects = 0  # one arrival is one request
    latest_run: Run | None = None  # of the class, for the listeners below

    @classmethod
    def shape_of(cls, namespace: Namespace) -> Shape:
        """The shape for the parsed options; raises OptionError when they make none."""
        raise NotImplementedError

    def __init__(self, environment: Environment) -> None:
        try:
            namespace = environment.parsed_options or Namespace()
            self.options = common_options(namespace)
            self.shape = self.shape_of(namespace)
        except OptionError as error:
            raise StopTest(str(error)) from None
        timeout_s = self.options.request_timeout_s
        self.concurrency = self.options.max_in_flight
        self.strict_pool = StrictClientPool(self.concurrency, timeout_s, timeout_s)
        self.client_pool = self.strict_pool
        super().__init__(environment)

    @task
    def follow_shape(self) -> None:
        """Walk the shape once, then end the test: Locust with it when there is no web interface."""
        run = OpenLoopUser.latest_run = Run(self.options, self.shape, self.host or "")
        try:
            run.walk(self)
        finally:
            run.close()
            self.strict_pool.close()
        runner = self.environment.runner
        if run.is_complete and runner:
            gevent.spawn(runner.stop if self.environment.web_ui else runner.quit)
        raise StopUser

    def exchange(self, request: Request) -> tuple[int, str]:
        """Send `request`; returns the HTTP status, 0 for none, and the error of the transport, "" for none."""
        body: Any = request.body  # Locust's annotation forgets that bytes are fine
        with (
            gevent.Timeout(self.options.request_timeout_s),
            self.client.request(
                request.method, request.path, name=request.name, data=body, catch_response=True
            ) as response,
        ):
            status = int(response.status_code or 0)
            exception = response.request_meta["exception"]
            is_answered = exception is None or getattr(exception, "code", 0) == status != 0
            error = "" if is_answered else error_text(exception, self.strict_pool.is_reused())
            if outcome_of(status, error) != "served":
                response.failure(error or f"status {status}")
        return status, error


def register_options(options: Sequence[Option]) -> None:
    """Have Locust know `options`."""
    _listen(events.init_command_line_parser, lambda parser, **_kwargs: add_options(parser, options))


def _listen(event: EventHook, listener: Callable[..., None]) -> None:
    event.add_listener(listener)  # type: ignore[no-untyped-call]


def _check_options(environment: Environment, **_kwargs: Any) -> None:
    """Leave with one line, before any load, when the options make no run."""
    namespace = environment.parsed_options or Namespace()
    try:
        if not isinstance(environment.runner, LocalRunner):
            raise OptionError("--master, --worker and --processes are not legal: an open-loop run is one process")
        host = environment.host or DEFAULT_HOST
        if not host.startswith("http://"):
            raise OptionError(f"--host {host!r} is not legal: a URL that starts with http:// is")
        common_options(namespace)
        for user_class in environment.user_classes:
            if issubclass(user_class, OpenLoopUser) and not arrival_count(user_class.shape_of(namespace)):
                raise OptionError("the shape is too short or too low for a single request: raise its rate or duration")
    except OptionError as error:
        exit_with(error)


def _stop_walking(**_kwargs: Any) -> None:
    if OpenLoopUser.latest_run:
        OpenLoopUser.latest_run.stop_wanted.set()


def _report_to_web_user(environment: Environment, **_kwargs: Any) -> None:
    if environment.web_ui:
        _report(environment)


def _set_exit_code(environment: Environment, **_kwargs: Any) -> None:
    """0 for a run that went to its end, 1 when that served nothing; one that was interrupted is left to Locust."""
    if environment.runner:
        environment.runner.stop()  # ends a walk that is still on, with its records
    run = OpenLoopUser.latest_run
    if run and run.is_complete:
        environment.process_exit_code = int(run.served_nothing)
    _listen(events.quit, lambda **_kwargs: _report(environment))  # below Locust's own tables


def _report(environment: Environment) -> None:
    """Print the summary of the latest run, once; not into the JSON that --json prints."""
    run = OpenLoopUser.latest_run
    if run and not run.is_reported:
        run.is_reported = True
        as_json = getattr(environment.parsed_options, "json", False)
        print(run.report(), file=sys.stderr if as_json else sys.stdout, flush=True)


register_options(COMMON_OPTIONS)
_listen(events.init, _check_options)
_listen(events.test_stopping, _stop_walking)
_listen(events.test_stop, _report_to_web_user)
_listen(events.quitting, _set_exit_code)
