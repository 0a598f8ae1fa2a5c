"""From runs to parameters: what was put into a simulation must be found again in its records."""

import re
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from controller.config import PolicyFile
from experiments.processes import RunError
from experiments.scenario import load_scenario
from experiments.simulator.calibrate import Span, alone, calibrate, fitted
from experiments.simulator.compare import Recorded
from experiments.simulator.parameters import Empirical, Lognormal, Parameters, Times
from experiments.simulator.run import simulate
from tests.experiments.build import QUEUE, REJECT, changed, default, policy, simulated

MACHINE = {"cpu": "Example", "cores": 2}
BOOT = default().instances.exec.model_copy(
    update={
        "clone": Lognormal(median_ms=33, p95_ms=40),
        "address": Lognormal(median_ms=4, p95_ms=5),
        "application": Lognormal(median_ms=410, p95_ms=440),
        "slowdown": 0.7,
    }
)
TRUTH = changed(
    default(),
    instances={"exec": BOOT, "stop": Lognormal(median_ms=70, p95_ms=80), "thaw_ms": 9.0},
    balancer={
        "reload": Lognormal(median_ms=80, p95_ms=95),
        "reload_slowdown": 0.8,
        "runtime": Lognormal(median_ms=12, p95_ms=14),
        "ask_ms": 3.0,
    },
    service={
        "put": Lognormal(median_ms=9, p95_ms=12),
        "get": Lognormal(median_ms=7, p95_ms=9),
        "integral": Lognormal(median_ms=14, p95_ms=18),
        "rejected": Lognormal(median_ms=2, p95_ms=3),
        "cpu_ms": 1.8,
        "slowdown": 0.3,
    },
    run={"first_tick_s": 0.7, "load_from_s": 8.0, "lag": Lognormal(median_ms=1.5, p95_ms=4), "load_ends_s": 2.0},
)
RAMP = {"shape": "ramp", "low_rps": 5, "peak_rps": 100, "duration_s": 90}
STEP = {"shape": "step", "low_rps": 5, "high_rps": 100, "before_s": 10, "duration_s": 25}


def recorded(settings: PolicyFile, offered: dict[str, Any], seed: int = 1) -> Recorded:
    ran = simulated(settings, offered, TRUTH, seed)
    return Recorded("run", "real", ran.load, settings, 5.0, MACHINE, ran.events, ran.records)


@pytest.fixture(scope="module")
def found() -> Parameters:
    """Of runs with reloads, with rejections, and with promotions at run time."""
    rejecting = policy(service=REJECT, boot="exec", apply="reload", tick_s=0.5)
    promoting = policy(service=QUEUE, boot="exec", instances={"standby": 4})
    return fitted([recorded(rejecting, RAMP), recorded(rejecting, STEP), recorded(promoting, RAMP, 2)], default())


def median_ms(times: Times) -> float:
    return times.median_ms if isinstance(times, Lognormal) else median(times.quantiles_ms)


@pytest.mark.parametrize(
    ("part", "field"),
    [("instances", "stop"), ("balancer", "reload"), ("balancer", "runtime"), ("run", "lag"),
     *(("service", kind) for kind in ("put", "get", "integral", "rejected"))],
)  # fmt: skip
def test_durations_are_found_again(found: Parameters, part: str, field: str) -> None:
    times, truth = (getattr(getattr(parameters, part), field) for parameters in (found, TRUTH))
    assert isinstance(times, Empirical)
    assert median_ms(times) == pytest.approx(median_ms(truth), rel=0.12)


def test_parts_of_a_boot_are_found_as_they_are_alone(found: Parameters) -> None:
    boot, truth = found.instances.exec, TRUTH.instances.exec
    for part in ("clone", "address", "application"):
        assert median_ms(getattr(boot, part)) == pytest.approx(median_ms(getattr(truth, part)), rel=0.1), part


def test_slowdowns_by_boots_are_found_again(found: Parameters) -> None:
    assert found.instances.exec.slowdown == pytest.approx(0.7, abs=0.12)
    assert found.balancer.reload_slowdown == pytest.approx(0.8, abs=0.25)
    assert found.service.slowdown == pytest.approx(0.3, abs=0.12)


def test_single_figures_are_found_again(found: Parameters) -> None:
    assert found.service.cpu_ms == pytest.approx(1.8, rel=0.1)
    assert found.instances.thaw_ms == pytest.approx(9.0, rel=0.2)
    assert found.balancer.ask_ms == pytest.approx(3.0, rel=0.1)
    assert found.run.first_tick_s == pytest.approx(0.7, abs=0.01)
    assert found.run.load_from_s == pytest.approx(8.0, abs=0.01)
    assert found.run.load_ends_s == pytest.approx(2.0, abs=0.6)  # to the last tick
    assert (found.cores, found.machine) == (2, MACHINE)


def test_what_the_runs_do_not_show_is_kept_with_its_provenance(found: Parameters) -> None:
    base = default()
    assert found.instances.zygote == base.instances.zygote
    assert found.balancer.drain == base.balancer.drain
    assert found.provenance["all"] == base.provenance["all"]
    assert "instances.zygote.clone" not in found.provenance
    assert found.provenance["instances.exec.clone"].endswith(" boots by exec in the runs")
    assert found.provenance["runs"] == "run, run, run"


def test_a_calibrated_simulation_is_the_run_that_it_was_calibrated_from(found: Parameters) -> None:
    settings = policy(service=REJECT, boot="exec", apply="reload", tick_s=0.5)
    truth, again = (simulated(settings, STEP, parameters).figures for parameters in (TRUTH, found))
    assert again["instance_seconds"] == pytest.approx(truth["instance_seconds"], rel=0.05)
    assert again["not_served_share"] == pytest.approx(truth["not_served_share"], abs=0.01)


def test_of_too_few_samples_nothing_is_concluded() -> None:
    assert alone([(10.0, 0.0), (12.0, 0.0), (30.0, 1.0)]) == (None, [10.0, 12.0])
    slowdown, quiet = alone([(10.0, 0.0)] * 3 + [(15.0, 1.0)] * 3)
    assert slowdown == pytest.approx(0.5)
    assert quiet == pytest.approx([10.0] * 6)


def test_what_goes_on_beside_counts_by_its_share_of_the_time() -> None:
    span = Span(1.0, 3.0)
    assert span.beside([Span(0.0, 2.0), Span(2.5, 9.0), Span(3.0, 4.0), Span(0.0, 1.0)]) == pytest.approx(0.75)


def test_simulated_runs_are_refused(tmp_path: Path) -> None:
    scenario = load_scenario("ramp", {"highest_rps": 20, "duration_s": 10})
    folder, _ = simulate("ramp", scenario, tmp_path, default(), seed=1)
    with pytest.raises(RunError, match="is simulated, only real runs"):
        calibrate([folder], default())


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("journal.jsonl", '"took_ms"', '"what"'), ("journal.jsonl", '"clone_ms": ?[0-9.]+', '"clone_ms": "x"'),
        ("journal.jsonl", '"took_ms": ?', '"took_ms": -'), ("journal.jsonl", '"cpu_percent"', '"what"'),
        ("run.json", '"cores"', '"what"'), ("run.json", '"settle_s": ?[0-9.]+', '"settle_s": "x"'),
    ],
)  # fmt: skip
def test_a_run_that_lacks_something_is_told_in_one_line(tmp_path: Path, file: str, old: str, new: str) -> None:
    scenario = load_scenario("ramp", {"highest_rps": 60, "duration_s": 20})
    folder, _ = simulate("ramp", scenario, tmp_path, default(), seed=1)
    info = folder / "run.json"
    info.write_text(info.read_text().replace('"simulated"', '"real"'))
    calibrate([folder], default())
    text = (folder / file).read_text()
    assert re.search(old, text)
    (folder / file).write_text(re.sub(old, new, text))
    with pytest.raises(RunError, match="is no complete run") as caught:
        calibrate([folder], default())
    assert str(caught.value).isprintable()
