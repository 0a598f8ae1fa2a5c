"""Locustfile: two waves of requests.

    locust -f loadgen/double_wave.py --headless

goes from 5 to 100 requests/s and back, and then to 60.
Its options are the fields of specs.DoubleWave, load.OpenLoad and sending.Sending; see README.md.
"""

import sys
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[1]))  # Locust puts only this folder into the path

from loadgen.forms import shape_form
from loadgen.specs import DoubleWave
from loadgen.user import LoadUser


class DoubleWaveUser(LoadUser):
    """Rides both waves."""

    form = shape_form(DoubleWave)
