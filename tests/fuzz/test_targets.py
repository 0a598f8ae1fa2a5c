"""Every fuzz target: its seeds, and inputs near them; and the fuzzer itself, for a moment."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz import campaign
from tests.fuzz.campaign import Campaign
from tests.fuzz.edits import TOKEN, Editor, tokens_of
from tests.fuzz.target import ROOT, SLOW_S, Finding, Slow, at_most, check_words
from tests.fuzz.targets import FAMILIES, target_of

every_target = pytest.mark.parametrize("name", FAMILIES)
with_atheris = pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="Atheris is not installed here")


@every_target
def test_seeds_pass(name: str) -> None:
    for seed in target_of(name).seeds():
        target_of(name).check(seed)


@every_target
@settings(max_examples=40)
@given(data=st.data())
def test_inputs_near_the_seeds_are_read_or_refused(name: str, data: st.DataObject) -> None:
    seeds = target_of(name).seeds()
    random = data.draw(st.integers(0, 2**32))
    edited = Editor(seeds).edited(data.draw(st.sampled_from(seeds)), Random(random))
    with at_most(SLOW_S):
        target_of(name).check(edited)


@given(st.binary(max_size=200))
def test_words_of_an_input_are_all_of_it(data: bytes) -> None:
    assert b"".join(tokens_of(data)) == data
    assert TOKEN.fullmatch(b"policy.rules") and TOKEN.fullmatch(b"-1.5")


def test_what_takes_too_long_is_interrupted_whatever_it_catches() -> None:
    with pytest.raises(Slow), at_most(0.05):
        while True:
            try:
                sum(range(1000))
            except Exception:
                continue


@pytest.mark.parametrize("words", ["", "two\nlines", "bell\x07", "\ud800", "x" * 5000])
def test_words_that_no_one_can_read_are_a_finding(words: str) -> None:
    with pytest.raises(Finding):
        check_words(words)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.fuzz", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_an_input_is_tried_again_without_the_fuzzer(tmp_path: Path) -> None:
    (tmp_path / "trace").write_text("0,1\n1,2\n")
    assert run("trace", "--input", str(tmp_path / "trace")).returncode == 0
    refused = run("--input", str(tmp_path / "trace"), "nothing")
    assert refused.returncode == 2
    assert "invalid choice: 'nothing'" in refused.stderr


@with_atheris
def test_fuzzer_counts_what_it_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "FOLDER", tmp_path)
    said: list[str] = []
    made = Campaign("haproxy", 0.5, said.append)
    assert made.run(), said
    assert made.inputs > 10
    assert made.edges > 10
    assert said[-1].startswith("haproxy: ") and said[-1].endswith("nothing found")
    assert list((tmp_path / "haproxy" / "corpus").iterdir())
