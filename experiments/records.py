"""Files of results as strict records: what is read of them has the type and the bounds that were asked for, or the file
is broken."""

from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from controller.spelling import plain
from experiments.content import json_of, yaml_of
from experiments.journal import UNREADABLE

LONGEST_LINE = 300
LARGEST_AMOUNT = 1e12  # what records tell is summed, drawn and printed


def line_of(text: object) -> str:
    """Text of others in one line that a terminal shows as it is, at most LONGEST_LINE characters of it."""
    return plain(str(text))[:LONGEST_LINE]


class BrokenRun(Exception):
    """A file of results that cannot be read. The text is one line that names the file; `note` names it within results/,
    and `reason` does not name it."""

    def __init__(self, file: Path, reason: str) -> None:
        self.reason = line_of(reason)
        super().__init__(f"{line_of(file)}: {self.reason}")
        self.note = f"{line_of(f'{file.parent.name}/{file.name}')}: {self.reason}"


class Record(BaseModel):
    """Part of a file: numbers are numbers and finite, text is text; keys that are not named are left out."""

    model_config = ConfigDict(strict=True, frozen=True, allow_inf_nan=False)


Amount = Annotated[float, Field(ge=0, le=LARGEST_AMOUNT)]
Count = Annotated[int, Field(ge=0, le=int(LARGEST_AMOUNT))]
Some = TypeVar("Some", bound=Record)


def checked(model: type[Some], content: Any, file: Path) -> Some:
    """What `file` holds. Raises BrokenRun, which names the first thing that is wrong."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        wrong = f"lacks {place}" if first["type"] == "missing" else f"{place}: {first['msg']}"
        raise BrokenRun(file, wrong) from None


def read_text(file: Path) -> str:
    """All that is in `file`, which is UTF-8. Raises BrokenRun."""
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BrokenRun(file, "is missing") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BrokenRun(file, f"cannot be read ({error})") from None


def read_mapping(file: Path) -> dict[str, Any]:
    """The JSON or YAML mapping in `file`; all in it is as experiments.content demands. Raises BrokenRun."""
    text = read_text(file)
    try:
        value = json_of(text) if file.suffix == ".json" else yaml_of(text)
    except UNREADABLE as error:
        raise BrokenRun(file, f"is cut off or malformed ({error})") from None
    if not isinstance(value, dict):
        raise BrokenRun(file, "should hold a mapping")
    return value
