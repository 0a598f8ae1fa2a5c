"""Locustfile: requests and none in turn.

    locust -f loadgen/onoff.py --headless

offers 40 requests/s and none, each for twenty seconds, for three minutes.
Its options are the fields of specs.OnOff, load.OpenLoad and sending.Sending; see README.md.
"""

import sys
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[1]))  # Locust puts only this folder into the path

from loadgen.forms import shape_form
from loadgen.specs import OnOff
from loadgen.user import LoadUser


class OnOffUser(LoadUser):
    """Comes and goes."""

    form = shape_form(OnOff)
