"""Everything that the page shows, gathered section by section, and the PDF that Typst makes of it."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from experiments.journal import UNREADABLE
from experiments.loading import Run
from experiments.records import BrokenRun, line_of
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
from report.simulated import Twin, twins_of
from report.study import Study
from report.words import listed

TITLE = "Tidebed: autoscaling experiments on one host"
MOST_SHADOWED = 2  # runs whose shadows are shown
UNREAD = "Left out of figures and tables: {}."
FAULTS: tuple[type[Exception], ...] = (BrokenRun, *UNREADABLE)  # that leave out what they come from


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
    def is_some(self) -> bool:
        """Is there anything to make a report of?"""
        return bool(self.studies or self.singles)

    @property
    def shown(self) -> list[Run]:
        """The runs that have figures of their own: middle repeats, then single runs."""
        studies = [study for study in self.studies if study.name != comparison.NAME]
        return [*(run for study in studies for run in study.middle.values()), *self.singles]

    def newest_run(self) -> Run | None:
        """The newest of the runs with figures of their own; None where there is no run at all."""
        return max(self.shown, key=lambda run: run.run_id, default=None)

    @property
    def parts(self) -> "Iterator[tuple[str, Contents]]":
        """All of it, each part alone and by its name."""
        for study in self.studies:
            yield f"the experiment {study.name}", Contents(self.results, studies=[study])
        for run in self.singles:
            yield f"the run {run.run_id}", Contents(self.results, singles=[run])
        for capacity in self.capacities:
            yield f"the measurement {capacity.name}", Contents(self.results, capacities=[capacity])
        for trial in self.trials:
            yield f"the trial {trial.folder.name}", Contents(self.results, trials=[trial])
        if self.bench is not None:
            yield f"the benchmarks {self.bench.info.get('bench_id', '')}", Contents(self.results, bench=self.bench)
        if self.rises is not None:
            yield "the newest sweep", Contents(self.results, rises=self.rises)

    @cached_property
    def infos(self) -> list[environment.Info]:
        """The run.json of every run that counts, the newest first."""
        infos = [info for study in self.studies for info in study.infos()] + [run.info for run in self.singles]
        return sorted(infos, key=lambda info: str(info.get("started")), reverse=True)


def write_report(contents: Contents, output: Path) -> Contents:
    """Typeset everything into the PDF `output`; returns what it shows, with a note for all that had to be left out, and
    writes nothing where no study or run is left. The same contents give the same bytes. Raises OSError,
    typst.TypstError."""
    with tempfile.TemporaryDirectory(prefix="tidebed-report-") as name:
        plates = Plates(Path(name))
        try:
            data = page_data(contents, plates)
        except FAULTS:
            left = without_faulty(contents, plates)
            if len(left.notes) == len(contents.notes):
                raise
            contents, data = left, page_data(left, plates) if left.is_some else {"notes": left.notes}
        if contents.is_some:
            plates.typeset(data, output, environment.when(contents.infos[0]))
    return replace(contents, notes=data["notes"])


def without_faulty(contents: Contents, plates: Plates) -> Contents:
    """What is left when each part that no page can be made of is noted and left out: the last resort for what the
    readers let through."""
    left, notes = Contents(contents.results), [*contents.notes]
    for name, part in contents.parts:
        try:
            page_data(part, plates)
        except FAULTS as error:
            reason = line_of(f"{type(error).__name__}: {error}")
            notes.append(f"No page can be made of {line_of(name)}, which is left out: {reason}.")
        else:
            left = joined(left, part)
    return replace(left, notes=notes)


def joined(first: Contents, second: Contents) -> Contents:
    return Contents(
        first.results, [*first.studies, *second.studies], [*first.singles, *second.singles],
        [*first.notes, *second.notes], first.bench or second.bench, [*first.capacities, *second.capacities],
        first.rises or second.rises, [*first.trials, *second.trials],
    )  # fmt: skip


def page_data(contents: Contents, plates: Plates) -> dict[str, Any]:
    """What the page tells, with its figures written."""
    studies, singles, infos = contents.studies, contents.singles, contents.infos or [{}]
    twins, unread = twins_of([study for study in studies if study.name != comparison.NAME], singles, contents.results)
    compared = next((study for study in studies if study.name == comparison.NAME), None)
    shadowed = [run for run in contents.shown if len(run.shadows)][:MOST_SHADOWED]
    data = {
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
        "overview": single.overview_rows(singles),
        "runs": [chapters.run_section(run, singles, f"run-{number}", plates) for number, run in enumerate(singles, 1)],
        "bench": chapters.bench_section(contents.bench, plates),
    }
    return data | {"notes": notes_of(contents, unread)}


def notes_of(contents: Contents, unread: Sequence[str]) -> list[str]:
    """What had to be left out, with what was found so while the figures were made, each once."""
    runs = [note for study in contents.studies for note in study.unread.values()]
    return list(dict.fromkeys([*contents.notes, *(UNREAD.format(note) for note in [*unread, *runs])]))


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
