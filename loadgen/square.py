"""Locustfile: requests at a low and a high rate in turn.

    locust -f loadgen/square.py --headless

goes from 5 to 60 requests/s and back, each for thirty seconds, for three minutes.
Its options are the fields of specs.Square, load.OpenLoad and sending.Sending; see README.md.
"""

import sys
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[1]))  # Locust puts only this folder into the path

from loadgen.forms import shape_form
from loadgen.specs import Square
from loadgen.user import LoadUser


class SquareUser(LoadUser):
    """Jumps up and down."""

    form = shape_form(Square)
