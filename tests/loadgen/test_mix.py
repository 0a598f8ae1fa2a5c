"""The drawing of requests."""

from hypothesis import given
from hypothesis import strategies as st

from loadgen.mix import OBJECT_IDS, Request, RequestMix
from webapp.integral import parse_bound, parse_n_max


def draw(mix: RequestMix, count: int) -> list[Request]:
    """`count` requests, each put answered before the next request."""
    requests = []
    for _ in range(count):
        request = mix.draw()
        requests.append(request)
        if request.kind == "put":
            mix.put_served(request)
    return requests


@given(st.integers(0, 1000), st.floats(0, 1))
def test_the_same_seed_draws_the_same_requests(seed: int, share: float) -> None:
    assert draw(RequestMix(seed, share), 100) == draw(RequestMix(seed, share), 100)


@given(st.integers(0, 1000), st.lists(st.booleans(), min_size=200, max_size=200))
def test_nothing_is_got_before_its_put_was_served(seed: int, answers: list[bool]) -> None:
    mix = RequestMix(seed, 0.1)
    stored = set()
    for is_served in answers:
        request = mix.draw()
        if request.kind == "get":
            assert request.path in stored
        elif request.kind == "put" and is_served:
            mix.put_served(request)
            stored.add(request.path)


def test_the_first_object_requests_put_each_object_once() -> None:
    assert [request.object_id for request in draw(RequestMix(1, 0), 20)] == list(OBJECT_IDS)


def test_the_share_of_integrals_is_kept() -> None:
    assert {request.kind for request in draw(RequestMix(1, 1), 50)} == {"integral"}
    assert "integral" not in {request.kind for request in draw(RequestMix(1, 0), 50)}
    integrals = sum(request.kind == "integral" for request in draw(RequestMix(1, 0.3), 2000))
    assert 500 < integrals < 700


def test_statistics_get_few_names() -> None:
    assert {(r.method, r.name) for r in draw(RequestMix(1, 0.5), 200)} == {
        ("PUT", "/objs/[id]"), ("GET", "/objs/[id]"), ("GET", "/integral/[lower]/[upper]"),
    }  # fmt: skip


def test_the_application_accepts_the_integrals() -> None:
    for request in draw(RequestMix(1, 1), 50):
        path, _, n_max = request.path.partition("?n_max=")
        lower, upper = path.removeprefix("/integral/").split("/")
        assert parse_bound("lower", lower) < parse_bound("upper", upper)
        assert parse_n_max(n_max) == 1000


def test_an_integral_has_the_steps_that_are_asked_for() -> None:
    assert draw(RequestMix(1, 1, 100_000), 1)[0].path.endswith("?n_max=100000")
