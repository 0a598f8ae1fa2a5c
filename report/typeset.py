"""Draws the figures, writes the data file, and lets Typst set the page."""

import json
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typst

from experiments.loading import Run
from report import document, style
from report.bench import Bench, bench_data
from report.bench_figure import bench_figure
from report.figures import HEIGHT_MM, signature_figure
from report.series import DEMAND_WINDOW_S
from report.startup_figure import MOST_BARS, startup_figure

HERE = Path(__file__).parent
# Room for a run's figures on their page, for the second one's caption, and for the figure of a run without decisions,
# which shares the page with the tables.
FIGURES_PAGE_MM, CAPTION_MM, SHARED_PAGE_MM = 233.0, 20.0, 100.0
SOURCES = ("report.typ", "architecture.svg", "lifecycle.svg")
DEFINITIONS = [
    ["offered rate", "requests due per second by the schedule of the load, sent or not"],
    ["served, rejected, failed", "answered properly; answered 429 by the rate limit; any other end"],
    ["dropped", "due, but never sent by the load generator; shown only where there were any"],
    ["latency", "end of the answer minus the time at which the request was due, served requests only"],
    [
        "needed",
        "ceil(offered rate / rate limit), at least 1 while there is load; "
        f"the rate is the mean over {DEMAND_WINDOW_S:g} s around each second; no headroom is counted",
    ],
    ["wanted, in service", "asked for by the policy after the limits; taking traffic; both as recorded at each tick"],
    ["under-, over-provisioned", "needed minus in service where that is above zero; in service minus needed likewise"],
    ["instance-seconds", "the cost: in-service instances, summed over time"],
    [
        "oracle",
        "the cheapest fleet that would have served everything at once: instances for the requests of each last second, "
        "paid from their order on, which is the run’s median time to service ahead; stops cost nothing",
    ],
    ["decision to in service", "from the controller's decision until HAProxy sends traffic to the new instance"],
    ["decision to first answer", "from the decision until the new instance has answered its first request"],
    ["lag", "how much later than due the load generator sent a request"],
    ["valid", "the load generator kept its schedule, so that what was offered is what the scenario says"],
]


def signature_svg(run: Run, standalone: bool, height_mm: float = HEIGHT_MM) -> str:
    """The run's large figure as SVG; standalone means legible outside the report, with letters as outlines."""
    figure = signature_figure(run, document.listed_decisions(run.decisions["reason"].astype(str).tolist()), height_mm)
    return style.to_svg(figure, standalone)


def write_figures(run: Run, name: str, folder: Path) -> dict[str, Any]:
    """Write the run's figures into `folder`; returns their names for report.typ."""
    signature, startup = f"{name}-signature.svg", startup_figure(run)
    used_mm = startup.get_figheight() / style.MM + CAPTION_MM if startup is not None else 0.0
    height_mm = FIGURES_PAGE_MM - used_mm if len(run.decisions) else SHARED_PAGE_MM
    svg = signature_svg(run, standalone=False, height_mm=height_mm)
    (folder / signature).write_text(svg, encoding="utf-8")
    if startup is not None:
        (folder / f"{name}-startup.svg").write_text(style.to_svg(startup, standalone=False), encoding="utf-8")
    return {
        "signature": signature,
        "startup": f"{name}-startup.svg" if startup is not None else None,
        "startup_caption": startup_caption(run),
    }


def startup_caption(run: Run) -> str:
    """What the second figure shows, panel by panel; empty if it shows nothing."""
    started = len(run.starts.dropna(subset=["clone_ms", "total_ms"]))
    parts = []
    if started:
        shown = f" the first {MOST_BARS} of {started} instances" if started > MOST_BARS else " each instance"
        parts.append(
            f"Where the time of a scale-up goes, for{shown} of run {document.name_of(run)}; the thick bar sets the "
            "medians of the stages side by side."
        )
    if run.reloads["took_ms"].notna().any():
        parts.append("The duration of each reload of HAProxy; the dashed line is the median.")
    if len(parts) < 2:
        return "".join(parts)
    return " ".join(f"({letter}) {part}" for letter, part in zip("ab", parts, strict=True))


def write_bench(bench: Bench, folder: Path) -> dict[str, Any]:
    """What report.typ needs for the benchmarks, their figure written into `folder`."""
    figure = bench_figure(bench)
    if figure is not None:
        (folder / "bench.svg").write_text(style.to_svg(figure, standalone=False), encoding="utf-8")
    return {**bench_data(bench), "figure": "bench.svg" if figure is not None else None}


def write_report(runs: list[Run], notes: list[str], output: Path, bench: Bench | None = None) -> None:
    """Typeset `runs`, newest first, and the benchmarks into the PDF `output`. The same runs give the same bytes."""
    with tempfile.TemporaryDirectory(prefix="tidebed-report-") as name:
        folder = Path(name)
        for source in SOURCES:
            shutil.copy(HERE / source, folder / source)
        sections = [
            {**document.run_data(run, runs), **write_figures(run, f"run-{number}", folder)}
            for number, run in enumerate(runs, start=1)
        ]
        data = {
            "date": document.date_words(runs[0]),
            "machine": document.machine_line(runs[0]),
            "abstract": document.abstract(runs),
            "notes": notes,
            "overview": document.overview_rows(runs),
            "runs": sections,
            "environment": document.environment_rows(runs),
            "definitions": DEFINITIONS,
            "bench": write_bench(bench, folder) if bench is not None else None,
        }
        (folder / "data.json").write_text(json.dumps(data), encoding="utf-8")
        compile_pdf(folder, output, document.when(runs[0]))


def compile_pdf(folder: Path, output: Path, made: datetime | None) -> None:
    """Let Typst set folder/report.typ, with the typefaces that it carries itself and none of the host's."""
    pdf = typst.compile(
        str(folder / "report.typ"),
        root=str(folder),
        font_paths=typst.Fonts(include_system_fonts=False),
        timestamp=int((made or datetime.fromtimestamp(0, UTC)).timestamp()),
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_bytes(pdf)
