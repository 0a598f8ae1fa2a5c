"""Locustfile: the load that a YAML or JSON file describes, in the form that scenarios have it.

    locust -f loadgen/given.py --headless --load load.yaml

Its options are --load and the fields of sending.Sending; see README.md.
"""

import sys
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[1]))  # Locust puts only this folder into the path

from loadgen.forms import given_form
from loadgen.user import LoadUser


class GivenUser(LoadUser):
    """Offers what is given."""

    form = given_form()
