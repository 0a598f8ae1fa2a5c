"""How much faster than the clock the simulator is, with single requests and with flows, on one core."""

import time

from controller.config import PolicyFile
from experiments.bench.model import Context, Samples, Series
from experiments.deciding import settings_of
from experiments.scenario import load_scenario
from experiments.simulator.engine import Simulation
from experiments.simulator.fluid import FluidSimulation, Scale
from experiments.simulator.parameters import load_parameters
from experiments.simulator.run import MemoryJournal
from loadgen.load import OpenLoad

REPEATS, QUICK_REPEATS = 10, 2
REQUESTS, FLOWS = "single requests", "flows"
SLOW = {
    "tick_s": 15, "rate_window_s": 15, "boot": "zygote", "apply": "runtime", "limits": {"stabilise_down_s": 300},
    "policy": {"target": {"rate_per_instance": 7}},
}  # fmt: skip
RAMP = "× real time: the ramp of 180 s under rules.yaml, ten ticks a second"
HOUR = "× real time: a ramp of an hour under target, four ticks a minute"
DAY = "× real time: a ramp of a day under target, four ticks a minute, up to {} instances"
HOSTS = (1, 70)  # for the day; with twenty instances each


def run(context: Context) -> list[Series]:
    """Load and policy are read before; the journal is kept in memory."""
    parameters, scenario, samples = load_parameters(), load_scenario("ramp", {}), Samples("×")
    rules, slow = settings_of(scenario, "rules.yaml"), PolicyFile.model_validate(SLOW)
    hour = load_scenario("ramp", {"duration_s": 3600}).load
    assert isinstance(scenario.load, OpenLoad) and isinstance(hour, OpenLoad)
    for number in range(QUICK_REPEATS if context.quick else REPEATS):
        for what, settings, load in ((RAMP, rules, scenario.load), (HOUR, slow, hour)):
            samples.add(REQUESTS, what, _speed(Simulation(settings, load, parameters, number, MemoryJournal())))
            samples.add(FLOWS, what, _speed(FluidSimulation(settings, load, parameters, number, MemoryJournal())))
        for hosts in HOSTS:
            scale = Scale(hosts, stretch=24)
            larger = scale.fleet(slow)
            day = FluidSimulation(larger, hour, parameters, number, MemoryJournal(), scale=scale)
            samples.add(FLOWS, DAY.format(larger.instances.max), _speed(day))
    return samples.series()


def _speed(simulation: Simulation | FluidSimulation) -> float:
    """Simulated seconds in a second of one core."""
    began_s = time.process_time()
    simulation.run(settle_s=5)
    return simulation.now_s / (time.process_time() - began_s)
