"""Locustfile: requests at the same rate all the time.

    locust -f loadgen/constant.py --headless

offers 20 requests/s for three minutes.
Its options are the fields of specs.Constant, load.OpenLoad and sending.Sending; see README.md.
"""

import sys
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[1]))  # Locust puts only this folder into the path

from loadgen.forms import shape_form
from loadgen.specs import Constant
from loadgen.user import LoadUser


class ConstantUser(LoadUser):
    """Keeps the rate."""

    form = shape_form(Constant)
