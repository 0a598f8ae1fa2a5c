"""The Locust user that offers a load; a Locust file derives its own from it and names the options.

One user in each process walks its part of the load and hands each request to a greenlet of its own. Locust's own way,
users that wait for each response, sends less when the server is slow and so hides what is to be measured.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable
from contextlib import suppress
from typing import Any, ClassVar

import gevent  # type: ignore[import-untyped]
import psutil  # type: ignore[import-untyped]
from locust import FastHttpUser, events, task
from locust.env import Environment
from locust.event import EventHook
from locust.exception import StopTest, StopUser
from locust.runners import LocalRunner, MasterRunner, WorkerRunner

from loadgen.forms import Form
from loadgen.ledger import outcome_of
from loadgen.load import Load
from loadgen.mix import Request
from loadgen.options import OptionError, add_options, exit_with
from loadgen.posts import Alone, Master, OneEach, Post, Walker, Worker
from loadgen.run import Order, Run, run_of
from loadgen.sending import Sending
from loadgen.strict_client import StrictClientPool, error_text

DEFAULT_HOST = "http://127.0.0.1:8080"


class LoadUser(FastHttpUser):
    """The one user of a process; `form` has the options of its Locust file."""

    abstract = True
    host = DEFAULT_HOST
    max_redirects = 0  # one arrival is one request
    form: ClassVar[Form]
    post: ClassVar[Post]  # of the process
    latest_run: ClassVar[Run | None] = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        _listen(events.init_command_line_parser, lambda parser, **_kwargs: add_options(parser, cls.form.options))
        _listen(events.init, lambda environment, **_kwargs: _start_up(environment, cls.form))

    def __init__(self, environment: Environment) -> None:
        assert isinstance(self.post, Walker)
        self.walker = self.post
        try:
            self.order = self.walker.order()
        except OptionError as error:
            raise StopTest(str(error)) from None
        if self.order:
            self.strict_pool = StrictClientPool(self.order.most_in_flight, self.order.sending.request_timeout_s)
            self.client_pool = self.strict_pool
        super().__init__(environment)

    @task
    def follow_load(self) -> None:
        """Do what is ordered, once."""
        if self.order:
            try:
                run = LoadUser.latest_run = run_of(self.order, self.exchange)
            except OSError as error:
                self.walker.failed(f"{error.filename}: {error.strerror}")
                raise StopUser from None
            try:
                run.walk()
            finally:
                self.strict_pool.close()
                self.walker.ended(run.close())
        raise StopUser

    def exchange(self, request: Request) -> tuple[int, str]:
        """Send `request`; returns the HTTP status, 0 for none, and the error of the transport, "" for none."""
        body: Any = request.body  # Locust's annotation forgets that bytes are fine
        with (
            gevent.Timeout(self.strict_pool.timeout_s),
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


def _listen(event: EventHook, listener: Callable[..., None]) -> None:
    event.add_listener(listener)  # type: ignore[no-untyped-call]


def _start_up(environment: Environment, form: Form) -> None:
    """Give the process its post; leave with one line, before any load, when the options make no run."""
    runner = environment.runner
    environment.dispatcher_class = OneEach

    def given() -> tuple[Load, Sending]:
        return _given(environment, form)

    options = environment.parsed_options or Namespace()
    is_forked = isinstance(runner, WorkerRunner) and getattr(options, "processes", None)
    try:
        form.set_defaults(options)
        if is_forked or not isinstance(runner, WorkerRunner):
            given()
    except OptionError as error:
        if is_forked:
            raise SystemExit(2) from None  # the master says why
        if getattr(options, "processes", None):
            _end_forks()
        exit_with(error)
    if isinstance(runner, WorkerRunner):
        LoadUser.post = Worker(environment, runner, _stop_walking)
    elif isinstance(runner, MasterRunner):
        LoadUser.post = Master(environment, runner, given)
    else:
        LoadUser.post = Alone(environment, given)
    _listen(events.quitting, _quit)  # so late, that it comes before Locust's own, which ends the workers


def _end_forks() -> None:
    """End the workers of --processes: Locust leaves behind those that have not connected yet, for five minutes."""
    for worker in psutil.Process().children():
        with suppress(psutil.Error):
            worker.terminate()


def _given(environment: Environment, form: Form) -> tuple[Load, Sending]:
    """What the options make, judged. Raises OptionError."""
    namespace = environment.parsed_options or Namespace()
    host = environment.host or DEFAULT_HOST
    if not host.startswith("http://"):
        raise OptionError(f"--host {host!r} is not legal: a URL that starts with http:// is")
    load, sending = form.load(namespace), form.sending(namespace)
    is_alone = isinstance(environment.runner, LocalRunner)
    path = Order(load, sending, 0.0, count=1 if is_alone else 2).requests_csv  # of the first worker, if not
    if path:
        try:
            path.open("a").close()
        except OSError as error:
            raise OptionError(f"--requests-csv {str(path)!r} cannot be written: {error.strerror}") from None
    return load, sending


def _stop_walking(**_kwargs: Any) -> None:
    if LoadUser.latest_run:
        LoadUser.latest_run.stop_wanted.set()


def _report_to_web_user(environment: Environment, **_kwargs: Any) -> None:
    if environment.web_ui:
        _report(environment)


def _quit(environment: Environment, **_kwargs: Any) -> None:
    """0 for a run that went to its end, 1 when that served nothing; one that was interrupted is left to Locust."""
    LoadUser.post.close()
    result = LoadUser.post.result
    if result and result.is_complete:
        environment.process_exit_code = int(result.served_nothing)
    _listen(events.quit, lambda **_kwargs: _report(environment))  # below Locust's own tables


def _report(environment: Environment) -> None:
    """Print the summary of the latest run, once; not into the JSON that --json prints."""
    result, LoadUser.post.result = LoadUser.post.result, None
    if result and not isinstance(LoadUser.post, Worker):
        as_json = getattr(environment.parsed_options, "json", False)
        text = result.text(environment.host or DEFAULT_HOST)
        print(text, file=sys.stderr if as_json else sys.stdout, flush=True)


_listen(events.test_stopping, _stop_walking)
_listen(events.test_stop, _report_to_web_user)
