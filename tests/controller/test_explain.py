"""What `--explain` says of one tick."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.explain import explain
from controller.limits import Limited, Limiter, Limits
from controller.model import METRICS, Counts, Decision, Observation, Phase, Sample
from tests.controller.build import OBSERVATIONS, decided, observed

SAMPLES = (
    Sample("web-1", Phase.IN_SERVICE, ordered_s=1.0, since_s=1.4, cpu_percent=43.21, in_flight_requests=2),
    Sample("web-12", Phase.BOOTING, ordered_s=12.0, since_s=12.0),
)


def lines(observation: Observation, decision: Decision, limited: Limited | None = None) -> list[str]:
    limited = limited or Limited(decision.wanted, decision.reason)
    return explain(observation, "rules", decision, limited).splitlines()


def section(text: list[str], title: str) -> list[str]:
    """The indented lines below a title."""
    below = text[text.index(f"{title}:") + 1 :]
    end = next(index for index, line in enumerate(below) if not line.startswith("  "))
    return [line[2:] for line in below[:end]]


def limited(decision: Decision, observation: Observation, **limits: Any) -> Limited:
    return Limiter(Limits(**{"minimum": 0, "maximum": 100, **limits})).apply(decision, observation)


def test_tick_is_told_in_full() -> None:
    counts = Counts(wanted=2, in_service=1, booting=1)
    seen = Observation(12.5, counts, offered_rps=57.26, queue_requests=1234, instances=SAMPLES)
    decision = Decision(6, "57.3/s need 6", ("5 by the CPU", "4 by the queue"))
    told = """\
t = 12.500 s, policy target
fleet: 2 wanted, 1 in service, 1 booting, 0 on standby, 0 draining
metrics:
  rate_per_instance         28.63
  offered_rps               57.26
  served_rps              unknown
  rejected_rps            unknown
  failed_rps              unknown
  queue_requests             1234
  in_flight_requests      unknown
  in_flight_per_instance  unknown
  latency_ms_p50          unknown
  latency_ms_p95          unknown
  latency_ms_p99          unknown
  cpu_percent             unknown
instances:
  instance  phase       in it for     ordered      CPU  in flight
  web-1     IN_SERVICE     11.1 s  11.5 s ago    43.2%          2
  web-12    BOOTING         0.5 s   0.5 s ago  unknown    unknown
policy wants 6: 57.3/s need 6
considered:
  - 5 by the CPU
  - 4 by the queue
limits:
  1. instances.max: 6 → 4, capped by instances.max
result: grow from 2 to 4"""
    assert explain(seen, "target", decision, limited(decision, seen, maximum=4)) == told


def test_what_is_not_there_is_said_so() -> None:
    text = lines(observed(0, 3), decided(3))
    assert text[-5:] == ["instances: none", "policy wants 3: because", "considered: none", "limits: none",
                         "result: hold 3"]  # fmt: skip


def test_missing_statistics_are_told_with_their_reason() -> None:
    text = lines(observed(0, 3, missing="no answer"), decided(3))
    assert text[2] == "statistics: missing, no answer"


def test_shrinking_is_told() -> None:
    assert lines(observed(0, 3), decided(1))[-1] == "result: shrink from 3 to 1"


def test_clamps_are_told_in_their_order() -> None:
    seen, decision = observed(0, 10), decided(2)
    result = limited(decision, seen, step_down=1, minimum=12)
    assert section(lines(seen, decision, result), "limits") == [
        "1. limits.step_down: 2 → 9, at most 1 down at once", "2. instances.min: 9 → 12, raised to instances.min"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "words"), [(0.0, "0"), (0.12345, "0.1235"), (999.96, "1000"), (123456.7, "123457"), (math.inf, "inf")]
)
def test_numbers_stay_short_and_plain(value: float, words: str) -> None:
    assert section(lines(observed(offered_rps=value), decided(1)), "metrics")[1].split() == ["offered_rps", words]


@given(st.integers(0, 50), st.integers(0, 50), OBSERVATIONS)
def test_every_metric_and_both_numbers_are_told(before: int, wish: int, fields: dict[str, Any]) -> None:
    seen = observed(0, before, **fields)
    result = limited(decided(wish), seen, minimum=2, maximum=30, step_up=5, step_down=3)
    text = lines(seen, decided(wish), result)
    assert [line.split()[0] for line in section(text, "metrics")] == list(METRICS)
    assert f"policy wants {wish}: because" in text
    assert text[-1].endswith(f" {result.wanted}")
    clamps = section(text, "limits") if "limits:" in text else []
    assert bool(clamps) == (result.reason != "because")
    if clamps:
        assert f": {wish} → " in clamps[0]
        assert f"→ {result.wanted}, " in clamps[-1]
