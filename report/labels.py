"""Names beside points, where they find room."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.transforms import Bbox

from report import style

Point = tuple[float, float]
# Places to try, in points from the mark: the nearest first, then farther away with a hair line.
PLACES = tuple(
    (x, y, "left" if x > 0 else "right" if x < 0 else "center", "bottom" if y > 0 else "top" if y < 0 else "center")
    for far in (1.0, 2.2, 3.6, 5.2)
    for right, above in ((4, 0), (3, 3), (3, -3), (-4, 0), (-3, 3), (-3, -3), (0, 4), (0, -4), (4, 7), (4, -7), (-4, 7))
    for x, y in ((right * far, above * far),)
)


def label_points(axes: Axes, names: Sequence[str], points: Sequence[Point], bold: frozenset[str] = frozenset()) -> None:
    """Each name at the first place that hides no point and no other name; at the last one where there is none."""
    pixels = axes.transData.transform(list(points))
    taken = [Bbox.from_bounds(x - 4, y - 4, 8, 8) for x, y in pixels]
    frame = axes.get_window_extent()
    for name, point in zip(names, points, strict=True):
        weight = "bold" if name in bold else "normal"
        for x, y, across, along in PLACES:
            text = axes.annotate(
                name, point, (x, y), textcoords="offset points", ha=across, va=along, fontsize=style.SMALL_PT,
                fontweight=weight, arrowprops=HAIR if abs(x) + abs(y) > 9 else None, annotation_clip=False,
            )  # fmt: skip
            box = text.get_window_extent()
            free = not any(box.overlaps(other) for other in taken)
            if free and frame.x0 <= box.x0 and box.x1 <= frame.x1 + 4 and frame.y0 <= box.y0 and box.y1 <= frame.y1 + 6:
                break
            text.remove()
        else:
            text = axes.annotate(name, point, (4, 0), textcoords="offset points", va="center", fontsize=style.SMALL_PT)
            box = text.get_window_extent()
        taken.append(box)


HAIR = {"arrowstyle": "-", "linewidth": 0.35, "color": style.GREY, "shrinkA": 0, "shrinkB": 2}
