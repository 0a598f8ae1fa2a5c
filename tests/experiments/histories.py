"""Histories for the tests of the checker: from a correct store in virtual time, and judged by trying every order."""

import itertools
import math
from collections.abc import Iterable, Iterator
from random import Random

from experiments.objects.checker import NOTHING, Step
from experiments.objects.history import ABSENT, DONE, UNKNOWN, Operation


def put(began_s: float, ended_s: float, value: str, answer: str = "204", outcome: str = DONE) -> Operation:
    return Operation(0, "put", began_s, ended_s, outcome, answer, "k", value)


def get(began_s: float, ended_s: float, value: str) -> Operation:
    """A get that read this value; "" for no object."""
    return Operation(0, "get", began_s, ended_s, DONE if value else ABSENT, "200" if value else "404", "k", value)


def delete(began_s: float, ended_s: float, outcome: str = DONE) -> Operation:
    return Operation(0, "delete", began_s, ended_s, outcome, {DONE: "204", ABSENT: "404"}.get(outcome, "502"), "k")


def listing(began_s: float, ended_s: float, *keys: str) -> Operation:
    return Operation(0, "list", began_s, ended_s, DONE, "200", listed=keys)


def explained(steps: Iterable[Step]) -> bool:
    """Whether any order of moments explains the answers, by trying every one."""
    steps = list(steps)
    sure, unsure = [each for each in steps if each.sure], [each for each in steps if not each.sure]
    chosen = itertools.chain.from_iterable(itertools.combinations(unsure, n) for n in range(len(unsure) + 1))
    return any(_right(order) for some in chosen for order in itertools.permutations([*sure, *some]))


def _right(order: tuple[Step, ...]) -> bool:
    """Whether this order respects the times, and finds what it must."""
    state = NOTHING
    for number, step in enumerate(order):
        if any(later.ended_s < step.began_s for later in order[number + 1 :]) or not step.possible(state):
            return False
        state = step.after(state)
    return True


def history_of_a_correct_store(seed: int, operations: int, clients: int = 4, unknown_share: float = 0.05,
                               keys: int = 2) -> list[Operation]:  # fmt: skip
    """What clients see of a store that does one thing at a time."""
    random = Random(seed)
    free_s, planned = [0.0] * clients, []
    for _ in range(operations):
        client = random.randrange(clients)
        began_s = free_s[client] + random.expovariate(1)
        moment_s = began_s + random.expovariate(1)
        free_s[client] = moment_s + random.expovariate(1)
        planned.append((moment_s, began_s, free_s[client], client))
    state: dict[str, str] = {}
    made = [_act(random, state, moment, f"k{random.randrange(keys)}", number, unknown_share)
            for number, moment in enumerate(sorted(planned))]  # fmt: skip
    return sorted(made, key=lambda each: each.ended_s)


def _act(random: Random, state: dict[str, str], moment: tuple[float, float, float, int], key: str, number: int,
         unknown_share: float) -> Operation:  # fmt: skip
    _, began_s, ended_s, client = moment
    action = random.choices(["put", "get", "delete", "list", "clear"], [30, 40, 15, 14, 1])[0]
    unknown = random.random() < unknown_share
    there, value = state.get(key, ""), f"v{number}"
    if action == "put":
        if not unknown or random.random() < 0.5:
            state[key] = value
        outcome, answer = (UNKNOWN, "502") if unknown else (DONE, "204" if there else "201")
        return Operation(client, action, began_s, ended_s, outcome, answer, key, value)
    if action in ("list", "clear"):
        listed = tuple(state)
        if action == "clear":
            state.clear()
        return Operation(client, action, began_s, ended_s, DONE, "200", listed=listed if action == "list" else ())
    if action == "delete" and (not unknown or random.random() < 0.5):
        state.pop(key, None)
    if unknown:
        return Operation(client, action, began_s, ended_s, UNKNOWN, "TimeoutError", key)
    found = {"get": "200", "delete": "204"}[action] if there else "404"
    value = there if action == "get" else ""
    return Operation(client, action, began_s, ended_s, DONE if there else ABSENT, found, key, value)


def overwritten_reads(operations: list[Operation]) -> Iterator[tuple[int, str]]:
    """Of each get, and each value of its object that was surely gone when it began: the get's place and the value."""
    puts = [each for each in operations if each.action == "put" and each.outcome == DONE]
    for place, each in enumerate(operations):
        if each.action != "get" or each.outcome == UNKNOWN:
            continue
        of_key = [put for put in puts if put.key == each.key and put.ended_s < each.began_s]
        newest_s = max((put.began_s for put in of_key), default=-math.inf)
        yield from ((place, put.value) for put in of_key if put.ended_s < newest_s)
