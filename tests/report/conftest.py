from pathlib import Path

import pytest

from tests.report.synthetic import write_run


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one made-up run, to be copied."""
    results = tmp_path_factory.mktemp("source")
    write_run(results, "20261121-031500-ramp")
    return results / "20261121-031500-ramp"
