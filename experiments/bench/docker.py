"""`docker run` of the template's root filesystem beside an LXC instance of it; only where a Docker engine answers.

Both count from the command until the health check answers from outside, without a balancer.
"""

import contextlib
import shutil
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator

from controller import network
from controller.app import prepare_objects_dir, remove_instances, remove_run_dir
from controller.containers import Containers, lxc_path
from controller.haproxy import prepare_run_dir
from controller.site import Site
from experiments.bench.model import Context, Samples, Series
from experiments.runner import RunError

IMAGE = NAME = "tidebed-bench"
SAMPLES = 15
SETTINGS = {"RATE_LIMIT_RPS": "1000", "OVERLOAD": "reject"}


def run(context: Context) -> list[Series]:
    if not engine_answers():
        context.note("no Docker engine on this machine: docker run is left out")
        return []
    samples = Samples()
    site = Site(objects_dir=context.folder / "objects")
    with _image(site), _instances(site) as containers:
        for number in range(1, (3 if context.quick else SAMPLES) + 1):
            context.say(f"{number}: docker run, lxc-copy")
            samples.add("docker run", "start → healthy", _docker(site))
            samples.add("LXC instance", "start → healthy", _lxc(containers))
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
def _instances(site: Site) -> Iterator[Containers]:
    """What an instance needs on the host, without a controller."""
    containers = Containers(site, SETTINGS, threading.Event())
    try:
        prepare_run_dir(site)
        prepare_objects_dir(site)
        network.create(site)
        yield containers
    finally:
        remove_instances(containers)
        network.remove(site)
        remove_run_dir(site)


def _lxc(containers: Containers) -> float:
    return _timed_ms(lambda: containers.boot("web-1", 1), lambda: containers.stop("web-1"))


def _docker(site: Site) -> float:
    def start() -> None:
        settings = [part for name, value in SETTINGS.items() for part in ("--env", f"{name}={value}")]
        _command("docker", "run", "--detach", "--name", NAME, *settings, "--user", "65534", "--workdir", "/opt/webapp",
                 "--memory", "200m", "--pids-limit", "64", "--tmpfs", "/objects:mode=1777", IMAGE,
                 "/usr/bin/python3", "-m", "webapp")  # fmt: skip
        address = _command("docker", "inspect", "--format", "{{.NetworkSettings.IPAddress}}", NAME).stdout.strip()
        _await_health(f"http://{address}:{site.port}{site.health_path}")

    return _timed_ms(start, lambda: _command("docker", "rm", "--force", NAME))


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
