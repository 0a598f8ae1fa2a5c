"""Documents with a wrong value somewhere: a reader must read or refuse them, and never fail in another way."""

from typing import Any

from hypothesis import strategies as st

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["0", "-1", "1e999"])
)
VALUES = st.recursive(
    SCALARS, lambda each: st.lists(each, max_size=2) | st.dictionaries(st.text(max_size=3), each, max_size=2)
)


def spoil(document: Any, data: st.DataObject) -> None:
    """Put any value in the place of one of the document's."""
    keys = list(document) if isinstance(document, dict) else list(range(len(document)))
    key = data.draw(st.sampled_from(keys))
    if isinstance(document[key], dict | list) and document[key] and data.draw(st.integers(0, 9)):
        spoil(document[key], data)
    else:
        document[key] = data.draw(VALUES)
