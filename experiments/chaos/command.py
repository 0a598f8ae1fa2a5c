"""The commands `chaos`, `leaks` and `soak`."""

import argparse
import secrets
from pathlib import Path
from typing import Any

from experiments.machine import ROOT
from experiments.processes import say
from loadgen.specs import MOST_S, MOST_SEED

CHAOS_S, QUICK_S, SOAK_S, LEAST_S = 600.0, 20.0, 3600.0, 20.0
CYCLES, MOST_CYCLES = 1000, 1_000_000


def add_options(commands: Any) -> None:
    """Put the commands beside the others."""
    what = (
        "Break what can be broken, at random under load, on real containers (needs root), and tell whether what is "
        "promised was kept: exit status 0, else 1."
    )
    chaos = commands.add_parser("chaos", help="random faults under load", description=what)
    chaos.add_argument("--quick", action="store_true", help=f"{QUICK_S:g} s in all, one fault after the other")
    chaos.add_argument("--faults", metavar="KIND[,KIND]", help="these kinds only")
    what = (
        "Start and stop instances and reload HAProxy as fast as it goes, on real containers (needs root), and tell "
        "whether everything is there as often as it was, and memory is what it was: exit status 0, else 1."
    )
    leaks = commands.add_parser("leaks", help="starts, stops and reloads: does anything leak", description=what)
    leaks.add_argument("--cycles", type=_cycles, default=CYCLES, metavar="N", help="starts, default %(default)d")
    what = (
        "Offer a load that comes and goes for an hour, with a fault now and then, on real containers (needs root), and "
        "tell whether memory stays flat and everything is there as often as it was: exit status 0, else 1."
    )
    soak = commands.add_parser("soak", help="an hour of load: does anything leak", description=what)
    for command, default_s in ((chaos, CHAOS_S), (soak, SOAK_S)):
        command.add_argument("--seed", type=_seed, metavar="N", help="of load and faults; default: a new one, told")
        command.add_argument("--duration", type=_duration, default=default_s, metavar="S", help="default %(default)g")
    for command in (chaos, leaks, soak):
        command.add_argument(
            "--results", type=lambda text: Path(text).resolve(), default=ROOT / "results", metavar="DIR",
            help="default: results/",
        )  # fmt: skip


def run_chaos(options: argparse.Namespace) -> int:
    """`chaos`."""
    # Imported late, as below: it needs liblxc.
    from experiments.chaos import run
    from experiments.chaos.plan import CHAOS, QUICK, chosen

    kinds, note = chosen(options.faults)
    if note:
        say(note)
    pace, duration_s = (QUICK, QUICK_S) if options.quick else (CHAOS, options.duration)
    return 0 if run.run_chaos(_seed_of(options), duration_s, kinds, pace, options.results) else 1


def run_leaks(options: argparse.Namespace) -> int:
    """`leaks`."""
    from experiments.soak import leaks

    return 0 if leaks.run_leaks(options.cycles, options.results) else 1


def run_soak(options: argparse.Namespace) -> int:
    """`soak`."""
    from experiments.soak import run

    return 0 if run.run_soak(_seed_of(options), options.duration, options.results) else 1


COMMANDS = {"chaos": run_chaos, "leaks": run_leaks, "soak": run_soak}


def _seed_of(options: argparse.Namespace) -> int:
    """The one that is given, or one that was never used before."""
    return secrets.randbelow(MOST_SEED + 1) if options.seed is None else int(options.seed)


def _cycles(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_CYCLES:
        raise argparse.ArgumentTypeError(f"{text!r} is not an integer from 1 to {MOST_CYCLES}")
    return int(text)


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) > MOST_SEED:
        raise argparse.ArgumentTypeError(f"{text!r} is not an integer from 0 to {MOST_SEED}")
    return int(text)


def _duration(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not LEAST_S <= value <= MOST_S:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from {LEAST_S:g} to {MOST_S}")
    return value
