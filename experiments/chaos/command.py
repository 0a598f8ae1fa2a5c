"""The commands `chaos` and `soak`."""

import argparse
import secrets
from pathlib import Path
from typing import Any

from experiments.machine import ROOT
from experiments.processes import say
from loadgen.specs import MOST_S, MOST_SEED

CHAOS_S, QUICK_S, LEAST_S = 600.0, 30.0, 20.0


def add_options(commands: Any) -> None:
    """Put the commands beside the others."""
    what = (
        "Break what can be broken, at random under load, on real containers (needs root), and tell whether what is "
        "promised was kept: exit status 0, else 1."
    )
    chaos = commands.add_parser("chaos", help="random faults under load", description=what)
    chaos.add_argument("--seed", type=_seed, metavar="N", help="of load and faults; default: a new one, which is told")
    chaos.add_argument("--duration", type=_duration, default=CHAOS_S, metavar="S", help="default %(default)g")
    chaos.add_argument("--quick", action="store_true", help=f"{QUICK_S:g} s in all, one fault after the other")
    chaos.add_argument("--faults", metavar="KIND[,KIND]", help="these kinds only")
    chaos.add_argument(
        "--results", type=lambda text: Path(text).resolve(), default=ROOT / "results", metavar="DIR",
        help="default: results/",
    )  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """`chaos`."""
    # Imported late: it needs liblxc.
    from experiments.chaos.plan import CHAOS, QUICK, chosen
    from experiments.chaos.run import run_chaos

    kinds, note = chosen(options.faults)
    if note:
        say(note)
    seed = secrets.randbelow(MOST_SEED + 1) if options.seed is None else options.seed
    pace, duration_s = (QUICK, QUICK_S) if options.quick else (CHAOS, options.duration)
    return 0 if run_chaos(seed, duration_s, kinds, pace, options.results) else 1


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
