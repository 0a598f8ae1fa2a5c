"""Which request each arrival is: objects to put and get, and integrals to compute."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

OBJECT_IDS = tuple(f"loadgen-{number:02}" for number in range(20))
PUT_SHARE = 0.2  # of the object requests, once every object was put
LOWER_BOUND, UPPER_BOUND = 0.0, 3.14159
BOUND_VARIATION = 0.1


class Request(NamedTuple):
    """One HTTP request; `name` is what statistics call it."""

    kind: str  # put, get or integral
    method: str
    path: str
    name: str
    body: bytes | None = None
    object_id: str = ""


class RequestMix:
    """Draws requests, the same for the same `seed` and `integral_share` (0 to 1, the rest are object requests);
    `integral_steps` is how many rectangles an integral is summed up of, at most.

    The first object requests put each object once; later ones get an object or put it anew. A get is only drawn for
    an object whose put was answered: when that is still open or failed, for the next such object, and when there is
    none, the object is put instead. So no 404 is provoked, and the drawing depends on the answers only where a put
    failed or took long.
    """

    def __init__(self, seed: int, integral_share: float, integral_steps: int = 1000) -> None:
        self._random = Random(f"mix {seed}")
        self._integral_share = integral_share
        self._integral_steps = integral_steps
        self._object_requests = 0
        self._stored: set[str] = set()

    def draw(self) -> Request:
        """The next request."""
        is_integral = self._random.random() < self._integral_share
        return self._draw_integral() if is_integral else self._draw_object()

    def put_served(self, request: Request) -> None:
        """`request`, a put, was answered with success: its object can be got from now on."""
        self._stored.add(request.object_id)

    def _draw_integral(self) -> Request:
        lower = self._random.uniform(LOWER_BOUND, LOWER_BOUND + BOUND_VARIATION)
        upper = self._random.uniform(UPPER_BOUND - BOUND_VARIATION, UPPER_BOUND)
        path = f"/integral/{lower:.5f}/{upper:.5f}?n_max={self._integral_steps}"
        return Request("integral", "GET", path, "/integral/[lower]/[upper]")

    def _draw_object(self) -> Request:
        index = self._object_requests
        self._object_requests += 1
        if index < len(OBJECT_IDS):
            return self._put(OBJECT_IDS[index])
        is_put = self._random.random() < PUT_SHARE
        choice = self._random.randrange(len(OBJECT_IDS))
        stored = self._first_stored(choice)
        return self._put(OBJECT_IDS[choice]) if is_put or stored is None else self._get(stored)

    def _first_stored(self, start: int) -> str | None:
        if OBJECT_IDS[start] in self._stored:
            return OBJECT_IDS[start]
        candidates = OBJECT_IDS[start:] + OBJECT_IDS[:start]
        return next((object_id for object_id in candidates if object_id in self._stored), None)

    def _put(self, object_id: str) -> Request:
        body = f"{object_id}, object request {self._object_requests} of its run\n".encode()
        return Request("put", "PUT", f"/objs/{object_id}", "/objs/[id]", body, object_id)

    def _get(self, object_id: str) -> Request:
        return Request("get", "GET", f"/objs/{object_id}", "/objs/[id]", None, object_id)
