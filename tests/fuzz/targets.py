"""All fuzz targets by their names."""

from importlib import import_module

from tests.fuzz.target import Target

FAMILIES = {
    "policy": "policies", "kubernetes": "policies", "cloud": "policies", "nomad": "policies", "haproxy": "balancer",
    "trace": "loads", "load": "loads", "scenario": "loads", "zygote": "protocol", "options": "options",
    "records": "records",
}  # fmt: skip


def target_of(name: str) -> Target:
    """The target; no other family of parsers is imported."""
    family = import_module(f"tests.fuzz.{FAMILIES[name]}")
    found: Target = next(target for target in family.TARGETS if target.name == name)
    return found
