"""Faults on purpose while a run is on: each at its time, told with what it hit and how soon all was right again."""
