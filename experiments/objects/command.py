"""`python -m experiments objects`."""

from __future__ import annotations

import argparse
from pathlib import Path

from experiments.objects import checker, clients
from experiments.objects.history import History, HistoryError
from experiments.processes import RunError, say

URL = "http://127.0.0.1:8080"


def add_options(command: argparse.ArgumentParser) -> None:
    """The options of the command."""
    command.add_argument("--url", default=URL, help=f"the entry point, default: {URL}")
    command.add_argument("--duration", type=float, default=10.0, dest="duration_s", metavar="S", help="default: 10")
    command.add_argument("--rate", type=float, default=100.0, dest="rate_rps", metavar="RPS", help="default: 100")
    command.add_argument("--seed", type=int, default=1, metavar="N", help="of the requests, default: 1")
    command.add_argument("--output", type=Path, metavar="FILE", help="keep the history, one JSON object a line")
    command.add_argument("--check", type=Path, metavar="FILE", help="check this history instead of making one")


def run(options: argparse.Namespace) -> int:
    """Make or load a history, and judge it; 1 when it does not hold."""
    try:
        history = History.load(options.check) if options.check else _made(options)
    except (HistoryError, ValueError) as error:
        raise RunError(str(error)) from error
    if options.output:
        history.save(options.output)
    verdict = checker.check(history)
    say(verdict.text())
    return 0 if verdict.holds else 1


def _made(options: argparse.Namespace) -> History:
    if not 0 < options.duration_s <= 86400 or not 0 < options.rate_rps <= 10000:
        raise RunError("--duration and --rate are more than 0, and at most 86400 s and 10000 requests a second")
    return clients.run(options.url, options.duration_s, options.rate_rps, options.seed)
