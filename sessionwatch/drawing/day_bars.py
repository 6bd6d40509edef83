"""How much happened on each day, as a small row of bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from math import ceil
from typing import Final
from xml.etree.ElementTree import Element, SubElement, tostring

BARS_MAX: Final = 62
"""Bars of one row; over a longer time one bar stands for several days, and says so."""

BAR_PX: Final = 8
GAP_PX: Final = 2
HEIGHT_PX: Final = 28


def day_bars(counts: Mapping[date, int], first: date, last: date, *, most: int, title: str) -> str:
    """An SVG with a bar for each day from `first` to `last`; `most` is the count that fills the height.

    >>> day = date(2026, 3, 31)
    >>> day_bars({day: 3}, day, day, most=3, title="3 alerts").count("<rect")
    1
    """
    days = (last - first).days + 1
    width_days = ceil(days / BARS_MAX)
    starts = [first + timedelta(days=n) for n in range(0, days, width_days)]
    width = len(starts) * (BAR_PX + GAP_PX)
    look = {"width": str(width), "height": str(HEIGHT_PX), "viewBox": f"0 0 {width} {HEIGHT_PX}"}
    svg = Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "role": "img", "class": "bars", **look})
    SubElement(svg, "title").text = title
    _base_line(svg, width)
    for n, start in enumerate(starts):
        span = [start + timedelta(days=day) for day in range(width_days)]
        if count := sum(counts.get(day, 0) for day in span):
            _bar(svg, n, count, most, span)
    return tostring(svg, encoding="unicode")


def _base_line(svg: Element, width: int) -> None:
    ends = {"x1": "0", "x2": str(width), "y1": str(HEIGHT_PX - 0.5), "y2": str(HEIGHT_PX - 0.5)}
    SubElement(svg, "line", {"class": "axis", "stroke": "#8fa1b0", **ends})


def _bar(svg: Element, n: int, count: int, most: int, span: Sequence[date]) -> None:
    height = max(4, round((HEIGHT_PX - 2) * min(1.0, count / most)))
    place = {"x": str(n * (BAR_PX + GAP_PX)), "y": str(HEIGHT_PX - 1 - height)}
    size = {"width": str(BAR_PX), "height": str(height)}
    bar = SubElement(svg, "rect", {"class": "bar", "fill": "#1d4e89", **place, **size})
    days = f"{span[0]}" if len(span) == 1 else f"{span[0]} to {span[-1]}"
    SubElement(bar, "title").text = f"{days}: {count:,}"
