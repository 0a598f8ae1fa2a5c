"""The integral, the health check, the rate limit and the answers to bad requests."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from tests.webapp.helpers import make_client, send_raw
from webapp.app import create_app
from webapp.integral import STEP_COUNTS, integrate_sin
from webapp.settings import Settings


def test_integral_has_a_value_for_each_number_of_rectangles(client: FlaskClient) -> None:
    body = client.get("/integral/0/3.14159265358979").json or {}
    assert (body["function"], body["lower"], body["upper"]) == ("sin(x)", 0.0, 3.14159265358979)
    assert [result["n"] for result in body["results"]] == list(STEP_COUNTS)
    errors = [abs(result["value"] - 2) for result in body["results"]]
    assert errors[0] == pytest.approx(0.00824, abs=1e-5)
    assert errors[-1] < 1e-9


def test_error_of_the_midpoint_rule_falls_with_the_square_of_n() -> None:
    errors = [abs(integrate_sin(0, 2, n) - (1 - math.cos(2))) for n in (10, 100, 1000)]
    assert errors[0] / errors[1] == pytest.approx(100, rel=0.01)
    assert errors[1] / errors[2] == pytest.approx(100, rel=0.01)


@pytest.mark.parametrize("bounds", ["1/2", "-1/2", "2/-1", "1e3/1.5e3", "-2.5E-1/+1", ".5/1.", "0/0", "-1e15/1e15"])
def test_legal_bounds_are_computed(client: FlaskClient, bounds: str) -> None:
    for prefix in ("/integral", "/numericalintegralservice"):
        answer = client.get(f"{prefix}/{bounds}?n_max=10")
        assert answer.status_code == 200
        body = answer.json or {}
        assert [body["lower"], body["upper"]] == [float(text) for text in bounds.split("/")]
        assert math.isfinite(body["results"][0]["value"])


@pytest.mark.parametrize(
    "text",
    ["nan", "inf", "-inf", "infinity", "1e16", "1e309", "9" * 400, "abc", "1_0", "0x10", "1,5", "--1", "e5", ".", "١",
     "%20", "1%20", "1%0A", "%00", "%FF"],
)  # fmt: skip
def test_bound_that_is_not_legal_is_400_and_the_message_says_what_is(client: FlaskClient, text: str) -> None:
    for path, name in ((f"/integral/{text}/1", "lower"), (f"/integral/1/{text}", "upper")):
        answer = client.get(path)
        assert answer.status_code == 400
        message = (answer.json or {})["message"]
        assert message.startswith(f"{name} bound") and "-1e15 to 1e15" in message


@pytest.mark.parametrize(("n_max", "count"), [("10", 1), ("99", 1), ("1000", 3), ("1000000", 6)])
def test_n_max_caps_the_number_of_rectangles(client: FlaskClient, n_max: str, count: int) -> None:
    body = client.get(f"/integral/0/1?n_max={n_max}").json or {}
    assert [result["n"] for result in body["results"]] == list(STEP_COUNTS[:count])


@pytest.mark.parametrize("n_max", ["9", "0", "-10", "1000001", "9" * 5000, "10.0", "1e3", "x", "", "1_000", "%2B10"])
def test_n_max_that_is_not_legal_is_400(client: FlaskClient, n_max: str) -> None:
    answer = client.get(f"/integral/0/1?n_max={n_max}")
    assert answer.status_code == 400
    assert "from 10 to 1000000" in (answer.json or {})["message"]


def test_health_is_200_where_objects_can_be_stored(client: FlaskClient) -> None:
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json) == (200, {"status": "ok"})


def test_health_is_503_with_a_message_where_they_cannot(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for directory in (tmp_path / "absent", tmp_path / "file"):
        answer = make_client(directory).get("/healthz")
        assert answer.status_code == 503
        assert "object directory not usable" in (answer.json or {})["message"]


def test_health_is_503_on_a_read_only_directory(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webapp.store.os.access", lambda *_: False)
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert "not readable and writable" in (answer.json or {})["message"]


@dataclass
class Clock:
    now_s: float = 1000.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """By which the limits of applications that are made from now on go."""
    clock = Clock()
    monkeypatch.setattr("webapp.app.monotonic", lambda: clock.now_s)
    return clock


@pytest.mark.usefixtures("clock")
def test_limit_is_one_for_all_clients_and_endpoints(tmp_path: Path) -> None:
    client = make_client(tmp_path, rate_limit_rps=3)
    paths = ["/", "/objs/absent", "/integral/0/1?n_max=10", "/", "/objs/absent"]
    answers = [
        client.get(path, environ_overrides={"REMOTE_ADDR": f"10.0.0.{number}"}) for number, path in enumerate(paths)
    ]
    assert [answer.status_code for answer in answers] == [200, 404, 200, 429, 429]
    assert answers[-1].headers["Retry-After"] == "1"
    assert answers[-1].json == {"message": "rate limit exceeded: this instance serves 3 requests per second"}


@pytest.mark.usefixtures("clock")
def test_health_and_unknown_urls_do_not_count(tmp_path: Path) -> None:
    client = make_client(tmp_path, rate_limit_rps=1)
    for path, status in [("/healthz", 200), ("/unknown", 404), ("/", 200), ("/", 429), ("/healthz", 200)]:
        assert client.get(path).status_code == status


def test_rate_limit_does_not_see_the_clock_jump(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    client, true_s = make_client(tmp_path, rate_limit_rps=2), time.time
    for jump_s in (300, 0, -300):  # the window of a second has passed at each jump
        monkeypatch.setattr(time, "time", lambda jump_s=jump_s: true_s() + jump_s)
        assert [client.get("/").status_code for _ in range(3)] == [200, 200, 429]
        clock.now_s += 1.05


def test_limit_zero_is_no_limit(tmp_path: Path) -> None:
    client = make_client(tmp_path, rate_limit_rps=0)
    assert {client.get("/").status_code for _ in range(50)} == {200}


@pytest.mark.parametrize("path", ["/unknown", "/objs", "/healthz/", "/integral/1", "/integral/1/2/", "/integral//1/2"])
def test_unknown_url_is_404_and_the_message_lists_the_legal_ones(client: FlaskClient, path: str) -> None:
    answer = send_raw(client, "GET", path.encode())
    assert answer.status_code == 404
    assert "/objs/<id>" in (answer.json or {})["message"]


@pytest.mark.parametrize("path", ["/", "/objs/a", "/objs//a//", "/integral/1/2", "/healthz"])
def test_wrong_method_is_405_with_allow(client: FlaskClient, path: str) -> None:
    answer = send_raw(client, "POST", path.encode())
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]
    assert "message" in (answer.json or {})


def test_bug_in_the_application_is_500_with_a_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_store: object) -> None:
        raise ValueError("secret detail")

    monkeypatch.setattr("webapp.store.ObjectStore.ids", fail)
    app = create_app(Settings(objects_dir=tmp_path))
    with caplog.at_level(logging.CRITICAL, app.logger.name):
        answer = app.test_client().get("/")
    assert answer.status_code == 500
    assert "secret" not in (answer.json or {})["message"]


def test_answers_are_json_whatever_the_client_accepts(client: FlaskClient) -> None:
    for path in ("/", "/unknown", "/objs/absent", "/integral/0/x"):
        assert client.get(path, headers={"Accept": "text/html"}).content_type == "application/json"
