"""A twenty-fold step of the load: what is not served, and how late the answers come, for each way to meet it."""

import subprocess
from pathlib import Path
from typing import Any

import yaml

from experiments.bench.model import Context, Series
from experiments.bench.testbed import ENTRY, Policy, Testbed, controller
from experiments.machine import ROOT
from experiments.runner import LOCUST, RunError, end, tail
from experiments.summary import read_requests, request_figures
from loadgen.ledger import Record
from loadgen.summary import summarise

LOW_RPS, HIGH_RPS, BEFORE_S, DURATION_S = 5, 100, 5, 20
RULES, LOSSLESS = ROOT / "rules.yaml", ROOT / "experiments" / "policies" / "lossless.yaml"


def modes() -> dict[str, Policy]:
    """The policies that are compared: the shipped one with each way to apply and to treat overload, and the lossless
    one where there is one."""
    shipped = yaml.safe_load(RULES.read_text())
    found = {
        f"{overload} + {apply}": {**shipped, "apply": apply, "service": {**shipped["service"], "overload": overload}}
        for overload, apply in (("reject", "reload"), ("reject", "runtime"), ("queue", "runtime"))
    }
    return found | ({"lossless.yaml": yaml.safe_load(LOSSLESS.read_text())} if LOSSLESS.exists() else {})


def run(context: Context) -> list[Series]:
    found = []
    for number, (mode, policy) in enumerate(modes().items(), start=1):
        if context.quick and number > 1:
            break
        context.say(f"{LOW_RPS} → {HIGH_RPS} requests/s, {mode}")
        with controller(context, f"step-{number}", policy) as testbed:
            testbed.await_fleet(1)
            records = _offer(context.folder / f"step-{number}", 10 if context.quick else DURATION_S, testbed)
        found += _series(context, mode, records)
    return found


def _offer(folder: Path, duration_s: float, testbed: Testbed) -> list[Record]:
    """Run Locust; the requests. It has to keep its schedule while the fleet is busy on the same cores."""
    csv, log = folder / "requests.csv", folder / "locust.log"
    options: dict[str, Any] = {"low": LOW_RPS, "high": HIGH_RPS, "before": BEFORE_S, "duration": duration_s}
    command = ["nice", "-n", "-10", LOCUST, "-f", "loadgen/step.py", "--headless", "--host", f"http://{ENTRY}",
               "--requests-csv", str(csv), *(f"--{name}={value}" for name, value in options.items())]  # fmt: skip
    with log.open("wb") as output:
        locust = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
        try:
            testbed.await_(lambda: locust.poll() is not None, "the end of the load")
        finally:
            end(locust)
    if locust.returncode != 0:
        raise RunError(f"Locust ended with {locust.returncode}: {tail(log)}")
    return read_requests(csv, 0.0)


def _series(context: Context, mode: str, records: list[Record]) -> list[Series]:
    figures = request_figures(summarise(records, DURATION_S))
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
