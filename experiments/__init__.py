"""Experiments on the testbed, and what came of them.

In a notebook: `run = experiments.load("results/<run-id>")`; run.ticks, run.requests and the others are pandas frames.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from experiments.loading import Run


def load(folder: "Path | str") -> "Run":
    """A complete run as pandas frames, all on one time axis, see experiments.loading.Run.

    Raises experiments.records.BrokenRun or IncompleteRun.
    """
    from pathlib import Path

    from experiments.loading import load_run  # late: pandas is slow to import, and most commands do without

    return load_run(Path(folder))
