"""A run as flows: held against the run of single requests, on a larger scale, and in its folder."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from controller.model import Instance, Phase, Sample
from experiments.cli import main
from experiments.loading import load_run
from experiments.processes import RunError
from experiments.scenario import load_scenario
from experiments.simulator.engine import Simulation
from experiments.simulator.flows import Answers, Samples
from experiments.simulator.fluid import FluidSimulation, Scale
from experiments.simulator.run import MemoryJournal, simulate_flows
from loadgen.load import OpenLoad
from report.__main__ import load_singles
from tests.experiments.build import QUEUE, RAMP, REJECT, changed, default, exactly, load, policy

QUICK = {"rules": [
    {"when": {"metric": "rate_per_instance", "above": 9.0}, "then": {"add": "200%"}},
    {"when": {"metric": "rate_per_instance", "above": 7.0, "for_s": 0.5}, "then": {"add": "25%"}, "cooldown_s": 0.5},
    {"when": {"metric": "rate_per_instance", "below": 5.0, "for_s": 3.0}, "then": {"remove": 1}, "cooldown_s": 2.0},
]}  # fmt: skip
TIGHT = {"target": {"rate_per_instance": 10.5, "tolerance": 0.05, "drain_queue_s": 1.0}}


@pytest.fixture(autouse=True)
def own_signals(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command's handlers are not for the process that runs the tests."""
    monkeypatch.setattr("signal.signal", lambda *_: None)


def figures(simulation: Simulation | FluidSimulation, journal: MemoryJournal) -> tuple[float, float]:
    """Instance-seconds, and the share that was not served."""
    made = simulation.run(settle_s=5)
    ticks = [(event["t_s"], event["in_service"]) for event in journal.events if event["event"] == "tick"]
    instance_seconds = sum(count * (later_s - t_s) for (t_s, count), (later_s, _) in pairwise(ticks))
    if isinstance(made, list):
        return instance_seconds, sum(record.outcome != "served" for record in made) / len(made)
    _, offered, _, rejected, failed, _ = made.ticks[-1]
    return instance_seconds, (rejected + failed) / offered


@pytest.mark.parametrize("scenario", ["ramp", "step"])
@pytest.mark.parametrize(
    ("settings", "within"),
    [
        ({"service": REJECT, "policy": QUICK, "rate_window_s": 0.3, "apply": "reload"}, 0.03),
        ({"service": REJECT, "policy": QUICK, "rate_window_s": 0.3, "boot": "exec"}, 0.03),
        ({"service": QUEUE, "limits": {"stabilise_down_s": 8}}, 0.03),
        ({"service": QUEUE, "policy": TIGHT, "limits": {"stabilise_down_s": 4}}, 0.05),
        (
            {"service": QUEUE, "apply": "reload", "limits": {"stabilise_down_s": 8}},
            0.1,
        ),  # what lies behind is told late
    ],
    ids=["reject", "reject-exec", "queue", "queue-tight", "queue-reload"],
)
def test_flows_come_to_what_single_requests_come_to(scenario: str, settings: dict[str, Any], within: float) -> None:
    made, offered = policy(**settings), load_scenario(scenario, {}).load
    assert isinstance(offered, OpenLoad)
    one, other = MemoryJournal(), MemoryJournal()
    cost, lost = figures(Simulation(made, offered, default(), 1, one), one)
    flow_cost, flow_lost = figures(FluidSimulation(made, offered, default(), 1, other), other)
    assert flow_cost == pytest.approx(cost, rel=within)
    assert flow_lost == pytest.approx(lost, abs=0.01)


def test_the_journal_has_the_events_of_a_run_of_requests_but_for_first_answers() -> None:
    journal, offered = MemoryJournal(), load(**RAMP)
    assert isinstance(offered, OpenLoad)
    FluidSimulation(policy(instances={"min": 1, "max": 9, "standby": 2}), offered, default(), 1, journal).run(5)
    assert {event["event"] for event in journal.events} == {"start", "tick", "decision", "instance", "apply", "stop"}
    assert {event["phase"] for event in journal.events if event["event"] == "instance"} == {
        "BOOTING", "STANDBY", "IN_SERVICE", "DRAINING", "STOPPING", "GONE",
    }  # fmt: skip
    assert [event["t_s"] for event in journal.events] == sorted(event["t_s"] for event in journal.events)
    ticks = [event for event in journal.events if event["event"] == "tick"]
    assert max(tick["cpu_percent"] or 0 for tick in ticks) > 0
    assert {tick["standby"] for tick in ticks if tick["t_s"] > 30} >= {2}


def test_many_hosts_have_many_times_the_load_and_the_fleet() -> None:
    made, offered, scale = policy(policy=TIGHT, service=QUEUE, tick_s=1.0), load(**RAMP), Scale(30, stretch=4)
    assert isinstance(offered, OpenLoad)
    journal, larger = MemoryJournal(), scale.fleet(made)
    flows = FluidSimulation(larger, offered, default(), 1, journal, scale=scale).run(5)
    assert larger.instances.max == 600
    assert flows.ticks[-1][1] == pytest.approx(30 * 4 * 22.5 * 30, abs=1)  # so many arrivals
    assert 100 < max(event["in_service"] for event in journal.events if event["event"] == "tick") < 150
    assert flows.ticks[-1][0] == pytest.approx(default().run.load_from_s + 120 + 5, abs=3)


def test_latencies_are_the_answers_times_and_the_waits_together() -> None:
    service = changed(default(), service={"get": exactly(5), "integral": exactly(5)}).service
    offered = load(**RAMP)
    assert isinstance(offered, OpenLoad)
    answers = Answers(service, offered)
    assert answers.latencies_ms([0.0, 0.0], [0.0, 0.0]) is None
    assert answers.latencies_ms([10.0, 10.0], [0.0, 0.0]) == pytest.approx((5, 5, 5, 5))
    assert answers.latencies_ms([90.0, 10.0], [0.0, 2.0]) == pytest.approx((5, 2005, 2005, 2005))
    assert Answers(service, offered, exactly(2)).latencies_ms([1.0], [0.0]) == pytest.approx((7, 7, 7, 7))


def test_instances_are_shown_to_policies_when_these_look() -> None:
    instances = [Instance(1, "web-1", Phase.IN_SERVICE, 1.0, 2.0), Instance(2, "web-2", Phase.BOOTING, 3.0, 3.0)]
    samples = Samples(instances, 12.5, 3)
    assert len(samples) == 2
    assert list(samples) == [
        Sample("web-1", Phase.IN_SERVICE, 1.0, 2.0, 12.5, 3),
        Sample("web-2", Phase.BOOTING, 3.0, 3.0),
    ]
    assert samples[1] == list(samples)[1]


def test_the_folder_of_a_run_as_flows_is_read_and_the_report_leaves_it_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario = load_scenario("ramp", {"highest_rps": 30, "duration_s": 30})
    folder, told = simulate_flows("ramp", scenario, tmp_path, default(), 1, Scale(2, stretch=3))
    assert {path.name for path in folder.iterdir()} == {
        "run.json", "policy.yaml", "given-rules.yaml", "journal.jsonl", "flows.csv", "samples.csv", "oracle.csv",
        "demand.csv", "summary.json",
    }  # fmt: skip
    run = load_run(folder)
    assert run.requests.empty
    assert run.flows["offered"].sum() == told["offered"] == 2 * 3 * 30 * 17.5
    assert run.flows["t_s"].tolist() == run.ticks["t_s"].tolist()
    assert run.policy["instances"]["max"] == 40
    assert (run.info["duration_s"], run.info["simulation"]["fidelity"]) == (90, "flows")
    assert told["slo_violation_s"] is None
    assert told["cost_ratio"] > 1
    assert load_singles(tmp_path)[0] == []
    assert "simulated as flows" in capsys.readouterr().err


def test_a_summary_of_flows_has_the_keys_of_any_other(tmp_path: Path) -> None:
    short = ["simulate", "ramp", "--peak", "30", "--duration", "25", "--results"]
    assert main([*short, str(tmp_path / "requests")]) == 0
    assert main([*short, str(tmp_path / "flows"), "--fluid", "--hosts", "2", "--stretch", "1.5"]) == 0
    summaries = [json.loads(path.read_text()) for path in tmp_path.glob("*/*/summary.json")]
    assert summaries[0].keys() == summaries[1].keys()


def test_a_scale_is_for_flows_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "ramp", "--hosts", "3", "--results", str(tmp_path)]) == 2
    assert capsys.readouterr().err == "experiments: --hosts and --stretch need --fluid\n"


def test_users_that_wait_are_no_flow(tmp_path: Path) -> None:
    closed = load_scenario("ramp", {}).model_copy(update={"load": load(mode="closed", users=3)})
    with pytest.raises(RunError, match="users that wait for their answers are no flow"):
        simulate_flows("ramp", closed, tmp_path, default(), 1, Scale())
    assert not list(tmp_path.iterdir())
