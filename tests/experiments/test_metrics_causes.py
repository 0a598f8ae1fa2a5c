"""Each request that was not served has one cause, told from what the fleet was doing."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.metrics.causes import CAUSES, causes_of, counts_by_cause
from experiments.oracle import Steps
from loadgen.ledger import Record
from tests.experiments.story import Event, decision, dropped, failed, phase, rejected, reload, served, start, stop, tick

ONE, TWO = Steps((0.0,), (1,), 100.0), Steps((0.0,), (2,), 100.0)
RESET, CLOSED = "connection reset", "connection closed before a response (new)"


def cause(events: Sequence[Event], record: Record, demand: Steps | None = ONE) -> str:
    return causes_of(events, [record], demand)[0]


def steady(in_service: int = 1, overload: str = "reject", **tick_fields: int) -> list[Event]:
    """Nothing changes for ninety seconds."""
    fields = {"wanted": in_service, **tick_fields}
    return [start(overload), *(tick(t_s / 2, in_service=in_service, **fields) for t_s in range(180)), stop(90.0)]


def test_what_is_served_has_no_cause() -> None:
    assert causes_of(steady(), [served(5.0), rejected(5.0)], TWO) == ["", "too small"]


def grows() -> list[Event]:
    """One instance until 10.4 s, then two; that is decided at 10 s."""
    return [
        start(), tick(0.0, 1, 1), decision(10.0, 1, 2), tick(10.0, 2, 1), phase(10.0, "web-2", "BOOTING"),
        phase(10.3, "web-2", "STANDBY"), phase(10.4, "web-2", "IN_SERVICE"), tick(10.5, 2, 2), stop(20.0),
    ]  # fmt: skip


def test_a_fleet_that_grows_is_booting_until_the_instance_serves() -> None:
    found = causes_of(grows(), [rejected(t_s) for t_s in (9.9, 10.1, 10.35)], TWO)
    assert found == ["too small", "booting", "booting"]


def test_a_shortage_explains_what_finds_no_room_within_a_window_of_it() -> None:
    later = Steps((0.0, 9.5), (1, 2), 100.0)
    found = causes_of(grows(), [rejected(t_s) for t_s in (8.4, 8.6, 9.6, 10.5, 11.3, 11.5)], later)
    assert found == ["other", "too small", "too small", "booting", "booting", "other"]
    assert cause(grows(), failed(10.5, 500), later) == "other"


def test_instances_that_boot_for_the_pool_are_not_on_their_way() -> None:
    assert cause(steady(booting=1, standby=2), rejected(5.0), TWO) == "too small"
    assert cause(steady(wanted=2, standby=1), rejected(5.0), TWO) == "booting"


def test_where_demand_is_not_known_it_is_what_the_policy_wanted() -> None:
    assert cause(steady(wanted=2), rejected(5.0), None) == "too small"
    assert cause(steady(wanted=2), rejected(5.0), ONE) == "other"
    assert cause(steady(), rejected(5.0), None) == "other"


@pytest.mark.parametrize("record", [rejected(5.0), failed(5.0, 503), failed(5.0, 504, 30.0), dropped(5.0)])
def test_too_few_instances_explain_what_finds_no_room(record: Record) -> None:
    assert cause(steady(), record, TWO) == "too small"


def test_the_application_tells_that_the_disk_is_full() -> None:
    assert cause(steady(), failed(5.0, 507), TWO) == "disk full"


@pytest.mark.parametrize("record", [failed(5.0, 500), failed(5.0, 0, error=RESET)])
def test_too_few_instances_do_not_explain_other_failures(record: Record) -> None:
    assert cause(steady(), record, TWO) == "other"


def test_503_after_the_queue_s_timeout() -> None:
    late, early = failed(5.0, 503, took_s=5.003), failed(5.0, 503, took_s=4.0)
    assert cause(steady(overload="queue"), late, TWO) == "queue timeout"
    assert cause(steady(overload="queue"), early, TWO) == "too small"
    assert cause(steady(overload="reject"), late, TWO) == "too small"


def test_the_client_s_own_timeout() -> None:
    assert cause(steady(), failed(5.0, 0, took_s=10.0, error="timeout"), TWO) == "queue timeout"


def died(tick_s: float = 0.5) -> list[Event]:
    """One of two instances dies at about 30 s, which is known at 30.2, and another takes its place."""
    return [
        start("queue", tick_s), tick(0.0, 2, 2), phase(1.0, "web-1", "IN_SERVICE"), phase(1.0, "web-2", "IN_SERVICE"),
        tick(29.9, 2, 2), phase(30.2, "web-2", "FAILED"), phase(30.2, "web-3", "BOOTING"), reload(30.24, 30.0),
        phase(30.3, "web-2", "STOPPING"), phase(30.31, "web-2", "GONE"), phase(30.5, "web-3", "IN_SERVICE"),
        stop(60.0),
    ]  # fmt: skip


def test_a_death_explains_what_failed_until_the_instance_was_out_of_the_balancer() -> None:
    broken = [failed(t_s, 0, error=RESET) for t_s in (28.0, 29.8, 30.25, 30.4)]
    assert causes_of(died(), broken, TWO) == ["other", "stopped", "stopped", "other"]


def test_a_death_explains_what_was_under_way() -> None:
    assert cause(died(), failed(25.0, 0, took_s=10.0, error="timeout"), TWO) == "stopped"
    assert cause(died(), failed(28.0, 503, took_s=5.0), TWO) == "queue timeout"


def test_a_death_is_noticed_at_a_tick() -> None:
    assert cause(died(tick_s=5.0), failed(26.0, 0, error=RESET), TWO) == "stopped"


def test_a_rejection_after_a_death_is_the_fleet_s_size() -> None:
    found = causes_of(died(), [rejected(t_s) for t_s in (29.1, 30.1, 30.25, 31.6)], TWO)
    assert found == ["other", "booting", "booting", "other"]


def test_an_instance_that_never_served_does_not_explain_failures() -> None:
    events = [start(), tick(0.0, 2, 1), phase(5.0, "web-2", "BOOTING"), phase(6.0, "web-2", "FAILED"),
              phase(6.1, "web-2", "STOPPING"), stop(20.0)]  # fmt: skip
    assert cause(events, failed(6.0, 0, error=RESET), TWO) == "other"


def test_an_empty_fleet_has_stopped_unless_an_instance_is_on_its_way() -> None:
    assert cause(steady(in_service=0), failed(5.0)) == "stopped"
    assert cause(steady(in_service=0, wanted=1), failed(5.0)) == "stopped"
    assert cause(steady(in_service=0, wanted=1, booting=1), failed(5.0)) == "booting"
    assert cause(steady(in_service=0), rejected(5.0)) == "too small"  # one that just left has answered


def drains(back: bool = False) -> list[Event]:
    """One of three drains from 10 s on."""
    leaves = [phase(10.4, "web-3", "STOPPING"), phase(10.6, "web-3", "GONE")]
    returns = [phase(10.4, "web-3", "IN_SERVICE")]
    return [start(), tick(0.0, 3, 3), tick(10.0, 2, 3), phase(10.0, "web-3", "DRAINING"),
            *(returns if back else leaves), stop(20.0)]  # fmt: skip


def test_draining_explains_failures_until_the_instance_is_gone() -> None:
    broken = [failed(t_s, 0, error=CLOSED) for t_s in (9.9, 10.2, 10.5, 10.7)]
    assert causes_of(drains(), broken, TWO) == ["other", "draining", "draining", "other"]
    assert causes_of(drains(back=True), broken, TWO) == ["other", "draining", "other", "other"]
    assert cause(drains(), failed(8.0, 502, took_s=3.0), TWO) == "draining"


def test_draining_explains_no_rejection_and_nothing_where_too_few_are_left() -> None:
    assert cause(drains(), rejected(10.2), TWO) == "other"
    assert cause(drains(), failed(10.2, 503), Steps((0.0,), (3,), 100.0)) == "too small"


def test_reloading_explains_what_happened_within_its_span() -> None:
    events = [start(), tick(0.0, 2, 2), reload(10.0, 50.0), stop(20.0)]
    broken = [failed(9.9, 0, error=CLOSED), failed(9.96, 0, error=CLOSED), rejected(9.97), rejected(10.01)]
    assert causes_of(events, broken, TWO) == ["other", "reloading", "reloading", "other"]
    assert cause(events, rejected(9.97), Steps((0.0,), (3,), 100.0)) == "too small"


RECORDS = st.one_of(
    st.builds(rejected, st.floats(0, 60)),
    st.builds(dropped, st.floats(0, 60)),
    st.builds(served, st.floats(0, 60)),
    st.builds(failed, st.floats(0, 60), st.sampled_from([0, 500, 503]), st.floats(0, 10), st.sampled_from(["", RESET])),
)


@given(st.lists(RECORDS, max_size=20), st.sampled_from([None, ONE, TWO]), st.sampled_from([died(), drains(), steady()]))
def test_each_has_exactly_one(records: list[Record], demand: Steps | None, events: list[Event]) -> None:
    found = causes_of(events, records, demand)
    assert [bool(each) for each in found] == [record.outcome != "served" for record in records]
    counts = counts_by_cause(found)
    assert tuple(counts) == CAUSES
    assert sum(counts.values()) == sum(record.outcome != "served" for record in records)
