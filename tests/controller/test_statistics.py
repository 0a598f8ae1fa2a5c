"""HAProxy's statistics and process list, from samples of a real HAProxy 2.6."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.requestlog import WORKERS_KEPT
from controller.statistics import Arrivals, Processes, Statistics, parse_processes, parse_statistics
from tests.controller.build import data

SAMPLE = data("statistics.txt")
EXPECTED = Statistics(
    worker_pid=16024, offered_total=33, in_flight_requests=3, queue_requests=0, servers={"web-1": 2, "web-2": 1},
    ready=frozenset({"web-1", "web-2"}),
)  # fmt: skip


def parsed(text: str) -> Statistics:
    return parse_statistics(text, "entry", "web")


def with_cell(server: str, column: str, value: str) -> str:
    """The sample with another value in one cell."""
    lines = SAMPLE.splitlines()
    header = next(line for line in lines if line.startswith("# pxname")).removeprefix("# ").split(",")
    number = next(index for index, line in enumerate(lines) if line.split(",")[1:2] == [server])
    cells = lines[number].split(",")
    cells[header.index(column)] = value
    return "\n".join([*lines[:number], ",".join(cells), *lines[number + 1 :], "", ""])


def test_sample_is_read() -> None:
    assert parsed(SAMPLE) == EXPECTED


def test_new_worker_counts_from_zero() -> None:
    after = parsed(data("statistics_reloaded.txt"))
    assert (after.worker_pid, after.offered_total, set(after.servers)) == (16077, 0, {"web-1", "web-2", "web-3"})


def test_server_in_maintenance_is_not_ready() -> None:
    assert parsed(data("statistics_reloaded.txt")).ready == {"web-1", "web-2"}


def test_old_worker_still_tells_what_is_in_flight() -> None:
    assert parsed(data("statistics_old_worker.txt")) == EXPECTED


def test_queued_requests_count_as_the_server_s_and_as_queued() -> None:
    assert parsed(with_cell("web-2", "qcur", "5")) == replace(
        EXPECTED, queue_requests=5, servers={"web-1": 2, "web-2": 6}
    )
    assert parsed(with_cell("BACKEND", "qcur", "4")).queue_requests == 4


def test_columns_are_found_by_name() -> None:
    lines = SAMPLE.replace("# pxname,", "pxname,").splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith("pxname,"))
    turned = [",".join(reversed(line.split(","))) for line in lines[start:] if line]
    moved = [f"{line.split(',')[-1]},{line}" for line in turned]
    assert parsed("\n".join([*lines[:start], "# " + moved[0], *moved[1:], "", ""])) == EXPECTED


def test_back_end_without_servers_is_read() -> None:
    lines = [line for line in SAMPLE.splitlines() if not line.startswith(("web,web-1", "web,web-2"))]
    assert parsed("\n".join([*lines, ""])).servers == {}


@pytest.mark.parametrize(
    ("frontend", "backend", "row"), [("entrance", "web", "entrance/FRONTEND"), ("entry", "shop", "shop/BACKEND")]
)
def test_missing_row_is_named(frontend: str, backend: str, row: str) -> None:
    with pytest.raises(ValueError, match=f"have no row {row}"):
        parse_statistics(SAMPLE, frontend, backend)


@pytest.mark.parametrize("value", ["", "-1", "many", "1.5", "²"])
@pytest.mark.parametrize(("server", "column"), [("FRONTEND", "req_tot"), ("web-1", "scur"), ("BACKEND", "qcur")])
def test_cell_without_a_number_is_an_error(server: str, column: str, value: str) -> None:
    with pytest.raises(ValueError, match=r"no number in|invalid literal"):
        parsed(with_cell(server, column, value))


@pytest.mark.parametrize(
    "text",
    ["", "\n", "Permission denied\n", SAMPLE.partition("# pxname")[0], "# pxname" + SAMPLE.partition("# pxname")[2]],
    ids=["nothing", "blank", "refusal", "info only", "table only"],
)
def test_answer_that_is_not_both_info_and_table_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="cut off or malformed"):
        parsed(text)


@given(st.integers(0, len(SAMPLE)))
def test_any_prefix_is_read_or_raises_value_error(length: int) -> None:
    read_or_refused(SAMPLE[:length])


@given(st.integers(0, len(SAMPLE)), st.integers(0, 40), st.text(max_size=40))
def test_garbled_text_is_read_or_raises_value_error(start: int, length: int, noise: str) -> None:
    read_or_refused(SAMPLE[:start] + noise + SAMPLE[start + length :])


def read_or_refused(text: str) -> None:
    try:
        parsed(text)
    except ValueError:
        pass
    except KeyError as error:  # see the test of the garbled header
        assert error.args[0] == "svname"


def test_garbled_header_raises_value_error() -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parsed(SAMPLE.replace("svname", "name", 1))


def test_answer_that_is_cut_off_is_never_taken_for_a_whole_one() -> None:
    busy = with_cell("BACKEND", "scur", "31")
    for length in range(len(busy)):
        try:
            read = parsed(busy[:length])
        except ValueError:
            continue
        assert read.in_flight_requests == 31


def test_process_list_is_read() -> None:
    assert parse_processes(data("processes.txt")) == Processes(16024, (), 0)


def test_old_workers_are_told_from_the_current_one() -> None:
    assert parse_processes(data("processes_old.txt")) == Processes(16077, (16024,), 0)


def test_failed_reloads_are_counted() -> None:
    assert parse_processes(data("processes_failed.txt")) == Processes(16077, (), 1)


def test_master_without_workers_is_read() -> None:
    master = "".join(line for line in data("processes.txt").splitlines(keepends=True) if " worker " not in line)
    assert parse_processes(master) == Processes(None, (), 0)


@given(st.integers(0, len(data("processes_old.txt"))))
def test_any_prefix_of_the_process_list_is_read_or_raises_value_error(length: int) -> None:
    try:
        parse_processes(data("processes_old.txt")[:length])
    except ValueError as error:
        assert "cut off" in str(error)


def test_requests_that_an_old_worker_takes_after_the_last_look_are_counted_when_the_log_tells_of_them() -> None:
    made = Arrivals()
    assert made.total(1, 100, {1: 98}) == 100
    assert made.total(2, 10, {1: 98, 2: 9}) == 110
    assert made.total(2, 20, {1: 103, 2: 20}) == 123
    assert made.total(2, 20, {2: 20}) == 123  # the log has forgotten the old worker


def test_arrivals_are_told_without_a_log() -> None:
    made = Arrivals()
    assert [made.total(1, 5, {}), made.total(1, 9, {}), made.total(2, 4, {})] == [5, 9, 13]


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 5)), min_size=1, max_size=400))
def test_arrivals_over_any_number_of_workers_are_all_their_requests(workers: list[tuple[int, int]]) -> None:
    """Each worker takes some requests until the last look, and some more after it."""
    made, finished = Arrivals(), dict[int, int]()
    for pid, (before, after) in enumerate(workers):
        made.total(pid, before, finished)
        finished[pid] = before + after
        if len(finished) > WORKERS_KEPT:
            del finished[min(finished)]
    assert made.total(len(workers), 0, finished) == sum(before + after for before, after in workers)


def test_worker_with_the_pid_of_one_that_is_gone_is_another_worker() -> None:
    made = Arrivals()
    totals = [made.total(100, 50_000, {}), made.total(101, 10, {100: 50_000}), made.total(100, 2_000, {100: 50_000})]
    assert totals == [50_000, 50_010, 52_010]
    assert made.total(100, 2_000, {100: 52_030}) == 52_040
