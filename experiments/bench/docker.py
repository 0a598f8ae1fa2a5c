"""`docker run` of the template's root filesystem beside LXC instances of it; only where a Docker engine answers.

All count from the command until the health check answers from outside, without a balancer. Docker's containers get the
bridge of their own that Docker makes by default, as ours have one, and, which is quicker, the host's network.
"""

import contextlib
import shutil
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator

from controller import network
from controller.app import prepare_objects_dir, remove_instances
from controller.containers import Containers
from controller.removal import lxc_path
from controller.rundir import prepare_run_dir, remove_run_dir
from controller.site import Site
from experiments.bench.model import Context, Samples, Series
from experiments.processes import RunError

IMAGE = NAME = "tidebed-bench"
SAMPLES = 15
SETTINGS = {"RATE_LIMIT_RPS": "1000", "OVERLOAD": "reject"}
HOST_PORT = 18085  # of a container that has the host's network
START = "start → healthy"


def run(context: Context) -> list[Series]:
    if not engine_answers():
        context.note("no Docker engine on this machine: docker run is left out")
        return []
    samples = Samples()
    site = Site(objects_dir=context.folder / "objects")
    with _image(site), _instances(site) as (plain, forked):
        for number in range(1, (3 if context.quick else SAMPLES) + 1):
            context.say(f"{number}: docker run, LXC")
            samples.add("docker run, bridge", START, _docker(site, host_network=False))
            samples.add("docker run, host network", START, _docker(site, host_network=True))
            samples.add("LXC, exec", START, _lxc(plain))
            samples.add("LXC, zygote", START, _lxc(forked))
    return samples.series()


def engine_answers() -> bool:
    return shutil.which("docker") is not None and _command("docker", "info", check=False).returncode == 0


def _command(*command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command. Raises RunError where it fails and must not."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    except subprocess.TimeoutExpired as error:
        raise RunError(f"{' '.join(command[:2])} took more than 120 s") from error
    if check and done.returncode:
        raise RunError(f"{' '.join(command[:2])}: {done.stderr.strip() or done.returncode}")
    return done


@contextlib.contextmanager
def _image(site: Site) -> Iterator[None]:
    """The template as an image, removed at the end with what runs of it."""
    root = lxc_path() / site.template / "rootfs"
    _command("sh", "-c", f'tar -C "$1" -c . | docker import - {IMAGE}', "sh", str(root))
    try:
        yield
    finally:
        _command("docker", "rm", "--force", NAME, check=False)
        _command("docker", "rmi", IMAGE, check=False)


@contextlib.contextmanager
def _instances(site: Site) -> Iterator[tuple[Containers, Containers]]:
    """What plain and forked instances need on the host, without a controller."""
    plain = Containers(site, SETTINGS, threading.Event())
    forked = Containers(site, SETTINGS, threading.Event(), "zygote")
    try:
        prepare_run_dir(site)
        prepare_objects_dir(site)
        network.create(site)
        forked.prepare()
        for containers in (plain, forked):
            containers.map_ids()
        yield plain, forked
    finally:
        remove_instances(forked)
        forked.close()
        network.remove(site)
        remove_run_dir(site)


def _lxc(containers: Containers) -> float:
    return _timed_ms(lambda: containers.boot("web-1", 1), lambda: containers.stop("web-1"))


def _docker(site: Site, host_network: bool) -> float:
    place = {"HOST": "127.0.0.1", "PORT": str(HOST_PORT)} if host_network else {}
    settings = [part for name, value in (SETTINGS | place).items() for part in ("--env", f"{name}={value}")]

    def start() -> None:
        _command("docker", "run", "--detach", "--name", NAME, *settings, "--user", "65534", "--workdir", "/opt/webapp",
                 "--memory", "200m", "--pids-limit", "64", "--volume", f"{site.objects_dir}:/objects",
                 "--network", "host" if host_network else "bridge",
                 IMAGE, "/usr/bin/python3", "-m", "webapp")  # fmt: skip
        where = f"127.0.0.1:{HOST_PORT}" if host_network else f"{_address()}:{site.port}"
        _await_health(f"http://{where}{site.health_path}")

    return _timed_ms(start, lambda: _command("docker", "rm", "--force", NAME))


def _address() -> str:
    return _command("docker", "inspect", "--format", "{{.NetworkSettings.IPAddress}}", NAME).stdout.strip()


def _await_health(url: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2) as answer:
            if answer.status == 200:
                return
        time.sleep(0.003)
    raise RunError(f"{url} did not answer within 60 s")


def _timed_ms(start: Callable[[], object], stop: Callable[[], object]) -> float:
    started = time.monotonic()
    start()
    took_ms = 1000 * (time.monotonic() - started)
    stop()
    return took_ms
