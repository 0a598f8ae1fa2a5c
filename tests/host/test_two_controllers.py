"""One controller at a time on a host, and one that sleeps for a while."""

import contextlib
import signal
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from controller.model import Phase
from tests.host.chain import Chain
from tests.host.testbed import ENTRY, URL, Testbed, answers, policy, running, until

pytestmark = pytest.mark.usefixtures("nothing_left")

LXC = Path("/var/lib/lxc")
MOST_RPS = 104  # of a chain's clients: one waits 10 ms before it asks, the other takes 0.3 s to ask


def test_of_controllers_started_at_the_same_moment_one_serves(tmp_path: Path) -> None:
    several = [Testbed(tmp_path / str(number), policy()).start() for number in range(3)]
    try:
        until(lambda: sum(each.process.poll() is None for each in several) == 1, what="two have given up")
        (first,) = [each for each in several if each.process.poll() is None]
        first.await_service()
        for other in several:
            if other is not first:
                assert_refused(other, first.process.pid)
    finally:
        for each in several:
            if each.process.poll() is None:
                each.stop()


def test_controller_started_while_another_ends_is_refused_until_that_has_gone(tmp_path: Path) -> None:
    """HAProxy finishes a request in flight by itself, however long the controller takes to end."""
    with running(tmp_path / "first", policy(minimum=3), instances=3) as first, contextlib.closing(half_sent()) as slow:
        first.process.terminate()
        until(lambda: not answers(URL), what="HAProxy takes no more requests")
        with asleep(first):
            slow.send(b"56789")
            assert slow.getresponse().status == 201
            assert_refused(Testbed(tmp_path / "second", policy()).start(), first.process.pid)
        until(lambda: first.process.poll() is not None)
        with running(tmp_path / "third", policy()):
            until(lambda: answers(URL))


def half_sent() -> HTTPConnection:
    """A request in flight, whose second half is still to be sent."""
    connection = HTTPConnection(ENTRY, timeout=20)
    connection.putrequest("PUT", "/objs/half")
    connection.putheader("Content-Length", "10")
    connection.endheaders(b"01234")
    return connection


def assert_refused(testbed: Testbed, pid: int) -> None:
    """It ends with one line, which names the controller that runs."""
    assert testbed.process.wait(20) == 1
    assert testbed.log.read_text() == f"controller: another controller runs on this host (pid {pid})\n"
    testbed.log.unlink()


def test_controller_that_sleeps_goes_on_where_it_was_and_nobody_takes_its_place(tmp_path: Path) -> None:
    chain = Chain(tmp_path, policy(maximum=3, tick_s=0.1))
    with chain.running():
        chain.start()
        chain.await_right()
        chain.wanted = 3
        chain.order()
        until(lambda: len(list(LXC.glob("tidebed-web-*"))) > 1, what="the first clone begins")
        before = sleep(chain.testbed, 1)
        until(lambda: not chain.wrong(), what="all is right")
        sleep(chain.testbed, 2)
        until(lambda: len(chain.testbed.events("tick")) > before + 20, what="it ticks on")
        assert not chain.wrong()
        sure = [tick["offered_rps"] for tick in chain.testbed.events("tick") if not tick["missing"]]
        assert max(filter(None, sure)) < 1.3 * MOST_RPS
        assert not [event for event in chain.testbed.events("instance") if event["phase"] == Phase.FAILED]
        chain.testbed.kill()


@contextlib.contextmanager
def asleep(testbed: Testbed) -> Iterator[None]:
    """The controller does nothing meanwhile."""
    testbed.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        testbed.process.send_signal(signal.SIGCONT)


def sleep(testbed: Testbed, seconds: float) -> int:
    """Let the controller sleep for so long, beginning between two ticks: what a tick has just read would be dated after
    the sleep; how many ticks it had had by then."""
    before = len(testbed.events("tick"))
    until(lambda: len(testbed.events("tick")) > before, what="a tick")
    with asleep(testbed):
        ticks = len(testbed.events("tick"))
        second = Testbed(testbed.folder / "second", testbed.document).start()
        time.sleep(seconds)
        assert_refused(second, testbed.process.pid)
    return ticks
