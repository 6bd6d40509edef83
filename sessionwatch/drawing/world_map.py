"""A map of places with how wrong each may be, as one SVG that asks nobody for anything."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple
from xml.etree.ElementTree import Element, SubElement, tostring

from geo.outline import Point, outline
from sessionwatch.drawing.labels import FONT_PX, LINE_PX, Box, placed
from sessionwatch.drawing.sphere import RADIUS_DRAWN_MAX_KM, circle, closed, way
from sessionwatch.drawing.views import View

SPOTS_MAX: Final = 500
"""Places drawn on one map; the map says how many more there are."""
LABEL_MAX: Final = 48
"""Characters of a label that are drawn; the place's title has all of it."""

WIDTH_PX: Final = 640.0
HEIGHT_PX: Final = 360.0
SPOT_PX: Final = 4.0


class Spot(NamedTuple):
    """A place on a map: degrees, how wrong it may be (`radius_km` >= 0), and what is written beside it."""

    latitude: float
    longitude: float
    radius_km: float
    label: str = ""


def world_map(
    spots: Sequence[Spot],
    joined: Iterable[tuple[int, int]] = (),
    *,
    title: str = "",
    width: float = WIDTH_PX,
    height: float = HEIGHT_PX,
) -> str:
    """An SVG of `spots` with their circles, of the part of the world where they are.

    `joined` are pairs of spots, by their numbers, with the shortest way between them drawn. The circles are true
    distances on the sphere: far from the equator they are no ellipses, and rightly so. Colours are attributes, so a
    page's own style may change them by the classes `sea`, `land`, `radius`, `edge`, `way`, `spot` and `label`. Labels
    that find no room on the map stand below it. `width` and `height` in px.

    >>> world_map([Spot(45.46, 9.19, 20, "Milan, IT")]).count("<circle")
    1
    """
    shown = list(spots[:SPOTS_MAX])
    rings = [circle(spot.latitude, spot.longitude, spot.radius_km) for spot in shown]
    ways = [way(_at(shown[a]), _at(shown[b])) for a, b in joined if max(a, b) < len(shown)]
    view = View.around(_to_be_seen(shown, rings, ways), width, height)
    below: list[str] = []
    svg = Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "role": "img", "class": "map"})
    SubElement(svg, "title").text = title or _told(shown)
    # An svg within the svg cuts at its own edge, and needs no name that could be taken on a page with more maps.
    paper = SubElement(svg, "svg", {"width": _px(width), "height": _px(height), "overflow": "hidden"})
    _draw_world(paper, view)
    for line in ways:
        _path(paper, view.copies(line), "way", {"fill": "none", "stroke": "#9a3412", "stroke-width": "1.5"})
    for ring in rings:
        # The edge is drawn apart, because around a pole only a part of what is filled is edge.
        _path(paper, view.copies(closed(ring)), "radius", {"fill": "#9a3412", "fill-opacity": "0.16"})
        _path(paper, view.copies(ring), "edge", {"fill": "none", "stroke": "#9a3412", "stroke-opacity": "0.7"})
    below += _draw_spots(paper, view, shown)
    if len(spots) > len(shown):
        below.append(f"and {len(spots) - len(shown):,} more places")
    _write_below(svg, below, width, height)
    return tostring(svg, encoding="unicode")


def _at(spot: Spot) -> tuple[float, float]:
    return spot.latitude, spot.longitude


def _to_be_seen(spots: Sequence[Spot], rings: Sequence[list[Point]], ways: Sequence[list[Point]]) -> list[Point]:
    seen = [(spot.longitude, spot.latitude) for spot in spots]
    return seen + [point for line in (*rings, *ways) for point in line]


def _told(spots: Sequence[Spot]) -> str:
    """The map in words."""
    told = (f"{spot.label or 'a place'} (within {spot.radius_km:,.0f} km)" for spot in spots)
    return "Map: " + ", ".join(told) if spots else "Map of the world"


def _draw_world(paper: Element, view: View) -> None:
    size = {"width": _px(view.width), "height": _px(view.height)}
    SubElement(paper, "rect", {"class": "sea", "fill": "#e8eef3", **size})
    land = [copy for ring in outline() for copy in view.land(ring.points)]
    look = {"fill": "#ffffff", "stroke": "#8fa1b0", "stroke-width": "0.6", "fill-rule": "evenodd"}
    _path(paper, land, "land", look, shut=True)


def _draw_spots(paper: Element, view: View, spots: Sequence[Spot]) -> list[str]:
    """Dots and labels; what found no room is returned."""
    dots = [next(view.copies([(spot.longitude, spot.latitude)]))[0] for spot in spots]
    texts = [_cut_short(spot.label) for spot in spots]
    for spot, (x, y) in zip(spots, dots, strict=True):
        look = {"class": "spot", "cx": _px(x), "cy": _px(y), "r": _px(SPOT_PX), "fill": "#9a3412", "stroke": "#ffffff"}
        SubElement(SubElement(paper, "circle", look), "title").text = _about(spot)
    # Two alerts from one place are one label.
    wanted = list(dict.fromkeys((*dot, text) for dot, text in zip(dots, texts, strict=True) if text))
    taken = [Box(x - SPOT_PX, y - SPOT_PX, 2 * SPOT_PX, 2 * SPOT_PX) for x, y in dots]
    without_room = []
    for (x, y, text), box in zip(wanted, placed(wanted, view.width, view.height, taken), strict=True):
        if box is None:
            without_room.append(text)
        else:
            _label(paper, text, box, (x, y))
    return without_room


def _about(spot: Spot) -> str:
    drawn = f", drawn with {RADIUS_DRAWN_MAX_KM:,} km" if spot.radius_km > RADIUS_DRAWN_MAX_KM else ""
    where = f"{spot.latitude:.2f}, {spot.longitude:.2f}"
    return f"{spot.label or 'place'}: within {spot.radius_km:,.0f} km of {where}{drawn}"


def _label(paper: Element, text: str, box: Box, dot: tuple[float, float]) -> None:
    near = (min(max(dot[0], box.x), box.x + box.width), min(max(dot[1], box.y), box.y + box.height))
    if abs(near[0] - dot[0]) + abs(near[1] - dot[1]) > 2 * LINE_PX:
        ends = {"x1": _px(dot[0]), "y1": _px(dot[1]), "x2": _px(near[0]), "y2": _px(near[1])}
        SubElement(paper, "line", {"class": "leader", "stroke": "#41505c", "stroke-width": "0.7", **ends})
    look = {"class": "label", "font-size": _px(FONT_PX), "font-family": "sans-serif", "fill": "#17212b"}
    halo = {"stroke": "#ffffff", "stroke-width": "3", "paint-order": "stroke", "stroke-linejoin": "round"}
    # In the middle of the box, because it is a little wider than the text.
    where = {"x": _px(box.x + box.width / 2), "y": _px(box.y + LINE_PX * 0.76), "text-anchor": "middle"}
    SubElement(paper, "text", {**look, **halo, **where}).text = text


def _write_below(svg: Element, below: Sequence[str], width: float, height: float) -> None:
    for n, text in enumerate(below, start=1):
        look = {"class": "below", "font-size": _px(FONT_PX), "font-family": "sans-serif", "fill": "#17212b"}
        SubElement(svg, "text", {**look, "x": "4", "y": _px(height + n * LINE_PX)}).text = text
    whole = height + (len(below) * LINE_PX + LINE_PX / 2 if below else 0)
    svg.attrib |= {"viewBox": f"0 0 {_px(width)} {_px(whole)}", "width": _px(width), "height": _px(whole)}


def _path(
    paper: Element,
    lines: Iterable[Sequence[tuple[float, float]]],
    name: str,
    look: dict[str, str],
    *,
    shut: bool = False,
) -> None:
    told = "".join(_steps(line) + "z" * shut for line in lines)
    if told:
        SubElement(paper, "path", {"class": name, "d": told, **look})


def _steps(line: Sequence[tuple[float, float]]) -> str:
    """A line as steps from point to point, in tenths that do not add up to an error."""
    told = []
    before = (0, 0)
    for n, (x, y) in enumerate(line):
        here = (round(x * 10), round(y * 10))
        if n == 0 or here != before:
            told.append(f"{'Ml'[n > 0]}{_px((here[0] - before[0]) / 10)} {_px((here[1] - before[1]) / 10)}")
        before = here
    return "".join(told)


def _cut_short(text: str) -> str:
    return text if len(text) <= LABEL_MAX else text[: LABEL_MAX - 1] + "…"


def _px(value: float) -> str:
    """To a tenth of a px, in one way of writing it: the same map has the same bytes."""
    return f"{round(value, 1) + 0:.1f}".removesuffix(".0")
