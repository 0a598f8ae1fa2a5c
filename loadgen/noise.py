"""Locustfile: requests at a rate that wanders around its mean.

    locust -f loadgen/noise.py --headless

offers 20 requests/s, give or take 10, for three minutes.
Its options are the fields of specs.Noise, load.OpenLoad and sending.Sending; see README.md.
"""

import sys
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[1]))  # Locust puts only this folder into the path

from loadgen.forms import shape_form
from loadgen.specs import Noise
from loadgen.user import LoadUser


class NoiseUser(LoadUser):
    """Wanders."""

    form = shape_form(Noise)
