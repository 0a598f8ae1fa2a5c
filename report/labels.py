"""Names beside points, where they find room."""

import math
from collections.abc import Collection, Sequence

from matplotlib.axes import Axes
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

from report import style

Point = tuple[float, float]
# Places to try, in points from the mark: the nearest first, then farther away with a hair line.
PLACES = tuple(
    (far * math.cos(angle), far * math.sin(angle))
    for far in (4.5, 9, 14, 20, 27, 35, 44, 54)
    for angle in map(math.radians, (0, 180, 45, -45, 135, -135, 90, -90, 65, 115, 25, 155))
)
HAIR = {"arrowstyle": "-", "linewidth": 0.35, "color": style.GREY, "shrinkA": 0, "shrinkB": 2}
HAIR_PT = 8.0  # from this distance on a label has a hair line to its mark


def label_points(
    axes: Axes, names: Sequence[str], points: Sequence[Point], avoid: Sequence[Point] = (), bold: Collection[str] = ()
) -> None:
    """Each name at the first place that hides no point, none of those to avoid, and no other name; at the nearest one
    where there is none."""
    taken = [Bbox.from_bounds(x - 4, y - 4, 8, 8) for x, y in axes.transData.transform([*points, *avoid])]
    frame = axes.get_window_extent()
    for name, point in zip(names, points, strict=True):
        for place in PLACES:
            text = write(axes, name, point, place, name in bold)
            if is_free(text.get_window_extent(), taken, frame):
                break
            text.remove()
        else:
            place = PLACES[0]
            text = write(axes, name, point, place, name in bold)
        taken.append(text.get_window_extent())
        if math.hypot(*place) > HAIR_PT:
            axes.annotate("", point, place, textcoords="offset points", arrowprops=HAIR)


def is_free(box: Bbox, taken: Sequence[Bbox], frame: Bbox) -> bool:
    inside = frame.x0 <= box.x0 and box.x1 <= frame.x1 + 4 and frame.y0 <= box.y0 and box.y1 <= frame.y1 + 6
    return inside and not any(box.overlaps(other) for other in taken)


def write(axes: Axes, name: str, point: Point, place: Point, bold: bool) -> Annotation:
    x, y = place
    across = "left" if x > 1 else "right" if x < -1 else "center"
    along = "bottom" if y > 1 else "top" if y < -1 else "center"
    return axes.annotate(
        name, point, place, textcoords="offset points", fontsize=style.SMALL_PT, annotation_clip=False, ha=across,
        va=along, fontweight="bold" if bold else "normal",
    )  # fmt: skip
