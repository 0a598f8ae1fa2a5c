"""What docs/policies.md says of each policy."""

import re
import sys
from pathlib import Path

import pytest

from tests.controller.build import ROOT

PAGE = ROOT / "docs" / "policies.md"


def section(name: str) -> str:
    """The words under a policy's heading."""
    found = re.search(rf"^## {re.escape(name)}\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert found, f"{PAGE.name} has no section {name}: .venv/bin/python -m scripts.policy_docs"
    return found[1]


def code(text: str, language: str) -> list[str]:
    """The blocks of code in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def example(name: str, folder: Path, patch: pytest.MonkeyPatch) -> Path:
    """The policy's example as a file, with the class beside it that it may name."""
    words = section(name)
    for python in code(words, "python"):
        (folder / "steps.py").write_text(python)
        patch.syspath_prepend(folder)
        patch.delitem(sys.modules, "steps", raising=False)
    (yaml,) = code(words, "yaml")
    file = folder / f"{name}.yaml"
    file.write_text(yaml)
    return file
