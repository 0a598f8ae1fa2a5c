"""Benchmarks: how long the testbed's own steps take, each alternative measured in turn with the others."""
