"""A twenty-fold step, and the ramp, in each mode: what is not served, and how late the answers come."""

import itertools
import subprocess
from pathlib import Path
from typing import Any

import yaml

from experiments.bench.model import Context, Series
from experiments.bench.testbed import ENTRY, Policy, Testbed, controller
from experiments.machine import ROOT
from experiments.runner import LOCUST, RunError, end, tail
from experiments.scenario import load_scenario
from experiments.summary import read_requests, request_figures
from loadgen.ledger import Record
from loadgen.summary import summarise

STEP = ["--low=5", "--high=100", "--before=5", "--duration=20"]
QUICK_STEP = ["--low=5", "--high=100", "--before=5", "--duration=10"]
QUICK_RAMP = {"duration_s": 20.0}
LOAD_S = 300.0  # the longest that a load may take
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
    return _run(context, "step", QUICK_STEP if context.quick else STEP)


def run_ramp(context: Context) -> list[Series]:
    """The load of the scenario of that name."""
    load = load_scenario("ramp", QUICK_RAMP if context.quick else {}).load
    return _run(context, "ramp", load.arguments())


def _run(context: Context, shape: str, options: list[str]) -> list[Series]:
    found = []
    for number, (mode, policy) in enumerate(modes().items(), start=1):
        if context.quick and number > 1:
            break
        context.say(f"{shape} of the load, {mode}")
        with controller(context, f"{shape}-{number}", policy) as testbed:
            testbed.await_fleet(1)
            records = _offer(context.folder / f"{shape}-{number}", shape, options, testbed)
        found += _series(context, mode, records)
    return found


def _offer(folder: Path, shape: str, options: list[str], testbed: Testbed) -> list[Record]:
    """Run Locust; the requests. It has to keep its schedule while the fleet is busy on the same cores."""
    csv, log = folder / "requests.csv", folder / "locust.log"
    command = ["nice", "-n", "-10", LOCUST, "-f", f"loadgen/{shape}.py", "--headless", "--host", f"http://{ENTRY}",
               "--requests-csv", str(csv), *options]  # fmt: skip
    with log.open("wb") as output:
        locust = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
        try:
            testbed.await_(lambda: locust.poll() is not None, "the end of the load", LOAD_S)
        finally:
            end(locust)
    if locust.returncode != 0:
        raise RunError(f"Locust ended with {locust.returncode}: {tail(log)}")
    return read_requests(csv, 0.0)


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
