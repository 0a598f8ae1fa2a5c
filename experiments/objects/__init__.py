"""Are objects safe? Clients record what they did and saw, and a checker in the style of Jepsen judges the history.

`run` makes a history through any entry point, `check` judges it: every acknowledged write is there, whole and in order.
"""

from experiments.objects.checker import check
from experiments.objects.clients import run
from experiments.objects.history import History, Operation
from experiments.objects.verdict import Verdict, Violation

__all__ = ["History", "Operation", "Verdict", "Violation", "check", "run"]
