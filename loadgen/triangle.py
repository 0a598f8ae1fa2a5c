"""Locustfile: requests at a rate that rises and falls in straight lines, again and again.

    locust -f loadgen/triangle.py --headless

goes from 5 to 100 requests/s and back within a minute, three times.
Its options are the fields of specs.Triangle, load.OpenLoad and sending.Sending; see README.md.
"""

import sys
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[1]))  # Locust puts only this folder into the path

from loadgen.forms import shape_form
from loadgen.specs import Triangle
from loadgen.user import LoadUser


class TriangleUser(LoadUser):
    """Goes up and down."""

    form = shape_form(Triangle)
