"""A twenty-fold step, and the ramp, in each mode: what is not served, and how late the answers come."""

import itertools
from typing import Any

import yaml

from experiments.bench.model import Context, Series
from experiments.machine import ROOT
from experiments.scenario import load_scenario
from experiments.summary import request_figures
from experiments.testbed import Policy, controller, offer
from loadgen.ledger import Record
from loadgen.load import Load, parse_load
from loadgen.summary import summarise

STEP = {"shape": "step", "low_rps": 5, "high_rps": 100, "before_s": 5}
STEP_S, QUICK_STEP_S = 20, 10
QUICK_RAMP = {"duration_s": 20.0}
RULES, LOSSLESS = ROOT / "rules.yaml", ROOT / "experiments" / "policies" / "lossless.yaml"


def modes() -> dict[str, Policy]:
    """The policies that are compared: the shipped one with each way to treat overload and to apply a change, and the
    lossless one."""
    shipped = yaml.safe_load(RULES.read_text())
    found = {
        f"{overload} + {apply}": {**shipped, "apply": apply, "service": {**shipped["service"], "overload": overload}}
        for overload, apply in itertools.product(("reject", "queue"), ("reload", "runtime"))
    }
    return found | {LOSSLESS.name: yaml.safe_load(LOSSLESS.read_text())}


def run_step(context: Context) -> list[Series]:
    return _run(context, parse_load({**STEP, "duration_s": QUICK_STEP_S if context.quick else STEP_S}))


def run_ramp(context: Context) -> list[Series]:
    """The load of the scenario of that name."""
    load = load_scenario("ramp", QUICK_RAMP if context.quick else {}).load
    return _run(context, load)


def _run(context: Context, load: Load) -> list[Series]:
    found = []
    for number, (mode, policy) in enumerate(modes().items(), start=1):
        if context.quick and number > 1:
            break
        context.say(f"{load.shape} of the load, {mode}")
        folder = context.folder / f"{load.shape}-{number}"
        with controller(folder, policy) as testbed:
            testbed.await_fleet(1)
            records = offer(load, testbed, folder / "requests.csv")
        found += _series(context, mode, records)
    return found


def _series(context: Context, mode: str, records: list[Record]) -> list[Series]:
    figures: dict[str, Any] = request_figures(summarise(records, records[-1].due_s - records[0].due_s))
    if not figures["valid"]:
        context.note(f"{mode}: NOT VALID, the load generator did not keep its schedule: {figures['validity_note']}")
    late_ms = [1000 * (each.done_s - each.due_s) for each in records if each.outcome == "served" and each.done_s]
    shares = {
        "not served": figures["not_served_share"],
        "rejected": figures["rejected"] / figures["offered"],
        "failed": figures["failed"] / figures["offered"],
    }
    return [
        *(Series(mode, what, "%", (100 * share,), detail=what != "not served") for what, share in shares.items()),
        Series(mode, "latency of the served, from the due time", "ms", tuple(late_ms)),
    ]
