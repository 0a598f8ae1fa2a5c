"""Fuzzers of all that reads what others wrote: `python -m tests.fuzz`, see __main__."""
