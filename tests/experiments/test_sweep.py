import json
import math
from pathlib import Path

import pandas as pd
import pytest

from experiments import sweep
from experiments.cli import main
from experiments.machine import ROOT
from experiments.metrics.capacity import capacity_of
from experiments.simulator.parameters import load_parameters
from experiments.simulator.run import settings_of

PARAMETERS = load_parameters()


def cell(slope_rps2: float, boot_s: float, seed: int = 1) -> sweep.Cell:
    settings = settings_of(ROOT / sweep.POLICY)
    capacity = capacity_of(settings.model_dump(mode="json"))
    parameters = sweep.with_boot(PARAMETERS, settings.boot, boot_s)
    return sweep.cell(settings, parameters, capacity, slope_rps2, boot_s, seed)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweep of few cells."""
    monkeypatch.setattr(sweep, "BOOTS_S", (0.05, 1.0))
    monkeypatch.setattr(sweep, "SLOPES_RPS2", (32.0, math.inf))
    monkeypatch.setattr(sweep, "SEEDS", (1, 2))
    monkeypatch.setattr(sweep, "HOLD_S", 5.0)


@pytest.mark.parametrize("slope", [1.0, 8.0, math.inf])
def test_a_rise_has_its_slope_between_the_two_rates(slope: float) -> None:
    curve = sweep.rise(slope, 1).curve()
    up_s = (sweep.HIGH_RPS - sweep.LOW_RPS) / slope
    assert curve.rate(sweep.BEFORE_S - 0.01) == sweep.LOW_RPS
    assert curve.rate(sweep.BEFORE_S + up_s + 0.01) == pytest.approx(sweep.HIGH_RPS)
    assert curve.rate(curve.duration_s - 0.01) == pytest.approx(sweep.HIGH_RPS)
    if up_s:
        assert curve.rate(sweep.BEFORE_S + up_s / 2) == pytest.approx((sweep.LOW_RPS + sweep.HIGH_RPS) / 2)


def test_slow_boots_and_steep_rises_cost_more_and_the_same_cell_costs_the_same() -> None:
    gentle, steep, slow = cell(8.0, 0.05), cell(math.inf, 0.05), cell(math.inf, 1.0)
    assert (gentle.too_few_s, gentle.not_served) == (0.0, 0)
    assert 0 < steep.too_few_s < slow.too_few_s
    assert 0 < steep.not_served < slow.not_served < slow.offered
    assert cell(math.inf, 1.0) == slow


def test_only_the_boots_of_the_policy_s_way_take_another_time() -> None:
    changed = sweep.with_boot(PARAMETERS, "zygote", 0.7)
    boot = changed.instances.zygote
    assert [each.median_ms for each in (boot.clone, boot.address, boot.application)] == [700, 0, 0]  # type: ignore[union-attr]
    assert boot.slowdown == 0
    assert boot.cpu == PARAMETERS.instances.zygote.cpu
    assert changed.instances.exec == PARAMETERS.instances.exec
    assert changed.balancer == PARAMETERS.balancer


@pytest.mark.usefixtures("small")
def test_a_sweep_leaves_a_row_a_simulation_and_what_it_was_made_of(tmp_path: Path) -> None:
    assert not sweep.is_known(tmp_path, quick=True)
    folder = sweep.sweep(tmp_path, PARAMETERS)
    frame = pd.read_csv(folder / sweep.FILE)
    places = frame[["boot_s", "slope_rps2", "seed"]].itertuples(index=False, name=None)
    assert list(places) == [(b, s, n) for b in (0.05, 1.0) for s in (32.0, math.inf) for n in (1, 2)]
    told = json.loads((folder / sweep.FACTS).read_text())
    assert (told["policy_file"], told["repeats"], told["boots_at_once"]) == ("rules.yaml", 2, PARAMETERS.cores)
    assert told["policy"]["tick_s"] == settings_of(ROOT / "rules.yaml").tick_s


@pytest.mark.usefixtures("small")
def test_a_sweep_is_known_while_the_policy_is_the_same_and_it_has_the_repeats(tmp_path: Path) -> None:
    folder = sweep.sweep(tmp_path, PARAMETERS, quick=True)
    assert sweep.is_known(tmp_path, quick=True)
    assert not sweep.is_known(tmp_path)
    told = json.loads((folder / sweep.FACTS).read_text())
    (folder / sweep.FACTS).write_text(json.dumps({**told, "policy": {}}))
    assert not sweep.is_known(tmp_path, quick=True)
    for repeats in ("3", None, [3]):
        (folder / sweep.FACTS).write_text(json.dumps({**told, "repeats": repeats}))
        assert not sweep.is_known(tmp_path, quick=True)
    (folder / sweep.FACTS).write_text("{")
    assert not sweep.is_known(tmp_path, quick=True)


@pytest.mark.usefixtures("small")
def test_the_whole_set_has_one_sweep_and_a_part_of_it_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr("experiments.suite.Suite.execute", lambda _: True)
    everything = ["all", "--quick", "--results", str(tmp_path)]
    assert main([*everything, "--only", "ramp"]) == 0
    assert list(tmp_path.iterdir()) == []
    assert main(everything) == 0
    assert main(everything) == 0
    (folder,) = tmp_path.iterdir()
    assert folder.name.startswith("sweep-")


@pytest.mark.usefixtures("small")
def test_the_command_tells_where_the_sweep_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("signal.signal", lambda *_: None)
    assert main(["sweep", "--quick", "--results", str(tmp_path)]) == 0
    (folder,) = tmp_path.iterdir()
    assert capsys.readouterr().out.splitlines() == [
        "simulating 4 rises of the load, by slope and boot time", f"what came of them lies in {folder}"
    ]  # fmt: skip
