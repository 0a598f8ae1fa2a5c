"""Files of results as strict models: what is read of them has the type and the bounds that were asked for, or the file
is broken."""

from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from experiments.loading import BrokenRun

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
