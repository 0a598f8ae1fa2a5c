"""Text of others, as a folder's name or a title, is shown whatever it holds."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typst

from experiments.loading import IncompleteRun
from experiments.records import BrokenRun
from report import style
from report.__main__ import main
from tests.report.synthetic import copy_run
from tests.report.test_report import report_of


@pytest.mark.parametrize("name", [b"20261121-05\xff-x", b"20261121-05\n-x", b"20261121-05\x1b[31m-x"])
@pytest.mark.parametrize("status", ["complete", "interrupted\n\ud800", None])
def test_a_folder_whose_name_is_no_plain_text_is_told_as_one(
    name: bytes, status: str | None, tmp_path: Path, small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = tmp_path / "results"
    shutil.copytree(small, results / small.name)
    folder = copy_run(results, small, "20261121-051500-x", {"status": status} if status else {}, {})
    if status is None:
        (folder / "run.json").unlink()
    folder.rename(folder.with_name("x").parent / Path(str(name, "utf-8", "surrogateescape")))
    lines, _ = report_of(results, capsys)
    assert len(lines) == (status != "complete")
    assert all(line.isprintable() for line in lines)


@pytest.mark.parametrize("error", [BrokenRun, IncompleteRun])
def test_what_is_told_of_a_file_can_be_printed(error: Callable[[Path, str], Exception]) -> None:
    told = error(Path("results/\udcff\n\x1b[31m/run.json"), "is\n\udcff")
    assert str(told).isprintable()
    assert told.note.isprintable()  # type: ignore[attr-defined]


def test_what_typst_refuses_is_one_line(
    tmp_path: Path, small: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: Any, **__: Any) -> bytes:
        raise typst.TypstError("unknown variable:\nx")  # type: ignore[call-arg]

    monkeypatch.setattr(typst, "compile", refuse)
    shutil.copytree(small, tmp_path / small.name)
    assert main(["--results", str(tmp_path), "--output", str(tmp_path / "report.pdf")]) == 1
    assert capsys.readouterr().err == "cannot write: unknown variable: x\n"


def test_a_run_of_the_year_one_is_shown(tmp_path: Path, small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy_run(tmp_path / "results", small, small.name, {"started": "0001-01-01"}, {})
    assert report_of(tmp_path / "results", capsys)[0] == []


@pytest.mark.filterwarnings("ignore:Glyph")
@pytest.mark.parametrize("text", ["a\x00\x1b", "\ufffe", "$\\foo$"])
def test_any_text_can_be_drawn(text: str, tmp_path: Path) -> None:
    with style.look():
        figure, ((axes,),) = style.page_figure(30)
        axes.set_title(text)
        svg = style.to_svg(figure, standalone=False)
    (tmp_path / "figure.svg").write_text(svg, encoding="utf-8")
    (tmp_path / "page.typ").write_text('#image("figure.svg")')
    assert typst.compile(str(tmp_path / "page.typ"), root=str(tmp_path)).startswith(b"%PDF")
