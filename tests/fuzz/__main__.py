"""Coverage-guided fuzzing: `python -m tests.fuzz TARGET --seconds 600`, or `all`.

Each target runs in a process of its own for so many seconds of CPU time, and ends at the first finding. What it learnt
is kept in build/fuzz/TARGET/corpus, what it found in build/fuzz/TARGET/findings; `--input FILE` checks one input
again, without the fuzzer. Exit status: 0 when nothing was found, 1 when something was, 2 when it cannot run.
"""

import argparse
import importlib.util
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.fuzz.campaign import Campaign
from tests.fuzz.target import SLOW_S, at_most
from tests.fuzz.targets import FAMILIES, target_of

API = "tests.fuzz.api"  # fuzzes the application over HTTP: a process of its own, with other means


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz the parsers.")
    made.add_argument("target", choices=["all", "api", *FAMILIES], metavar="TARGET",
                      help=f"all, or one of: api, {', '.join(FAMILIES)}")  # fmt: skip
    made.add_argument("--seconds", type=float, default=600, help="CPU time of each target (default %(default)g)")
    made.add_argument("--jobs", type=int, default=1, help="targets at once (default %(default)d)")
    made.add_argument("--input", type=Path, metavar="FILE", help="check this input only")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    if options.input is not None:
        with at_most(SLOW_S):
            target_of(options.target).check(options.input.read_bytes())
        return 0
    if importlib.util.find_spec("atheris") is None:
        print("fuzz: Atheris is not installed here; it exists for Python 3.11 to 3.13 on x86_64", file=sys.stderr)
        return 2
    names = ["api", *FAMILIES] if options.target == "all" else [options.target]
    return 0 if _all_well(names, options.seconds, options.jobs) else 1


def _all_well(names: Sequence[str], seconds: float, jobs: int) -> bool:
    with ThreadPoolExecutor(jobs) as pool:
        outcomes = dict(zip(names, pool.map(lambda name: _run(name, seconds), names), strict=True))
    found = [name for name, well in outcomes.items() if not well]
    _say(f"{len(names)} targets: {'found something in ' + ', '.join(found) if found else 'nothing found'}")
    return not found


def _run(name: str, seconds: float) -> bool:
    if name != "api":
        return Campaign(name, seconds, _say).run()
    return subprocess.run([sys.executable, "-m", API, "--seconds", f"{seconds:g}"], check=False).returncode == 0


def _say(words: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {words}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
