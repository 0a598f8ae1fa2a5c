"""Policy files: the shipped one loads, and every broken one is refused in one line that helps."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest

from controller.config import PolicyFile
from controller.limits import Limits
from controller.policies.rules import Rules
from controller.policies.target import Target
from controller.reading import ConfigError, load
from tests.controller.build import ROOT

POLICY = "policy: {target: {rate_per_instance: 8}}\n"
RULE = "policy: {rules: [{when: {metric: %s, above: 7}, then: %s}]}\n"
ADD = RULE % ("offered_rps", "{add: 1}")


class Hangs(Exception):
    """It took too long."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "policy.yaml"


def loaded(path: Path, text: str) -> PolicyFile:
    path.write_text(text)
    return load(path)


def complaint(path: Path, text: str | bytes) -> str:
    """What is said of a file with this text, without the file's name; always one line of a readable length."""
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(ConfigError) as caught:
        load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Interrupt what takes longer."""

    def give_up(_: int, __: FrameType | None) -> None:
        raise Hangs

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_shipped_policy_loads() -> None:
    settings = load(ROOT / "rules.yaml")
    assert settings.policy_name == "rules"
    assert isinstance(settings.make_policy(), Rules)


def test_file_may_hold_nothing_but_the_policy(path: Path) -> None:
    settings = loaded(path, POLICY)
    assert isinstance(settings.make_policy(), Target)
    assert settings.make_limits() == Limits(minimum=1, maximum=20)
    assert (settings.tick_s, settings.apply, settings.boot, settings.service.rate_limit) == (0.5, "reload", "exec", 10)


def test_limits_reach_the_limiter(path: Path) -> None:
    settings = loaded(
        path, POLICY + "instances: {min: 2, max: 9}\nlimits: {step_up: 3, step_down: 1, cooldown_down_s: 4}"
    )
    assert settings.make_limits() == Limits(2, 9, step_up=3, step_down=1, cooldown_down_s=4)


def test_each_policy_that_is_made_remembers_for_itself(path: Path) -> None:
    settings = loaded(path, POLICY)
    assert settings.make_policy() is not settings.make_policy()


BROKEN = {
    "unknown key": (POLICY + "tick: 1", "tick: is not a known key; did you mean tick_s?"),
    "unknown key, nothing near": (POLICY + "xyzzy: 1", "xyzzy: is not a known key"),
    "unknown key inside": (POLICY + "instances: {maxx: 3}", "instances.maxx: is not a known key; did you mean max?"),
    "text for a number": (POLICY + "instances: {min: many}", "instances.min: 'many': input should be a valid integer"),
    "fraction": (POLICY + "instances: {min: 1.5}", "instances.min: 1.5: input should be a valid integer"),
    "list for a number": (POLICY + "instances: {min: [1]}", "instances.min: input should be a valid integer"),
    "date for a number": (POLICY + "tick_s: 2024-01-02", "tick_s: input should be a valid number"),
    "number for a section": (POLICY + "instances: 5", "instances: 5: must be a mapping of keys to values"),
    "empty section": (POLICY + "instances:", "instances: None: must be a mapping of keys to values"),
    "negative": (POLICY + "instances: {min: -1}", "instances.min: -1: input should be greater than or equal to 0"),
    "zero at most": (POLICY + "instances: {max: 0}", "instances.max: 0: input should be greater than or equal to 1"),
    "too many": (POLICY + "instances: {max: 201}", "instances.max: 201: input should be less than or equal to 200"),
    "huge": (POLICY + f"instances: {{max: {10**30}}}", f"instances.max: {10**30}: input should be less than or equal"),
    "min above max": (POLICY + "instances: {min: 5, max: 2}", "instances: min 5 is above max 2"),
    "too fast": (POLICY + "tick_s: 0.001", "tick_s: 0.001: input should be greater than or equal to 0.05"),
    "nan": (POLICY + "tick_s: .nan", "tick_s: nan: input should be a finite number"),
    "infinite": (POLICY + "limits: {cooldown_down_s: .inf}", "limits.cooldown_down_s: inf: input should be a finite"),
    "unknown way": (POLICY + "apply: magic", "apply: 'magic': input should be 'reload'"),
    "unknown policy": ("policy: {magic: 1}", "policy: 'magic' is no policy; known are rules, target"),
    "two policies": (POLICY.replace("}}", "}, rules: []}"), "policy: needs exactly one policy, has 2; known are rules"),
    "no policy in it": ("policy: {}", "policy: needs exactly one policy, has 0; known are rules, target"),
    "no policy": ("tick_s: 1", "policy: is missing"),
    "policy as a word": ("policy: rules", "policy: 'rules': must be a mapping of keys to values"),
    "no rules": ("policy: {rules: []}", "policy.rules: list should have at least 1 item"),
    "rules as a mapping": ("policy: {rules: {when: 1}}", "policy.rules: input should be a valid list"),
    "unknown metric": (RULE % ("rate", "{add: 1}"), "policy.rules[0].when.metric: 'rate': is no metric; known are"),
    "no change": (RULE % ("offered_rps", "{}"), "policy.rules[0].then: needs exactly one of add, remove"),
    "two changes": (RULE % ("offered_rps", "{add: 1, remove: 1}"), "policy.rules[0].then: needs exactly one of add"),
    "change of zero": (RULE % ("offered_rps", "{add: 0}"), "policy.rules[0].then.add: 0: must be a whole number of"),
    "negative change": (RULE % ("offered_rps", "{add: -5%}"), "policy.rules[0].then.add: '-5%': must be a whole"),
    "broken change": (RULE % ("offered_rps", "{add: 1.5}"), "policy.rules[0].then.add: 1.5: must be a whole number"),
    "change of yes": (RULE % ("offered_rps", "{add: yes}"), "policy.rules[0].then.add: True: must be a whole number"),
    "two bounds": (ADD.replace("above", "below: 1, above"), "policy.rules[0].when: needs"),
    "no bound": (ADD.replace(", above: 7", ""), "policy.rules[0].when: needs exactly one"),
    "nan bound": (ADD.replace("7", ".nan"), "policy.rules[0].when.above: nan: input"),
    "target of zero": (POLICY.replace("8", "0"), "policy.target.rate_per_instance: 0: input should be greater than"),
    "target of nothing": ("policy: {target: }", "policy.target: None: must be a mapping of keys to values"),
    "key that is a number": (POLICY + "3: 4", "[3]: 3: keys should be strings"),
    "key that is a list": (POLICY + "? [a]\n: b", "line 2, column 3: found unhashable key"),
    "open brace": ("instances: {min: 1\n", "line 2, column 1: expected ',' or '}', but got '<stream end>'"),
    "two colons": ("a: b: c\n", "line 1, column 5: mapping values are not allowed here"),
    "tab": ("a:\n\t- b\n", "line 2, column 1: found character '\\t' that cannot start any token"),
    "unknown alias": ("a: *b\n", "line 1, column 4: aliases are not allowed, write the value out"),
    "brackets in brackets": ("a: " + "[" * 101 + "]" * 101, "line 1, column 104: more than 100 brackets are open"),
    "two documents": ("---\na: 1\n---\nb: 2\n", "holds 2 documents; a policy is one"),
    "python object": ("a: !!python/object:os.system x", "line 1, column 4: could not determine a constructor"),
    "list": ("- 1\n", "must be a mapping with the keys instances, tick_s, rate_window_s, apply, boot, service, limits"),
    "word": ("hello", "must be a mapping with the keys instances"),
    "empty": ("", "must be a mapping with the keys instances"),
    "comment only": ("# nothing\n", "must be a mapping with the keys instances"),
    "control character": ("a: \0\n", "unacceptable character #x0000"),
    "not UTF-8": (b"a: \xe9\n", "is not UTF-8 text (byte 3)"),
    "binary": (bytes(range(256)), "is not UTF-8 text (byte 128)"),
    "refers to itself": (POLICY + "instances: &a {min: *a}", "line 2, column 21: aliases are not allowed"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), BROKEN.values(), ids=BROKEN.keys())
def test_broken_file_is_refused_with_place_value_and_what_is_legal(
    path: Path, text: str | bytes, expected: str
) -> None:
    assert complaint(path, text).startswith(expected)


def test_missing_file_and_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"/none\.yaml: No such file or directory$"):
        load(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match=r": Is a directory$"):
        load(tmp_path)


def test_alias_bomb_is_refused_at_once(path: Path) -> None:
    """Aliases, which such files are made of, are not read at all."""
    levels = "\n".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    with at_most(1.0):
        assert complaint(path, f"a: &a [1, 1]\n{levels}\npolicy: {{rules: *i}}").endswith(
            "aliases are not allowed, write the value out"
        )


def test_merge_key_bomb_does_not_hang(path: Path) -> None:
    levels = "\n".join(
        f"{b}: &{b} {{<<: [{', '.join([f'*{a}'] * 9)}]}}" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    with at_most(1.0):
        complaint(path, f"a: &a {{x: 1}}\n{levels}\n{POLICY}")


CRASHES = {
    "digits without end": f"instances: {{max: {'9' * 5000}}}",
    "hexadecimal without end": f"instances: {{max: 0x{'f' * 5000}}}",
    "date that does not exist": "tick_s: 2024-13-45",
    "tag on the wrong value": "tick_s: !!int abc",
    "truth that is none": "tick_s: !!bool maybe",
    "time that is none": "tick_s: !!timestamp noon",
    "number that is empty": "tick_s: !!int ''",
    "deeply nested": "limits: " + "[" * 1500,
}


@pytest.mark.parametrize("text", CRASHES.values(), ids=CRASHES.keys())
def test_file_that_the_parser_chokes_on_is_refused_like_any_other(path: Path, text: str) -> None:
    complaint(path, POLICY + text)


UNHELPFUL = {
    "suggests the key that was written": (POLICY + "service: {max: 3}", "service.max: is not a known key", "mean max?"),
    "misspelt key of all": ("polcy: {target: {rate_per_instance: 8}}", "polcy: is not a known key", ""),
    "misspelt key of a policy": (POLICY.replace("_instance", "_instanc"), "policy.target.rate_per_instanc: is not", ""),
    "misspelt key of a rule": (ADD.replace("metric", "metrc"), "policy.rules[0].when.metrc", ""),
    "names a class": (POLICY + "instances: 5", "instances", "instance of Instances"),
    "key with a line break": (POLICY + '"a\\nb": 1', "", "\n"),
    "value without end": (POLICY + f"apply: {'x' * 5000}", "apply: 'xxx", "x" * 1000),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected", "without"), UNHELPFUL.values(), ids=UNHELPFUL.keys())
def test_message_leads_to_the_mistake(path: Path, text: str, expected: str, without: str) -> None:
    message = complaint(path, text)
    assert message.startswith(expected)
    assert not without or without not in message


def test_key_that_is_given_twice_is_refused(path: Path) -> None:
    complaint(path, POLICY + POLICY.replace("8", "9"))


@pytest.mark.parametrize("value", ["yes", "'3'"])
def test_what_is_no_number_is_refused_as_one(path: Path, value: str) -> None:
    complaint(path, POLICY + f"instances: {{min: {value}}}")


@pytest.mark.parametrize(
    ("policy", "place", "rest"),
    [
        ("target: {rate_per_server: 8}", "rate_per_server",
         "did you mean rate_per_instance? known are rate_per_instance, tolerance, drain_queue_s"),
        ("rules: [{when: {metrc: offered_rps}}]", "[0].when.metrc",
         "did you mean metric? known are metric, above, below, for_s"),
        ("hpa: {behavior: {scale_up: {policies: [{kind: Pods}]}}}", "behavior.scale_up.policies[0].kind",
         "known are type, value, period_s"),
        ("python: {klass: steps.Steps}", "klass", "did you mean class? known are class, options"),
        ("nomad: {checks: [{name: a, strategy: {target-value: {target: 1}}}]}", "checks[0].strategy.target-value",
         "did you mean target_value? known are target_value, threshold, fixed_value, pass_through"),
    ],
)  # fmt: skip
def test_unknown_option_of_a_policy_is_told_with_those_of_its_place(
    path: Path, policy: str, place: str, rest: str
) -> None:
    name = policy.split(":")[0]
    here = f"policy.{name}{place}" if place.startswith("[") else f"policy.{name}.{place}"
    assert complaint(path, f"policy: {{{policy}}}") == f"{here}: is not a known key; {rest}"
