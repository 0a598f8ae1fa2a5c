"""What holds for every policy of the registry, with the options of its example in docs/policies.md."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.config import PolicyFile
from controller.judge import Verdict
from controller.model import METRICS, Counts, Observation, Phase, Sample
from controller.policies import POLICIES
from controller.reading import load
from tests.controller.policies.documented import example

AMOUNTS = st.none() | st.just(0.0) | st.floats(0.01, 1e4)
WHOLE = st.none() | st.integers(0, 1000)
SEEN: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {name: WHOLE if name.endswith("_requests") else AMOUNTS for name in METRICS if not name.endswith("_per_instance")}
    | {"missing": st.sampled_from(["", "", "", "no answer"])}
)
HISTORIES = st.lists(st.tuples(st.floats(0, 40), SEEN), min_size=1, max_size=30)
NOTHING: dict[str, Any] = {"missing": "no answer"}

every_policy = pytest.mark.parametrize("name", POLICIES)
some = settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@pytest.fixture
def file(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PolicyFile:
    return load(example(name, tmp_path, monkeypatch))


def seen(t_s: float, wanted: int, fields: dict[str, Any]) -> Observation:
    """`wanted` instances in service, each with the mean CPU and its share of the requests."""
    cpu, requests = fields.get("cpu_percent"), fields.get("in_flight_requests")
    each = None if requests is None or not wanted else requests // wanted
    samples = tuple(Sample(f"web-{number}", Phase.IN_SERVICE, 0.0, 0.0, cpu, each) for number in range(wanted))
    return Observation(t_s, Counts(wanted=wanted, in_service=wanted), instances=samples, **fields)


def play(file: PolicyFile, history: list[tuple[float, dict[str, Any]]]) -> list[tuple[int, Verdict]]:
    """(wanted before, verdict) of each step, each one carried out before the next."""
    judge, t_s, wanted, steps = file.make_judge("it"), 0.0, max(1, file.instances.min), []
    for pause_s, fields in history:
        t_s += pause_s
        verdict = judge.decide(seen(t_s, wanted, fields))
        steps.append((wanted, verdict))
        wanted = verdict.limited.wanted
    return steps


@every_policy
@given(history=HISTORIES)
@some
def test_bounds_hold_and_each_decision_has_its_reason(file: PolicyFile, history: list[Any]) -> None:
    for _, verdict in play(file, history):
        assert file.instances.min <= verdict.limited.wanted <= file.instances.max
        assert verdict.wanted.wanted >= 0
        assert verdict.limited.reason.startswith(verdict.wanted.reason)
        assert verdict.wanted.reason


@every_policy
@given(history=HISTORIES)
@some
def test_nothing_shrinks_without_statistics(file: PolicyFile, history: list[Any]) -> None:
    for (before, verdict), (_, fields) in zip(play(file, history), history, strict=True):
        assert not fields["missing"] or verdict.limited.wanted >= before


@every_policy
@given(history=HISTORIES)
@some
def test_policy_itself_shrinks_nothing_while_all_is_unknown(file: PolicyFile, history: list[Any]) -> None:
    *_, (before, verdict) = play(file, [*history, (1.0, NOTHING)])
    assert verdict.wanted.wanted >= before


@every_policy
@given(history=HISTORIES)
@some
def test_same_history_leads_to_the_same_decisions(file: PolicyFile, history: list[Any]) -> None:
    assert play(file, history) == play(file, history)
