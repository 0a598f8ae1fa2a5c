"""Files of results as strict models: what is read of them has the type and the bounds that were asked for, or the file
is broken."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from experiments.journal import UNREADABLE
from experiments.loading import BrokenRun, read_text

LARGEST = 1e12  # of any number


class Record(BaseModel):
    """Part of a file: numbers are numbers and finite, text is text; keys that are not named are left out."""

    model_config = ConfigDict(strict=True, frozen=True, allow_inf_nan=False)


Amount = Annotated[float, Field(ge=0, le=LARGEST)]
Count = Annotated[int, Field(ge=0, le=int(LARGEST))]
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


def read_table(file: Path, is_read: Callable[[str], bool]) -> pd.DataFrame:
    """The columns that are read, of numbers, some of which may be missing or infinite; at least one row. Raises
    BrokenRun."""
    text = read_text(file)
    try:
        frame = pd.read_csv(io.StringIO(text), usecols=is_read, dtype="float64")
    except UNREADABLE as error:
        raise BrokenRun(file, f"is cut off or malformed ({error})") from None
    if frame.empty or not isinstance(frame.index, pd.RangeIndex) or not text.endswith("\n"):
        raise BrokenRun(file, "is cut off or malformed")
    return frame
