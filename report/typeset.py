"""Everything that the page shows, gathered section by section, and the PDF that Typst makes of it."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.loading import Run
from experiments.scenario import names
from report import chapters, comparison, environment, single, style, verdicts
from report.abstract import abstract_of
from report.bench import Bench
from report.capacity import Capacity
from report.choices import choice_rows
from report.definitions import DEFINITIONS
from report.loads import loads_of
from report.plates import Plates
from report.rises import Rises
from report.robustness import Trial, robustness_data
from report.signature import HEIGHT_MM, signature_figure
from report.simulated import Twin, load_twin, twins_of
from report.study import Study
from report.words import listed

TITLE = "Tidebed: autoscaling experiments on one host"
MOST_SHADOWED = 2  # runs whose shadows are shown


@dataclass(frozen=True)
class Contents:
    """What a report is made of, at least one study or single run. `singles` are the runs outside of experiments, newest
    first."""

    results: Path
    studies: Sequence[Study] = ()
    singles: Sequence[Run] = ()
    notes: Sequence[str] = ()
    bench: Bench | None = None
    capacities: Sequence[Capacity] = ()
    rises: Rises | None = None
    trials: Sequence[Trial] = ()

    @property
    def shown(self) -> list[Run]:
        """The runs that have figures of their own: middle repeats, then single runs."""
        studies = [study for study in self.studies if study.name != comparison.NAME]
        return [*(run for study in studies for run in study.middle.values()), *self.singles]

    def newest_run(self) -> Run | None:
        """The newest of the runs with figures of their own; None where there is no run at all."""
        return max(self.shown, key=lambda run: run.run_id, default=None)

    @property
    def infos(self) -> list[environment.Info]:
        """The run.json of every run that counts, the newest first."""
        infos = [info for study in self.studies for info in study.infos()] + [run.info for run in self.singles]
        return sorted(infos, key=lambda info: str(info.get("started")), reverse=True)


def write_report(contents: Contents, output: Path) -> None:
    """Typeset everything into the PDF `output`. The same contents give the same bytes."""
    with tempfile.TemporaryDirectory(prefix="tidebed-report-") as name:
        plates = Plates(Path(name))
        infos = contents.infos
        plates.typeset(page_data(contents, infos, plates), output, environment.when(infos[0]))


def page_data(contents: Contents, infos: Sequence[environment.Info], plates: Plates) -> dict[str, Any]:
    studies, singles = contents.studies, contents.singles
    twins = compared_runs(contents)
    compared = next((study for study in studies if study.name == comparison.NAME), None)
    shadowed = [run for run in contents.shown if len(run.shadows)][:MOST_SHADOWED]
    return {
        "title": TITLE,
        "date": environment.date_words(infos[0]),
        "machine": environment.machine_line(infos[0]),
        "abstract": abstract_of(studies, singles, twins),
        "verdicts": verdicts.verdicts_data(studies),
        "choices": choice_rows(contents.bench, studies),
        "facts": chapters.method_facts(studies) if studies else None,
        "capacity": chapters.capacity_section(contents.capacities, studies, singles, plates),
        "loads": chapters.loads_section(loads_of(studies, singles), plates),
        "experiments": [chapters.experiment_section(study, plates) for study in studies if study is not compared],
        "comparison": chapters.comparison_section(compared, plates) if compared is not None else None,
        "simulator": chapters.simulator_section(twins, plates),
        "rises": chapters.rises_section(contents.rises, plates),
        "shadows": chapters.shadows_section(shadowed, plates),
        "robustness": robustness_data(contents.trials, plates.save),
        "missing": missing(contents, twins),
        "environment": environment.environment_rows(infos),
        "definitions": DEFINITIONS,
        "notes": list(contents.notes),
        "overview": single.overview_rows(singles),
        "runs": [chapters.run_section(run, singles, f"run-{number}", plates) for number, run in enumerate(singles, 1)],
        "bench": chapters.bench_section(contents.bench, plates),
    }


def compared_runs(contents: Contents) -> list[Twin]:
    """The runs that were compared with their simulation, those of the comparison of policies aside."""
    single_runs = (load_twin(single.name_of(run), run, contents.results / run.run_id) for run in contents.singles)
    studies = [study for study in contents.studies if study.name != comparison.NAME]
    return [*twins_of(studies), *(twin for twin in single_runs if twin is not None)]


def missing(contents: Contents, twins: Sequence[Twin]) -> list[tuple[str, str]]:
    """What a full set of experiments has and this report does not, each with the command that makes it."""
    absent = [name for name in names() if name not in {study.name for study in contents.studies}]
    everything, compare = "make experiments", "sudo python -m experiments compare ramp"
    lines = (
        (bool(absent), f"Experiments not run: {listed(absent)}.", everything),
        (not contents.capacities, "The capacity of instances was not measured.", everything),
        (not twins, "No run was compared with its simulation.", compare),
        (contents.rises is None, "No rises of the load were simulated.", "python -m experiments sweep"),
        (contents.bench is None, "The benchmarks were not run.", "make bench"),
    )
    return [(told, command) for is_missing, told, command in lines if is_missing]


def signature_svg(run: Run, standalone: bool, height_mm: float = HEIGHT_MM) -> str:
    """The run's large figure as SVG; standalone means legible outside the report, with letters as outlines."""
    return style.to_svg(signature_figure([run], listed=single.listed(run), height_mm=height_mm), standalone)
