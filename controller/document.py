"""The text of a policy file as a document: YAML, JSON, or, for Nomad, HCL. Errors are one line with their place."""

import json
import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from controller.ports import ControllerError

LARGEST_FILE = 100_000
DEEPEST = 100  # brackets in one another; to scan a line takes the square of those that are open
HCL = re.compile(r'^\s*(job|group|scaling|policy)\s*("[^"]*"\s*)*\{', re.MULTILINE)


class ConfigError(ControllerError):
    """The policy file cannot be used."""


def read_documents(path: Path) -> list[Any]:
    """The documents of a file, most often one. Raises ConfigError."""
    text = _text(path)
    if path.suffix in (".hcl", ".nomad") or (path.suffix not in (".yaml", ".yml", ".json") and HCL.search(text)):
        from controller.foreign.hcl import parse  # it takes a tenth of a second, and few need it

        try:
            return [parse(text)]
        except ValueError as error:
            raise ConfigError(f"{path}: {error}") from error
    yaml_s = path.suffix in (".yaml", ".yml")
    if path.suffix == ".json" or (not yaml_s and text.lstrip().startswith(("{\n", "[\n", '{"', "[{"))):
        return [_json(path, text)]
    return [document for document in _yaml(path, text) if document is not None] or [None]


def _text(path: Path) -> str:
    try:
        text = path.read_text()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text (byte {error.start})") from error
    except ValueError as error:
        raise ConfigError(f"{short(repr(str(path)))}: {error}") from error
    if len(text) > LARGEST_FILE:
        raise ConfigError(f"{path}: {len(text)} characters are too many for a policy; at most {LARGEST_FILE} are read")
    return text


class _Loader(yaml.SafeLoader):
    """YAML's safe loader that also refuses what a policy needs not: aliases, which can grow without end, and keys that
    are given twice, of which one would be lost silently."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem="aliases are not allowed, write the value out", problem_mark=mark)
        return super().compose_node(parent, index)

    def fetch_flow_collection_start(self, token: Any) -> Any:
        if self.flow_level == DEEPEST:
            mark = self.get_mark()
            raise yaml.MarkedYAMLError(problem=f"more than {DEEPEST} brackets are open", problem_mark=mark)
        return super().fetch_flow_collection_start(token)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            text = str(key.value)
            if text in seen:
                raise yaml.MarkedYAMLError(problem=f"{short(text)} is given twice", problem_mark=key.start_mark)
            seen.add(text)
        return super().construct_mapping(node, deep)


def _yaml(path: Path, text: str) -> list[Any]:
    """YAML's constructors let pass errors of every kind for values that are not what their form says."""
    try:
        return list(yaml.load_all(text, _Loader))
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: {_yaml_words(error)}") from error
    except RecursionError as error:
        raise ConfigError(f"{path}: is nested too deeply") from error
    except Exception as error:
        raise ConfigError(f"{path}: holds a value that YAML cannot read: {short(str(error))}") from error


def _yaml_words(error: yaml.YAMLError) -> str:
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    if mark is None:
        return " ".join(str(error).split())
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}"


def _json(path: Path, text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        raise ConfigError(f"{path}: line {error.lineno}, column {error.colno}: {error.msg}") from error
    except RecursionError as error:
        raise ConfigError(f"{path}: is nested too deeply") from error
    except ValueError as error:
        raise ConfigError(f"{path}: {short(str(error))}") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    if doubled := next((key for number, key in enumerate(keys) if key in keys[:number]), None):
        raise ValueError(f"{short(doubled)} is given twice")
    return dict(pairs)


def short(text: str) -> str:
    """In one line of a readable length."""
    text = " ".join(text.split())
    return text if len(text) <= 80 else f"{text[:77]}..."
