"""HAProxy's request log: its lines, what is kept of them, and the rates made from them."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller import requestlog
from controller.requestlog import Request, RequestLog, long_queue, parse_request


class Log:
    """A request log whose socket is one end of a pair; each line is read one second after the one before."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.answers: list[tuple[str, float]] = []
        self.log = RequestLog(Path("/nonexistent/log.sock"), self.clock, lambda *seen: self.answers.append(seen))

    def clock(self) -> float:
        self.now_s += 1
        return self.now_s

    def read(self, *lines: bytes) -> "Log":
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        with ours, theirs:
            ours.setblocking(False)  # reading ends where nothing is left
            for line in lines:
                theirs.send(line)
            self.log._read(ours)
        return self


@pytest.fixture
def log() -> Iterator[Log]:
    made = Log()
    yield made
    made.log.close()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("200 web-1 0 3 12 -- 77", Request(5.0, 200, "web-1", 12, 77)),
        ("429 web-2 0 1 1 -- 77", Request(5.0, 429, "web-2", 1, 77)),
        ("503 <NOSRV> 5000 -1 5000 sQ 77", Request(5.0, 503, "<NOSRV>", 5000, 77)),
        ("-1 web-1 0 -1 -1 CH 77", Request(5.0, 0, "web-1", 0, 77)),
        ("200 web-1 0 3 12 -- 77\n", Request(5.0, 200, "web-1", 12, 77)),
    ],
)
def test_line_of_a_request_is_read(line: str, expected: Request) -> None:
    assert parse_request(line, 5.0) == expected


@pytest.mark.parametrize(
    "line",
    ["", "200", "200 web-1 0 3", "200 web-1 0 3 12 --", "200 web-1 0 3 12 -- none",
     "many web-1 0 3 12 -- 77", "200 web-1 0 3 long -- 77",
     "Server web/web-1 is DOWN, reason: Layer4 connection problem", "Proxy entry stopped (cumulated conns: 3)"],
)  # fmt: skip
def test_any_other_line_is_no_request(line: str) -> None:
    assert parse_request(line, 5.0) is None


@given(st.text())
def test_no_line_raises(line: str) -> None:
    parse_request(line, 0.0)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(200, "served"), (204, "served"), (302, "served"), (404, "served"), (429, "rejected"), (500, "failed"),
     (503, "failed"), (504, "failed"), (0, "failed")],
)  # fmt: skip
def test_rejections_are_told_from_other_answers(status: int, outcome: str) -> None:
    assert Request(0.0, status, "web-1", 1.0).outcome == outcome


def test_requests_are_kept_with_their_time_and_rubbish_is_not(log: Log) -> None:
    log.read(b"200 web-1 0 3 12 -- 77", b"\xff\xfe", b"", b"429 web-2 0 1 1 -- 77")
    assert [(request.at_s, request.status) for request in log.log.take()] == [(1, 200), (4, 429)]


def test_finished_requests_are_counted_by_worker_for_the_newest_workers(log: Log) -> None:
    log.read(b"200 web-1 0 3 12 -- 77", b"429 web-1 0 3 12 -- 78", b"503 <NOSRV> 0 -1 12 sQ 77")
    assert log.log.finished() == {77: 2, 78: 1}
    log.read(*[f"200 web-1 0 3 12 -- {pid}".encode() for pid in range(100, 164)])
    assert log.log.finished() == dict.fromkeys(range(100, 164), 1)


def test_requests_are_taken_once(log: Log) -> None:
    log.read(*[b"200 web-1 0 3 12 -- 77"] * 2)
    assert [request.at_s for request in log.log.take()] == [1, 2]
    log.read(b"200 web-1 0 3 12 -- 77")
    assert [request.at_s for request in log.log.take()] == [3]
    assert log.log.take() == []


def test_first_answer_of_an_awaited_server_is_reported_once(log: Log) -> None:
    log.log.await_first_answer("web-2")
    log.read(b"200 web-1 0 3 12 -- 77", b"200 web-2 0 3 12 -- 77", b"200 web-2 0 3 12 -- 77")
    assert log.answers == [("web-2", 2)]


def test_rejection_or_failure_is_no_first_answer(log: Log) -> None:
    log.log.await_first_answer("web-1")
    log.read(b"503 web-1 0 3 12 -- 77", b"429 web-1 0 3 12 -- 77", b"200 web-1 0 3 12 -- 77")
    assert log.answers == [("web-1", 3)]


def test_closing_a_log_that_was_never_opened_does_nothing() -> None:
    Log().log.close()


def test_request_that_no_instance_answered_is_not_served() -> None:
    """HAProxy answers 400 and 408 by itself; that is nothing that an instance did, and its time is no latency."""
    request = parse_request("400 <NOSRV> -1 -1 0 PR 77", 1.0)
    assert request is not None
    assert request.outcome != "served"


def test_queue_is_long_while_a_socket_is_made_and_the_host_s_setting_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting = tmp_path / "max_dgram_qlen"
    monkeypatch.setattr(requestlog, "QUEUE", setting)
    for before, within in (("10\n", "512"), ("1000\n", "1000")):
        setting.write_text(before)
        with long_queue():
            assert setting.read_text() == within
        assert setting.read_text() == before
    setting.unlink()
    setting.mkdir()
    with long_queue():
        pass
