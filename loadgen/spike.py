"""Locustfile: a flash crowd.

    locust -f loadgen/spike.py --headless

goes from 5 to 100 requests/s within five seconds, stays there for twenty and goes back.
Its options are the fields of specs.Spike, load.OpenLoad and sending.Sending; see README.md.
"""

import sys
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[1]))  # Locust puts only this folder into the path

from loadgen.forms import shape_form
from loadgen.specs import Spike
from loadgen.user import LoadUser


class SpikeUser(LoadUser):
    """Comes with the crowd."""

    form = shape_form(Spike)
