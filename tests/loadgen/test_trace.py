"""Recorded loads in the forms that users have them."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgen.arrivals import even_arrivals
from loadgen.shapes import Shape, TraceError, arrival_count, read_trace

COUNTS = [3, 0, 6, 9]


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    return tmp_path / "trace.csv"


def rates(shape: Shape, *times_s: float) -> list[float]:
    return [shape.rate(t_s) for t_s in times_s]


def test_requests_of_each_second(trace: Path) -> None:
    trace.write_text("t_s,requests\n0,3\n1,0\n2,6\n3,9\n")
    shape = read_trace(trace)
    assert shape.duration_s == 4
    assert rates(shape, 0, 0.5, 1, 2.5, 3, 4) == [3, 3, 0, 6, 9, 9]
    assert shape.highest_rps == 9
    assert arrival_count(shape) == 18


@pytest.mark.parametrize(
    "lines",
    [
        "minute,requests\n0,60\n1,120\n2,30\n",
        "minutes_since_start,n\n7,60\n8,120\n9,30\n",
        "0,60\n60,120\n120,30\n",
        "ts,requests\n1700000000,60\n1700000060,120\n1700000120,30\n",
        "timestamp,requests\n2024-03-01T23:59:00Z,60\n2024-03-02T00:00:00Z,120\n2024-03-02T00:01:00Z,30\n",
        "2024-03-01 23:59,60\n2024-03-02 00:00,120\n\n2024-03-02 00:01,30\n",
        "\ufeffminute,requests\n2024-03-01 23:59:00.10,60\n2024-03-02 00:00:00.00,120\n2024-03-02 00:00:59.90,30\n",
    ],
)
def test_requests_of_each_minute_in_many_forms(trace: Path, lines: str) -> None:
    trace.write_text(lines)
    shape = read_trace(trace)
    assert shape.duration_s == pytest.approx(180, rel=0.01)
    assert rates(shape, 30, 90, 150) == pytest.approx([1, 2, 0.5], rel=0.01)


def test_hours(trace: Path) -> None:
    trace.write_text("hour,requests\n0,3600\n1,7200\n")
    assert rates(read_trace(trace), 0, 3600) == [1, 2]


def test_intervals_without_a_line_or_a_number_had_no_request(trace: Path) -> None:
    trace.write_text("0,4\n10,\n20,8\n50,2\n")
    shape = read_trace(trace)
    assert shape.duration_s == 60
    assert rates(shape, 0, 10, 20, 30, 49, 50) == [0.4, 0, 0.8, 0, 0, 0.2]


@given(st.floats(0.1, 1000), st.floats(1, 900), st.lists(st.integers(0, 50), min_size=2, max_size=20).filter(any))
def test_replay_compresses_time_and_only_scales_rates(
    tmp_path_factory: pytest.TempPathFactory, speed: float, peak_rps: float, counts: list[int]
) -> None:
    path = tmp_path_factory.mktemp("trace") / "trace.csv"
    path.write_text("".join(f"{5 * number},{count}\n" for number, count in enumerate(counts)))
    plain, scaled = read_trace(path, speed), read_trace(path, speed, peak_rps)
    assert plain.duration_s == pytest.approx(5 * len(counts) / speed)
    assert plain.total == pytest.approx(sum(counts))
    assert scaled.duration_s == plain.duration_s
    assert scaled.highest_rps == pytest.approx(peak_rps)
    assert scaled.total / scaled.highest_rps == pytest.approx(plain.total / plain.highest_rps)


@given(st.lists(st.integers(1, 10_000_000), min_size=1, max_size=50))
def test_exact_arrival_times_are_replayed_exactly(tmp_path_factory: pytest.TempPathFactory, gaps_us: list[int]) -> None:
    path = tmp_path_factory.mktemp("trace") / "trace.csv"
    start = datetime(2024, 3, 1, 12)
    times = [start + timedelta(microseconds=sum(gaps_us[:number])) for number in range(len(gaps_us) + 1)]
    path.write_text("".join(f"{moment.isoformat()}\n" for moment in times))
    due_s = list(even_arrivals(read_trace(path, speed=2)))
    expected_s = [(moment - start).total_seconds() / 2 + 0.001 for moment in times]
    assert due_s == pytest.approx(expected_s, abs=1e-6)


def test_the_peak_of_exact_arrival_times_is_that_of_seconds(trace: Path) -> None:
    trace.write_text("".join(f"{number / 4}\n" for number in range(40)) + "10.0001\n")
    assert read_trace(trace).highest_rps == pytest.approx(4, abs=1)
    assert read_trace(trace, peak_rps=100).highest_rps == pytest.approx(100)
    assert read_trace(trace, peak_rps=100).total == pytest.approx(100 / 4 * 41, rel=0.3)


def test_equal_arrival_times_are_spread_over_the_resolution(trace: Path) -> None:
    trace.write_text("arrival\n10\n10\n11\n13\n13\n13\n13\n")
    due_s = [t_s - 0.001 for t_s in even_arrivals(read_trace(trace))]
    assert due_s == pytest.approx([0, 0.5, 1, 3, 3.25, 3.5, 3.75])


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("", "has fewer than two lines"),
        ("0,1\n", "has fewer than two lines"),
        ("0,1\n1,x\n", "line 2: 'x' is no number of requests; legal is"),
        ("0,1\n1,-2\n", "line 2: '-2' is no number of requests"),
        ("0,1\n1,nan\n", "line 2: 'nan' is no number of requests"),
        ("0,1\nsoon,2\n", "line 2: 'soon' is no time"),
        ("0,1\ninf,2\n", "line 2: 'inf' is no time"),
        ("0,1\n1,2,3\n", "line 2: the number of columns is 3; legal is"),
        ("TIMESTAMP,Context,Generated\n1,2,3\n", "line 2: the number of columns is 3"),
        ("0,1\n1\n", "line 2: the number of columns is 1"),
        ("0,1\n2,1\n1,1\n", "line 3: its time is before the one of the line above"),
        ("0,1\n0,1\n", "two lines have the same time"),
        ("0,1\n1,1\n2.5,1\n", "line 3: is 1.5 s behind the line above; legal are whole intervals, of 1 s"),
        ("0,0\n1,0\n", "there is no request in it"),
        ("3\n3\n", "all requests have the same time"),
    ],
)
def test_what_is_no_trace_is_told_in_one_line(trace: Path, lines: str, message: str) -> None:
    trace.write_text(lines)
    with pytest.raises(TraceError) as caught:
        read_trace(trace)
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{trace}: ")
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read_are_told(trace: Path) -> None:
    with pytest.raises(TraceError, match="No such file"):
        read_trace(trace)
    trace.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TraceError, match=r"trace\.csv: "):
        read_trace(trace)


def test_a_file_without_end_is_not_read_to_it(trace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loadgen.shapes.trace.MOST_LINES", 5)
    trace.write_text("".join(f"{number},1\n" for number in range(6)))
    with pytest.raises(TraceError, match="has more than 5 lines"):
        read_trace(trace)
