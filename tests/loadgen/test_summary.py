"""Records, their file, and the summary of hand-made ones."""

import csv
from pathlib import Path

import pytest

from loadgen.ledger import Ledger, Record, outcome_of
from loadgen.summary import percentile, summarise, text_of, worst_bin


def served(due_s: float, lag_s: float = 0.0, service_s: float = 0.010) -> Record:
    """A served get."""
    return Record(due_s, due_s + lag_s, due_s + lag_s + service_s, "get", 200, "served")


def dropped(due_s: float) -> Record:
    """An arrival that was never sent."""
    return Record(due_s, None, None, "put", 0, "dropped")


def failed(due_s: float, error: str) -> Record:
    """A put that failed after 1 s."""
    return Record(due_s, due_s, due_s + 1, "put", 0, "failed", error)


def test_latency_counts_from_the_due_time_and_only_for_served_requests() -> None:
    records = [served(0, 0.02, 0.01), served(1), failed(2, "timeout")]
    latency_s = summarise(records, 3).latency_s
    assert latency_s is not None
    assert latency_s == pytest.approx((0.010, 0.030, 0.030, 0.030))


def test_each_arrival_counts_as_one_outcome() -> None:
    rejected = Record(1, 1, 1.1, "get", 429, "rejected")
    summary = summarise([served(0), rejected, failed(2, "status 503"), dropped(3)], 4)
    assert (summary.offered, summary.served, summary.rejected, summary.failed, summary.dropped) == (4, 1, 1, 1, 1)
    assert summary.offered_rps == 1


def test_a_run_on_schedule_says_so() -> None:
    text = text_of(summarise([served(k / 10, 0.002) for k in range(300)], 30))
    assert "offered 300 (10.0/s)   served 300 (100.00 %)   rejected (429) 0   failed 0   dropped 0" in text
    assert "p50 12  p95 12  p99 12  max 12" in text
    assert text.endswith("lag p99 2 ms, worst 10 s bin 0.0 % off schedule: on schedule")
    assert "failures" not in text


def test_a_dropped_arrival_is_off_schedule() -> None:
    assert "OFF SCHEDULE: 1 dropped" in text_of(summarise([served(0), served(1), dropped(2)], 3))


def test_a_large_lag_is_off_schedule() -> None:
    assert "OFF SCHEDULE: lag p99 is above 50 ms" in text_of(summarise([served(0, 0.06)], 1))


def test_one_arrival_over_the_edge_of_a_bin_is_free_and_two_are_not() -> None:
    early = [served(k / 2) for k in range(17)]
    assert worst_bin([*early, served(9, 0.1), served(9.9, 0.2)]) == 0
    assert worst_bin([*early, served(9.8, 0.3), served(9.9, 0.2)]) == pytest.approx(1.0)  # 2 sent, none due
    assert "OFF SCHEDULE: a 10 s bin" in text_of(summarise([*early, served(9.8, 0.3), served(9.9, 0.2)], 10))


def test_the_most_frequent_failures_are_named() -> None:
    records = [failed(0, f"status {500 + k}") for k in range(6)] + [failed(1, "timeout")] * 3
    text = text_of(summarise(records, 1))
    assert "failures: timeout 3, status 500 1" in text
    assert "and 2 more kinds" in text
    assert "latency: none, nothing was served" in text


def test_a_run_without_records_has_a_summary() -> None:
    assert "offered 0 (0.0/s)   served 0   rejected" in text_of(summarise([], 1))


def test_the_percentile_is_the_nearest_rank() -> None:
    values = [float(k) for k in range(1, 101)]
    assert [percentile(values, percent) for percent in (0, 50, 99, 100)] == [1, 50, 99, 100]
    assert percentile([7.0], 99) == 7


@pytest.mark.parametrize(
    ("status", "error", "outcome"),
    [(200, "", "served"), (204, "", "served"), (302, "", "failed"), (429, "", "rejected"), (503, "", "failed"),
     (0, "timeout", "failed"), (200, "timeout", "failed")],
)  # fmt: skip
def test_the_outcome_follows_from_status_and_error(status: int, error: str, outcome: str) -> None:
    assert outcome_of(status, error) == outcome


def test_the_file_has_a_header_and_leaves_empty_what_did_not_happen(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "requests.csv")
    ledger.add(served(1.25), 2)
    ledger.add(dropped(2), 2)
    ledger.close()
    rows = list(csv.reader((tmp_path / "requests.csv").read_text().splitlines()))
    assert rows == [
        ["due_s", "sent_s", "done_s", "kind", "status", "outcome", "error"],
        ["1.250000", "1.250000", "1.260000", "get", "200", "served", ""],
        ["2.000000", "", "", "put", "0", "dropped", ""],
    ]


def test_the_file_is_flushed_every_second(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "requests.csv")
    for now_s, lines in ((10.0, 2), (10.5, 2), (11.0, 4)):
        ledger.add(served(1), now_s)
        assert len((tmp_path / "requests.csv").read_text().splitlines()) == lines
    ledger.close()


def test_a_ledger_without_a_file_keeps_the_records() -> None:
    ledger = Ledger()
    ledger.add(served(1), 1)
    ledger.close()
    assert ledger.records == [served(1)]
