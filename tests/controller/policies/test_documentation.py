"""docs/policies.md: it is up to date, and what it says is so."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from controller.config import PolicyFile
from controller.policies import POLICIES
from controller.reading import load
from scripts.policy_docs import page
from tests.controller.build import ROOT
from tests.controller.policies.documented import PAGE, example, section

MODELS = {"The policy file": PolicyFile} | {name: kind.Config for name, kind in POLICIES.items()}


def rows(name: str) -> list[tuple[str, str]]:
    """Options and their defaults in the tables of a section."""
    return re.findall(r"^\| `(\w+)` \| (.*?) \| ", section(name), re.MULTILINE)


def models(kind: Any) -> Iterator[type[BaseModel]]:
    """A model and those within it, each once a place, or those that an annotation names."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        if "root" not in kind.model_fields:
            yield kind
        for field in kind.model_fields.values():
            yield from models(field.annotation)
    for part in get_args(kind):
        yield from models(part)


def default(field: FieldInfo) -> str:
    """As the table has it; "" for what it tells in words."""
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel | list | dict):
        return ""
    told = {None: "none", "": "empty"}
    return told.get(value) or (f"`{value}`" if isinstance(value, str) else json.dumps(value).removesuffix(".0"))


def test_page_is_up_to_date() -> None:
    assert PAGE.read_text() == page(), "make it anew: .venv/bin/python -m scripts.policy_docs"


@pytest.mark.parametrize("name", MODELS)
def test_tables_name_every_option_with_its_default(name: str) -> None:
    known = {(field.alias or key, default(field)) for model in models(MODELS[name])
             for key, field in model.model_fields.items()}  # fmt: skip
    told = set(rows(name))
    assert {option for option, _ in told} == {option for option, _ in known}
    assert {row for row in known if row[1]} <= told


@pytest.mark.parametrize("name", POLICIES)
def test_example_is_a_whole_policy_file(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(example(name, tmp_path, monkeypatch))
    assert settings.policy_name == name
    assert settings.make_policy().describe()


@pytest.mark.parametrize("name", POLICIES)
def test_readme_s_table_leads_to_the_section(name: str) -> None:
    assert f"| [`{name}`](docs/policies.md#{name}) | " in (ROOT / "README.md").read_text()
