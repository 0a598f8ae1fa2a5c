"""The results as text: a table a benchmark and quantity, with each way's ratio to the first one."""

from collections.abc import Iterator
from typing import Any

HEADER = ("", "n", "median", "p95", "p99", "least", "greatest", "ratio")
ENOUGH = {"p95": 5, "p99": 100}  # samples for a percentile to mean anything
Record = dict[str, Any]


def text_table(benchmarks: list[Record]) -> list[str]:
    """The lines to print."""
    lines: list[str] = []
    for entry in benchmarks:
        lines += [*([""] if lines else []), entry["title"]]
        for what, series in quantities(entry["series"]):
            rows = [(f"{what} ({series[0]['unit']})", *HEADER[1:]), *table_rows(series)]
            lines += ["", *aligned(rows)]
        lines += [f"  {note}" for note in entry["notes"]]
        lines += [f"  failed: {entry['error']}"] if entry["error"] else []
    return lines


def quantities(series: list[Record]) -> Iterator[tuple[str, list[Record]]]:
    """The quantities that are shown, each with the series of its ways, in the order of the record."""
    shown = [each for each in series if not each["detail"] and each["n"]]
    for what in dict.fromkeys(each["what"] for each in shown):
        yield what, [each for each in shown if each["what"] == what]


def table_rows(series: list[Record]) -> list[tuple[str, ...]]:
    """A row a way: name, n, median, p95, p99, least, greatest, and the median's ratio to the first way's."""
    first = series[0]["median"]
    return [
        (
            each["way"],
            str(each["n"]),
            *(
                short(each[name]) if each["n"] >= ENOUGH.get(name, 0) else "-"
                for name in ("median", "p95", "p99", "min", "max")
            ),
            f"{each['median'] / first:.2f}" if first and len(series) > 1 else "",
        )
        for each in series
    ]


def short(value: float) -> str:
    """A number with three significant digits, or all digits before the point."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def aligned(rows: list[tuple[str, ...]]) -> list[str]:
    """The first column to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for name, *cells in rows:
        numbers = (cell.rjust(width + 2) for cell, width in zip(cells, widths[1:], strict=True))
        lines.append(f"  {name.ljust(widths[0])}{''.join(numbers)}".rstrip())
    return lines
