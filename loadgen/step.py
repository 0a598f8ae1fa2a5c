"""Locustfile: requests at a low rate that jumps to a high one.

    locust -f loadgen/step.py --headless

goes from 5 to 100 requests/s after five seconds.
Its options are the fields of specs.Step, load.OpenLoad and sending.Sending; see README.md.
"""

import sys
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[1]))  # Locust puts only this folder into the path

from loadgen.forms import shape_form
from loadgen.specs import Step
from loadgen.user import LoadUser


class StepUser(LoadUser):
    """Takes the step."""

    form = shape_form(Step)
