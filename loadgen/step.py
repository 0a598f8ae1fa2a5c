"""Locustfile: requests at a low rate that jumps to a high one and stays there.

    locust -f loadgen/step.py --headless

goes from 5 to 100 requests/s after five seconds. Options: --low, --high, --before, --duration here, and COMMON_OPTIONS
in loadgen/options.py. Each is an environment variable too: LOADGEN_HIGH for --high.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

# Locust puts the folder of this file, not the one above, in front of the path, and takes the first entry away again.
sys.path.insert(1, str(Path(__file__).resolve().parents[1]))

from loadgen import shapes
from loadgen.open_loop import OpenLoopUser, register_options
from loadgen.options import OptionError, number, values_of

MAX_RATE_RPS = 10_000
STEP_OPTIONS = (
    number("--low", 5.0, 0, MAX_RATE_RPS, "requests/s", "requests/s before the step"),
    number("--high", 100.0, 0, MAX_RATE_RPS, "requests/s", "requests/s after the step"),
    number("--before", 5.0, 0, 86_400, "seconds", "seconds until the step"),
    number("--duration", 20.0, 0.1, 86_400, "seconds", "seconds in all"),
)


class StepUser(OpenLoopUser):
    """Takes the step."""

    @classmethod
    def shape_of(cls, namespace: Namespace) -> shapes.Shape:
        """The step for the parsed options; raises OptionError when they make none."""
        values = values_of(namespace, STEP_OPTIONS)
        if values["before"] > values["duration"]:
            raise OptionError(
                f"--before {values['before']:g} is not legal: at most --duration, which is {values['duration']:g}, is"
            )
        return shapes.step(values["low"], values["high"], values["before"], values["duration"])


register_options(STEP_OPTIONS)
