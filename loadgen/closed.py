"""Locustfile: a closed loop, users that wait for each response before they send the next request.

    locust -f loadgen/closed.py --headless --users 10

Such users ask less when the server is slow, and so hide how late it is: for comparison with open-loop loads.
Its options are the fields of load.ClosedLoad and sending.Sending; see README.md.
"""

import sys
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[1]))  # Locust puts only this folder into the path

from loadgen.forms import closed_form
from loadgen.user import LoadUser


class ClosedUser(LoadUser):
    """Waits for its response."""

    form = closed_form()
