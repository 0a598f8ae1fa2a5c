"""Instances of the real application with one route more, `POST /probe`, that runs what is sent to it: everything that
is tried there is tried by the application's own process, however it was started."""

import contextlib
import json
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
import requests

from controller import network, shield
from controller.app import prepare_objects_dir, remove_instances
from controller.containers import Containers
from controller.removal import lxc_path
from controller.rundir import prepare_run_dir, remove_run_dir
from controller.site import Site
from tests.host.testbed import let_pass, run

PROBES = Path(__file__).with_name("probes.py")
ROUTE = """

_create_app = create_app


def create_app(settings):
    import json
    app = _create_app(settings)

    @app.post("/probe")
    def probe():
        scope = {}
        exec(request.get_data(), scope)
        return json.dumps(scope["answer"])
    return app
"""


class ProbedSite(Site):
    """Its instances come from a template of their own."""

    @property
    def template(self) -> str:
        return f"{self.prefix}-probed-template"


@dataclass(frozen=True)
class Instance:
    """One running instance, seen from the host."""

    name: str
    address: str
    pid: int
    containers: Containers

    def probe(self, call: str) -> Any:
        """What a call of one of the functions in probes.py gives within the instance."""
        source = f"{PROBES.read_text()}\nanswer = {call}\n"
        answer = requests.post(f"http://{self.address}:8000/probe", data=source.encode(), timeout=60)
        assert answer.status_code == 200, answer.text
        return json.loads(answer.text)


@contextlib.contextmanager
def probed_site(folder: Path) -> Iterator[Site]:
    """A site with bridge, shield and template, without controller and balancer."""
    let_pass(folder)
    site = ProbedSite(objects_dir=folder / "objects")
    copy = lxc_path() / site.template
    shutil.rmtree(copy, ignore_errors=True)
    run("cp", "-al", str(lxc_path() / Site().template), str(copy))
    try:
        _add_route(copy)
        prepare_run_dir(site)
        prepare_objects_dir(site)
        network.create(site)
        assert shield.put_up(site) == ""
        yield site
    finally:
        network.remove(site)
        shield.remove(site)
        remove_run_dir(site)
        shutil.rmtree(copy)


def _add_route(template: Path) -> None:
    """Its files are links to those of the real template: they are replaced, never written to."""
    module = template / "rootfs/opt/webapp/webapp/app.py"
    source = module.read_text()
    module.unlink()
    module.write_text(source + ROUTE)
    for compiled in (module.parent / "__pycache__").glob("app.*.pyc"):
        compiled.unlink()
    config = template / "config"
    lines = config.read_text().replace(Site().template, template.name)
    config.unlink()
    config.write_text(lines)


@contextlib.contextmanager
def instances(
    site: Site, boot: Literal["exec", "zygote"], mapped: bool, count: int = 2, cpu_cores: float = 0.0
) -> Iterator[list[Instance]]:
    """So many instances, started in one of the ways."""
    made = Containers(site, {"RATE_LIMIT_RPS": "0"}, threading.Event(), boot, cpu_cores)
    if mapped and (obstacle := made.map_ids()):
        pytest.fail(obstacle)
    try:
        made.prepare()
        for slot in range(1, count + 1):
            made.boot(f"web-{slot}", slot)
        pids = made.pids()
        yield [Instance(name, site.address(int(name.split("-")[1])), pid, made) for name, pid in sorted(pids.items())]
    finally:
        remove_instances(made)
        made.close()
