"""An instance whose threads all wait hangs; one that answers nothing because it computes does not."""

from pathlib import Path
from typing import Any

import pytest
import requests

from tests.host import wounds
from tests.host.clients import Clients
from tests.host.story import SOON_S, healed, now_s, serving
from tests.host.testbed import URL, policy, running, until

pytestmark = pytest.mark.usefixtures("nothing_left")

FAST: dict[str, Any] = {"boot": "zygote", "apply": "runtime"}


def test_all_threads_that_wait_are_a_hang(tmp_path: Path) -> None:
    document = policy(minimum=3, maximum=4, service={"rate_limit": 5, "overload": "queue"}, **FAST)
    with running(tmp_path, document, instances=3) as testbed:
        name, begun_s = serving(testbed)[0], now_s(testbed)
        clients = wounds.occupy(name, 40)
        out_s, reason = healed(testbed, name, begun_s)
        for client in clients:
            client.close()
        assert "its threads wait" in reason
        assert out_s < SOON_S


def test_busy_instances_are_left_alone(tmp_path: Path) -> None:
    """Two that may use a tenth of a core answer nothing for seconds, because they compute."""
    document = policy(minimum=2, maximum=2, service={"rate_limit": 0, "cpu_cores": 0.1}, **FAST)
    with running(tmp_path, document, instances=2) as testbed:
        with Clients("/integral/0/1?n_max=1000000", number=8) as clients:
            until(lambda: clients.slowest_s > 3, 60, "an answer that took seconds")
        assert not [event for event in testbed.events("instance") if event["phase"] == "FAILED"]
        assert requests.get(f"{URL}/healthz", timeout=10).status_code == 200
