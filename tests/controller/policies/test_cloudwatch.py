"""CloudWatch alarms, against the tables and the figure of the CloudWatch User Guide."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from controller.policies.cloudwatch import Alarm, AlarmConfig, State, evaluate, summarise
from tests.controller.policies.aws import alarm

TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")
STATES = {"ok": State.OK, "alarm": State.ALARM, "insufficient": State.INSUFFICIENT_DATA}


def config(periods: int = 3, needed: int | None = None, threshold: float = 3, **options: Any) -> AlarmConfig:
    comparison = options.pop("comparison", "GreaterThanThreshold")
    return AlarmConfig.model_validate(
        alarm(comparison, threshold, evaluation_periods=periods, datapoints_to_alarm=needed, **options)
    )


def datapoints(drawn: str) -> list[float | None]:
    """The guide's notation: 0 does not breach, X breaches, - is missing; the newest is on the right."""
    return [{"0": 1.0, "X": 9.0, "-": None}[sign] for sign in drawn.split()]


@pytest.mark.parametrize("treatment", TREATMENTS)
@pytest.mark.parametrize(
    ("needed", "drawn", "states"),
    [  # the columns MISSING, IGNORE, BREACHING, NOT BREACHING of the guide's two tables, of all its editions
        (3, "0 - X - X", "ok ok ok ok"),
        (3, "0 - - - -", "ok ok ok ok"),
        (3, "- - - - -", "insufficient retain alarm ok"),
        (3, "0 X X - X", "alarm alarm alarm alarm"),
        (3, "- - - - X", "insufficient retain alarm ok"),
        (3, "- - X - -", "alarm retain alarm ok"),
        (3, "X - - - -", "alarm retain alarm ok"),
        (2, "0 - X - X", "alarm alarm alarm alarm"),
        (2, "0 0 X 0 X", "alarm alarm alarm alarm"),
        (2, "0 - X - -", "ok ok alarm ok"),
        (2, "- - - - 0", "ok ok alarm ok"),
        (2, "- - - - X", "insufficient retain alarm ok"),
        (2, "- - - X -", "alarm retain alarm ok"),
    ],
)
def test_states_are_those_of_the_guide(needed: int, drawn: str, states: str, treatment: Any) -> None:
    expected = states.split()[TREATMENTS.index(treatment)]
    options = config(3, needed, treat_missing_data=treatment)
    for before in State:
        assert evaluate(datapoints(drawn), options, before) is STATES.get(expected, before)


@pytest.mark.parametrize("drawn", ["- - - - X", "- - - X -"])
def test_one_datapoint_is_not_enough_for_an_alarm_of_three_before_its_time(drawn: str) -> None:
    assert evaluate(datapoints(drawn), config(), State.OK) is State.INSUFFICIENT_DATA


def states(alarm: Alarm, *values: float | None) -> list[State]:
    """The states after each minute, with one sample in each."""
    made = []
    for minute, value in enumerate((*values, None)):
        if alarm.add(60.0 * minute, value):
            made.append(alarm.state)
    return made


def test_alarm_goes_off_in_the_third_minute_above_the_threshold_and_comes_back_with_the_first_below() -> None:
    """The guide's figure: threshold 3, 3 of 3, above it in the minutes 3 to 5 and in 9."""
    seen = states(Alarm(config()), 2, 2, 5, 4, 6, 2, 1, 2, 5, 2)
    assert [minute for minute, state in enumerate(seen, start=1) if state is State.ALARM] == [5]
    assert seen[5] == seen[8] == State.OK


def test_breaching_datapoints_need_not_be_consecutive() -> None:
    seen = states(Alarm(config(5, 4)), 9, 9, 1, 9, 9, 1, 9)
    assert [state is State.ALARM for state in seen] == [False, False, False, False, True, False, False]


def test_alarm_that_stays_is_evaluated_anew_at_each_period() -> None:
    assert states(Alarm(config(1)), 9, 9, 9) == [State.ALARM] * 3


@pytest.mark.parametrize(
    ("comparison", "breaching"),
    [
        ("GreaterThanThreshold", [False, False, True]), ("GreaterThanOrEqualToThreshold", [False, True, True]),
        ("LessThanThreshold", [True, False, False]), ("LessThanOrEqualToThreshold", [True, True, False]),
    ],
)  # fmt: skip
def test_threshold_itself_breaches_only_with_or_equal(comparison: str, breaching: list[bool]) -> None:
    assert [config(comparison=comparison).breaches(value) for value in (2.9, 3.0, 3.1)] == breaching


@pytest.mark.parametrize(
    ("statistic", "datapoint"),
    [("Average", 4.0), ("Minimum", 1.0), ("Maximum", 9.0), ("p50", 3.0), ("p95", 9.0), ("p100", 9.0), ("p0", 1.0)],
)
def test_samples_of_a_period_become_one_datapoint(statistic: str, datapoint: float) -> None:
    assert summarise([9.0, 1.0, 3.0, 3.0, 4.0], statistic) == datapoint
    assert summarise([], statistic) is None


def test_percentile_is_of_the_samples_by_rank() -> None:
    hundred = [float(number) for number in range(100, 0, -1)]
    assert [summarise(hundred, statistic) for statistic in ("p95", "p99.5", "p1")] == [95.0, 100.0, 1.0]


def test_period_begins_with_the_first_sample_and_ends_before_its_last_moment() -> None:
    one = Alarm(config(1))
    assert [one.add(t_s, value) for t_s, value in [(7, 2.0), (37, 8.0), (66.9, 8.0), (67, 1.0)]] == [
        False, False, False, True,
    ]  # fmt: skip
    assert (one.evaluated, one.state) == ([6.0], State.ALARM)
    assert one.add(127, None)
    assert (one.evaluated, one.state) == ([1.0], State.OK)


def test_pause_of_several_periods_leaves_datapoints_missing() -> None:
    """One datapoint stands in for up to two missing ones, then there is none in the range."""
    one = Alarm(config(1))
    one.add(0, 9.0)
    assert (one.add(60, None), one.current) == (True, True)
    assert (one.add(120, None), one.state, one.current) == (True, State.ALARM, False)
    assert (one.add(180, None), one.state, one.current) == (True, State.ALARM, False)
    assert (one.add(240, None), one.state) == (True, State.INSUFFICIENT_DATA)
    one.add(241, 9.0)
    assert (one.add(1e9, None), one.state) == (True, State.INSUFFICIENT_DATA)


def test_alarm_tells_what_it_sees() -> None:
    one = Alarm(config(1))
    one.add(0, 9.0)
    assert one.words(20) == "cpu_percent unknown, alarm > 3 is INSUFFICIENT_DATA, next evaluation in 40.0 s"
    one.add(60, 2.0)
    assert one.words(75) == "cpu_percent 9, alarm > 3 is ALARM, next evaluation in 45.0 s"
    assert str(config(5, 4, statistic="p95")) == "p95 of cpu_percent > 3 in 4 of 5 periods of 60 s"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"evaluation_periods": 2, "datapoints_to_alarm": 3}, "datapoints_to_alarm 3 is above evaluation_periods 2"),
        ({"evaluation_periods": 1441}, "above 86400 s"),
        ({"period_s": 3600, "evaluation_periods": 169}, "above 604800 s"),
        ({"statistic": "Sum"}, "must be Average, Minimum, Maximum, or a percentile"),
        ({"statistic": "p101"}, "must be Average, Minimum, Maximum, or a percentile"),
        ({"metric": "CPUUtilization"}, "is no metric"),
        ({"comparison": "GreaterThanUpperThreshold"}, "Input should be"),
        ({"treat_missing_data": "notbreaching"}, "Input should be"),
    ],
)
def test_impossible_alarms_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        AlarmConfig.model_validate({**alarm(), **options})


def test_alarm_of_hours_may_look_back_for_a_week() -> None:
    AlarmConfig.model_validate(alarm(period_s=3600, evaluation_periods=168))


RANGES = st.lists(st.none() | st.floats(0, 6), max_size=7)


@given(RANGES, st.integers(1, 5), st.integers(1, 5), st.sampled_from(State))
def test_treating_missing_data_as_good_never_raises_an_alarm_that_treating_it_as_bad_does_not(
    drawn: list[float | None], periods: int, needed: int, before: State
) -> None:
    needed = min(needed, periods)

    def state(treatment: str) -> State:
        return evaluate(drawn, config(periods, needed, treat_missing_data=treatment), before)

    if state("notBreaching") is State.ALARM:
        assert {state(treatment) for treatment in TREATMENTS} == {State.ALARM}
    if state("breaching") is State.OK:
        assert {state(treatment) for treatment in TREATMENTS} == {State.OK}


@given(st.lists(st.tuples(st.floats(0.1, 100), st.none() | st.floats(0, 6)), max_size=60), st.sampled_from(TREATMENTS))
def test_same_samples_lead_to_the_same_states(drawn: list[tuple[float, float | None]], treatment: str) -> None:
    def replay() -> list[tuple[bool, State]]:
        one, t_s, made = Alarm(config(3, 2, treat_missing_data=treatment)), 0.0, []
        for pause_s, value in drawn:
            t_s += pause_s
            made.append((one.add(t_s, value), one.state))
        return made

    assert replay() == replay()


@given(st.lists(st.floats(0.01, 500), min_size=1, max_size=60))
def test_no_period_is_lost_or_evaluated_twice(pauses_s: list[float]) -> None:
    one, t_s, ended = Alarm(config(1)), 0.0, 0
    one.add(0.0, 1.0)
    for pause_s in pauses_s:
        t_s += pause_s
        ended += one.add(t_s, 1.0)
        assert 0 < one.left_s(t_s) <= 60 + 1e-6
    assert ended <= t_s / 60 + 1e-6
