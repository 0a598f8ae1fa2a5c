"""Experiments: a scenario is run against the real testbed and leaves one folder of evidence."""
