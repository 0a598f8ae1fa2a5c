"""When the requests of a shape are due, in seconds since the start."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from loadgen.shapes import Shape, arrival_count

ARRIVALS = ("even", "poisson")


def even_arrivals(shape: Shape) -> Iterator[float]:
    """The due times in seconds of evenly spaced arrivals: the k-th is due when the integral reaches k."""
    for k in range(1, arrival_count(shape) + 1):
        yield shape.inverse(k)


def poisson_arrivals(shape: Shape, seed: int) -> Iterator[float]:
    """The due times in seconds of a Poisson process whose rate is the shape's; the same for the same `seed`.

    A process of rate 1 is run through the inverse of the integral (Çinlar, Introduction to Stochastic Processes,
    1975, chapter 4).
    """
    random = Random(f"arrivals {seed}")
    total = shape.integral(shape.duration_s)
    expected = random.expovariate(1.0)
    while expected <= total:
        yield shape.inverse(expected)
        expected += random.expovariate(1.0)


def due_times(shape: Shape, arrivals: str, seed: int) -> Iterator[float]:
    """The due times in seconds of `shape`, never falling; `arrivals` is one of ARRIVALS, else ValueError."""
    if arrivals not in ARRIVALS:
        raise ValueError(f"arrivals {arrivals!r} are not known: {' and '.join(ARRIVALS)} are")
    return even_arrivals(shape) if arrivals == "even" else poisson_arrivals(shape, seed)
