"""A YAML or JSON file as a document."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from loadgen.faults import Fault, shown

LARGEST_FILE = 100_000  # characters
DEEPEST = 100  # brackets in one another; to scan a line takes the square of those that are open


class DocumentError(Fault):
    """The file cannot be read; the message is one line that names it."""


class Loader(yaml.SafeLoader):
    """YAML's safe loader without aliases, with which a short file can mean an endless document."""

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


def read_document(path: Path) -> Any:
    """What is in the file. Raises DocumentError."""
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(LARGEST_FILE + 1)
        if len(text) > LARGEST_FILE:
            raise DocumentError(f"{path}: is longer than {LARGEST_FILE} characters")
        return yaml.load(text, Loader)
    except DocumentError:
        raise
    except OSError as error:
        raise DocumentError(f"{path}: {error.strerror}") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise DocumentError(f"{path}: is not YAML: {place}{error.problem}") from error
    except RecursionError as error:
        raise DocumentError(f"{path}: is nested too deeply") from error
    except Exception as error:  # YAML's constructors raise errors of every kind for values that are not what they seem
        raise DocumentError(f"{path}: is not YAML: {shown(str(error))}") from error
