"""docs/adding-a-policy.md, followed to the letter in a copy of the sources."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from controller.reading import load
from tests.controller.build import ROOT

PAGE = (ROOT / "docs" / "adding-a-policy.md").read_text()
BLOCKS = dict(re.findall(r"^`(\S+)`[^\n]*:\n\n```\w+\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
COPIED = ("controller", "scripts", "tests/controller", "docs", "README.md", "pyproject.toml", "tests/conftest.py")
WRITTEN = ("controller/policies/latency.py", "tests/controller/policies/test_latency.py")
REGISTRY = "controller/policies/__init__.py"


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources with the policy of the page added as it says."""
    folder = tmp_path_factory.mktemp("copy")
    for name in COPIED:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    (folder / "tests" / "__init__.py").touch()
    for name in WRITTEN:
        (folder / name).write_text(BLOCKS[name])
    imported, entry = BLOCKS[REGISTRY].split("\n\n")
    put(folder / REGISTRY, "\n\n\nclass Policy", f"\n{imported}\n\n\nclass Policy")
    put(folder / REGISTRY, "\n}", f"\n{entry.rstrip()}\n}}")
    python = "| [`python`]"
    put(folder / "README.md", python, BLOCKS["README.md"] + python)
    run(folder, "-m", "scripts.policy_docs")
    return folder


def put(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1, (file, old)
    file.write_text(text.replace(old, new))


def run(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_page_names_all_that_is_written() -> None:
    assert set(BLOCKS) == {*WRITTEN, REGISTRY, "README.md", "my.yaml"}


def test_shown_files_are_in_the_style_of_the_others(copy: Path) -> None:
    run(copy, "-m", "ruff", "check", "--no-cache", *WRITTEN)


def test_shown_test_passes(copy: Path) -> None:
    told = run(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", WRITTEN[1])
    assert "2 passed" in told


def test_what_holds_for_every_policy_and_its_documentation_is_tested_at_once(copy: Path) -> None:
    folder = "tests/controller/policies"
    tests = [f"{folder}/test_every_policy.py", f"{folder}/test_documentation.py"]
    told = run(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "latency or up_to_date", *tests)
    assert re.search(r"\b8 passed", told)


def test_class_serves_by_its_name_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "latency.py").write_text(BLOCKS[WRITTEN[0]])
    (tmp_path / "my.yaml").write_text(BLOCKS["my.yaml"])
    monkeypatch.syspath_prepend(tmp_path)
    assert load(tmp_path / "my.yaml").make_policy().describe()[0] == "latency.Latency"
