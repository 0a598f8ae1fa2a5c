from collections.abc import Iterator
from pathlib import Path

import pytest

from report import typeset
from tests.report.synthetic import copy_run, write_run


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one made-up run, to be copied."""
    results = tmp_path_factory.mktemp("source")
    write_run(results, "20261121-031500-ramp")
    return results / "20261121-031500-ramp"


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory, source: Path) -> Path:
    """A run that is drawn quickly."""
    folder = copy_run(tmp_path_factory.mktemp("small"), source, source.name, {}, {})
    requests = (folder / "requests.csv").read_text().splitlines()
    (folder / "requests.csv").write_text("".join(f"{line}\n" for line in requests[:200]))
    events = [line for line in (folder / "journal.jsonl").read_text().splitlines() if '"tick"' in line]
    (folder / "journal.jsonl").write_text("".join(f"{line}\n" for line in events[:60]))
    return folder


@pytest.fixture(scope="session", autouse=True)
def no_last_resort() -> Iterator[None]:
    """What no page can be made of fails a test, and is not left out."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typeset, "FAULTS", ())
        yield
