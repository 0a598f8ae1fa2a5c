"""Locustfile: requests at a rate that rises in a straight line and falls again.

    locust -f loadgen/ramp.py --headless

goes from 5 to 100 requests/s and back within three minutes.
Its options are the fields of specs.Ramp, load.OpenLoad and sending.Sending; see README.md.
"""

import sys
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[1]))  # Locust puts only this folder into the path

from loadgen.forms import shape_form
from loadgen.specs import Ramp
from loadgen.user import LoadUser


class RampUser(LoadUser):
    """Walks the ramp."""

    form = shape_form(Ramp)
