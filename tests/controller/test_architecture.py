"""The order of the parts, read from the source."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.controller.build import ROOT

# lower ones first
CORE = (
    "model", "window", "spelling", "policies", "limits", "judge", "actions", "roster", "backoff", "fleet", "ports",
    "shadows", "loop",
)  # fmt: skip
EDGE = ("app", "clean", "cli", "dryrun", "__main__")  # nothing below may import these
OURS = {"webapp", "controller", "loadgen", "experiments", "report", "tests"}
HOST = {"time", "os", "socket", "subprocess", "logging", "threading", "datetime", "random", "signal", "select"}


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def imports(path: Path) -> Iterator[str]:
    """The full names of all imported modules, those inside of functions included."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def part(path: Path) -> str:
    """A controller file's part: the module's name, or the folder's."""
    return path.relative_to(ROOT / "controller").parts[0].removesuffix(".py")


def called(path: Path) -> set[str]:
    """The plain names that a file calls."""
    calls = (node.func for node in ast.walk(tree(path)) if isinstance(node, ast.Call))
    return {function.id for function in calls if isinstance(function, ast.Name)}


def controller_imports(path: Path) -> set[str]:
    """The parts of the controller that a file imports."""
    parts = {part(source) for source in sources("controller")}
    names = (name.split(".") for name in imports(path) if name.startswith("controller."))
    return {name[1] for name in names if name[1] in parts} - {part(path)}


def roots(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imports(path)}


CORE_FILES = [path for path in sources("controller") if part(path) in CORE]
OTHER_FILES = [path for path in sources("controller") if part(path) not in CORE]


def named(paths: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", paths, ids=[str(path.relative_to(ROOT)) for path in paths])


def test_core_is_complete() -> None:
    assert {part(path) for path in CORE_FILES} == set(CORE)


@named(CORE_FILES)
def test_core_knows_no_clock_and_no_host(path: Path) -> None:
    allowed = {"logging"} if part(path) == "loop" else set()
    assert roots(path) & HOST <= allowed


@named(CORE_FILES)
def test_core_calls_nothing_that_reaches_outside(path: Path) -> None:
    assert not called(path) & {"open", "print", "input", "exec", "eval", "__import__"}


@named(CORE_FILES)
def test_lower_parts_of_the_core_never_import_higher_ones(path: Path) -> None:
    lower = set(CORE[: CORE.index(part(path))])
    assert controller_imports(path) <= lower


@named([path for path in OTHER_FILES if part(path) not in EDGE])
def test_nothing_below_imports_the_edge(path: Path) -> None:
    assert not controller_imports(path) & set(EDGE)


def test_imports_form_no_circle() -> None:
    left = {part(path): set[str]() for path in sources("controller")}
    for path in sources("controller"):
        left[part(path)] |= controller_imports(path)
    while free := {name for name, needs in left.items() if not needs & left.keys()}:
        left = {name: needs for name, needs in left.items() if name not in free}
    assert not left


@pytest.mark.parametrize("package", ["webapp", "controller", "loadgen"])
def test_package_imports_nothing_of_ours_but_itself(package: str) -> None:
    for path in sources(package):
        assert roots(path) & OURS <= {package}, path


def test_report_is_made_of_what_experiments_tell() -> None:
    for path in sources("report"):
        assert roots(path) & OURS <= {"report", "experiments"}, path


def test_only_containers_and_their_removal_know_lxc() -> None:
    assert [part(path) for path in sources("controller") if "lxc" in roots(path)] == ["containers", "removal"]


def test_only_the_commands_print() -> None:
    printing = {part(path) for path in sources("controller") if "print" in called(path)}
    assert printing <= {"cli", "clean"}


def test_checking_a_policy_loads_nothing_that_touches_the_host() -> None:
    """Neither root nor LXC is needed for it."""
    code = "import sys, controller.cli; print(*(set(sys.modules) & {'lxc', 'requests', 'controller.app'}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
