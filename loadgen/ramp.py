"""Locustfile: requests at a rate that rises in a straight line and falls again.

    locust -f loadgen/ramp.py --headless

goes from 5 to 100 requests/s and back within three minutes. The options, which Locust's --help does not show because
it is printed before a locustfile is read: --low, --peak, --duration here, and COMMON_OPTIONS in loadgen/options.py.
Each is an environment variable too: LOADGEN_PEAK for --peak.
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
RAMP_OPTIONS = (
    number("--low", 5.0, 0, MAX_RATE_RPS, "requests/s", "requests/s at the start and the end"),
    number("--peak", 100.0, 0, MAX_RATE_RPS, "requests/s", "requests/s in the middle"),
    number("--duration", 180.0, 0.1, 86_400, "seconds", "seconds up and down again"),
)


class RampUser(OpenLoopUser):
    """Walks the ramp."""

    @classmethod
    def shape_of(cls, namespace: Namespace) -> shapes.Shape:
        """The ramp for the parsed options; raises OptionError when they make none."""
        values = values_of(namespace, RAMP_OPTIONS)
        if values["low"] > values["peak"]:
            raise OptionError(f"--low {values['low']:g} is not legal: at most --peak, which is {values['peak']:g}, is")
        return shapes.ramp(values["low"], values["peak"], values["duration"])


register_options(RAMP_OPTIONS)
