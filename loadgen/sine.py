"""Locustfile: requests at a rate that rises and falls as a sine.

    locust -f loadgen/sine.py --headless

goes from 5 to 100 requests/s and back within a minute, three times.
Its options are the fields of specs.Sine, load.OpenLoad and sending.Sending; see README.md.
"""

import sys
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[1]))  # Locust puts only this folder into the path

from loadgen.forms import shape_form
from loadgen.specs import Sine
from loadgen.user import LoadUser


class SineUser(LoadUser):
    """Follows the sine."""

    form = shape_form(Sine)
