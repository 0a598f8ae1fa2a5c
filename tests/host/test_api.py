"""The API, every row and every bad input, through HAProxy on two real instances that share the objects."""

import http.client
import os

import pytest
import requests

from tests.host.testbed import ENTRY, URL, Testbed

pytestmark = pytest.mark.usefixtures("unlimited")


@pytest.fixture(autouse=True)
def no_objects() -> None:
    requests.delete(URL + "/", timeout=5).raise_for_status()


def raw(method: str, target: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
    """A request whose target no client library tidies up."""
    host, _, port = ENTRY.partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    connection.putrequest(method, target, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name.replace("_", "-"), value)
    if body is not None:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_object_is_created_replaced_read_and_deleted() -> None:
    content = os.urandom(100_000)
    assert requests.put(URL + "/objs/a", data=b"old", timeout=5).status_code == 201
    assert requests.put(URL + "/objs/a", data=content, timeout=5).status_code == 204
    assert requests.get(URL + "/objs/a", timeout=5).content == content
    assert requests.get(URL + "/", timeout=5).json() == ["a"]
    assert requests.delete(URL + "/objs/a", timeout=5).status_code == 204
    assert requests.get(URL + "/objs/a", timeout=5).status_code == 404
    assert requests.delete(URL + "/objs/a", timeout=5).status_code == 404


def test_objects_are_one_pool_for_all_instances() -> None:
    """The balancer spreads the requests, so with two pools some of the reads would miss."""
    for number in range(10):
        assert requests.put(f"{URL}/objs/o{number}", data=str(number), timeout=5).status_code == 201
    for _ in range(2):
        assert [requests.get(f"{URL}/objs/o{n}", timeout=5).text for n in range(10)] == [str(n) for n in range(10)]
    assert len(requests.get(URL + "/", timeout=5).json()) == 10


def test_all_objects_are_deleted_at_once() -> None:
    for number in range(3):
        requests.put(f"{URL}/objs/{number}", data=b"x", timeout=5)
    assert requests.delete(URL + "/", timeout=5).status_code == 200
    assert requests.get(URL + "/", timeout=5).json() == []


def test_large_body_is_stored_byte_for_byte() -> None:
    content = os.urandom(30 * 2**20)
    assert requests.put(URL + "/objs/large", data=content, timeout=60).status_code == 201
    assert requests.get(URL + "/objs/large", timeout=60).content == content


@pytest.mark.parametrize("path", ["/integral/0/3.14159", "/numericalintegralservice/0/3.14159"])
def test_integral_is_computed_for_growing_n(path: str) -> None:
    results = requests.get(URL + path, timeout=10).json()["results"]
    assert [result["n"] for result in results] == [10, 100, 1000, 10_000, 100_000, 1_000_000]
    assert abs(results[0]["value"] - 2) < 0.01
    assert abs(results[-1]["value"] - 2) < 1e-9


@pytest.mark.parametrize("bounds", ["0/1", "-1/1", "1e-3/2E0", "+1/-2.5"])
def test_integers_negatives_and_exponents_are_bounds(bounds: str) -> None:
    assert requests.get(f"{URL}/integral/{bounds}?n_max=100", timeout=5).status_code == 200


def test_health_is_answered() -> None:
    assert requests.get(URL + "/healthz", timeout=5).status_code == 200


@pytest.mark.parametrize(
    "identifier", ["%2e%2e%2f%2e%2e%2fetc%2fpasswd", "../../etc/passwd", "a/b//c/", "%0a", "%00", "%c3%bc"]
)
def test_any_text_is_an_id_and_none_leaves_the_directory(identifier: str, unlimited: Testbed) -> None:
    target = "/objs/" + identifier
    assert raw("PUT", target, b"content")[0] == 201
    assert raw("GET", target) == (200, b"content")
    assert len(requests.get(URL + "/", timeout=5).json()) == 1
    files = [path for path in unlimited.folder.parent.rglob("*") if path.is_file()]
    stored = [path for path in files if path.read_bytes() == b"content"]
    assert len(stored) == 1
    assert stored[0].is_relative_to(unlimited.folder.parent / "objects")


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/objs/" + "x" * 300, 414),
        ("/objs/%ff%fe", 400),
        ("/integral/nan/1", 400),
        ("/integral/0/inf", 400),
        ("/integral/zero/1", 400),
        ("/integral/0/1?n_max=9", 400),
        ("/integral/0/1?n_max=1000001", 400),
        ("/integral/0/1?n_max=many", 400),
        ("/nothing/here", 404),
    ],
)
def test_bad_input_gets_a_json_message(target: str, status: int) -> None:
    answer = requests.get(URL + target, timeout=5)
    assert answer.status_code == status
    assert answer.json()["message"]


def test_body_over_the_configured_size_is_refused() -> None:
    status, body = raw("PUT", "/objs/huge", None, Content_Length=str(2**40))
    assert status == 413
    assert b"message" in body
    assert requests.get(URL + "/", timeout=5).json() == []


def test_method_that_is_not_allowed_gets_a_json_message() -> None:
    answer = requests.post(URL + "/objs/a", timeout=5)
    assert (answer.status_code, bool(answer.json()["message"])) == (405, True)
