"""Locustfile: requests as they were recorded.

    locust -f loadgen/trace.py --headless --file trace.csv --speed 60 --peak 80

replays a file of lines time,requests sixty times as fast, scaled so that its highest rate is 80 requests/s.
Its options are the fields of recorded.Trace, load.OpenLoad and sending.Sending; see README.md.
"""

import sys
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[1]))  # Locust puts only this folder into the path

from loadgen.forms import shape_form
from loadgen.recorded import Trace
from loadgen.user import LoadUser


class TraceUser(LoadUser):
    """Repeats what was."""

    form = shape_form(Trace)
