"""Load shapes: how many requests a second are wanted, as pure functions of the time since the start."""

from loadgen.shapes.linear import PiecewiseLinear, constant, noise, onoff, ramp, spike, square, step, triangle
from loadgen.shapes.shape import Chain, Product, Scaled, Shape, Sum, arrival_count
from loadgen.shapes.smooth import DoubleWave, Sine
from loadgen.shapes.trace import ArrivalTimes, TraceError, read_trace

__all__ = [
    "ArrivalTimes", "Chain", "DoubleWave", "PiecewiseLinear", "Product", "Scaled", "Shape", "Sine", "Sum", "TraceError",
    "arrival_count", "constant", "noise", "onoff", "ramp", "read_trace", "spike", "square", "step", "triangle",
]  # fmt: skip
