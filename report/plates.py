"""The folder that Typst reads: its sources, the figures, the data."""

import json
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typst
from matplotlib.figure import Figure

from report import style

HERE = Path(__file__).parent
SOURCES = ("report.typ", "page.typ", "architecture.svg", "lifecycle.svg")


class Plates:
    """Figures of one report, each written once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(HERE / "typ", folder / "typ")
        for source in SOURCES:
            shutil.copy(HERE / source, folder / source)

    def save(self, name: str, figure: Figure) -> str:
        """Write a figure; returns its name for the page."""
        (self.folder / f"{name}.svg").write_text(style.to_svg(figure, standalone=False), encoding="utf-8")
        return f"{name}.svg"

    def typeset(self, data: Mapping[str, Any], output: Path, made: datetime | None) -> None:
        """Let Typst set the report, with the typefaces that it carries itself and none of the host's; the same data
        and figures give the same bytes. Raises OSError, typst.TypstError."""
        text = json.dumps(data, ensure_ascii=False)  # a half of a character, as \ud800, would end Typst
        (self.folder / "data.json").write_bytes(text.encode("utf-8", errors="replace"))
        pdf = typst.compile(
            str(self.folder / "report.typ"),
            root=str(self.folder),
            font_paths=typst.Fonts(include_system_fonts=False),
            timestamp=int((made or datetime.fromtimestamp(0, UTC)).timestamp()),
        )
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_bytes(pdf)
