"""How requests are sent, whatever the load."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from loadgen.specs import Strict


class Sending(Strict):
    """The bounds of one process, and where it notes what became of each request."""

    max_in_flight: int = Field(default=1000, ge=1, le=5000, description="requests under way, others are dropped")
    request_timeout_s: float = Field(default=10.0, ge=0.01, le=600, description="seconds until a request has failed")
    requests_csv: Path | None = Field(default=None, description="file for one row per request")
