"""Counters, gauges and histograms as Prometheus reads them."""

from __future__ import annotations

import gc
import time
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple, Self

PREFIX: Final = "sessionwatch_"
SECONDS: Final = (0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0)
"""Upper bounds of the buckets of a histogram of seconds."""


class Metric(NamedTuple):
    """What a metric is: what Prometheus calls its type, the labels it has, and what it says."""

    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    said: str


class Sample(NamedTuple):
    """A value of a metric; `suffix` is what a histogram's parts have."""

    labels: Mapping[str, str]
    value: float
    suffix: str = ""


class Histogram:
    """Counts seconds by how many they are. One thread observes; others may read."""

    def __init__(self) -> None:
        self._counts = [0] * (len(SECONDS) + 1)
        self.sum_s = 0.0

    @property
    def count(self) -> int:
        """How many were observed."""
        return sum(self._counts)

    def observe(self, seconds: float) -> None:
        """Count one more."""
        self._counts[bisect_left(SECONDS, seconds)] += 1
        self.sum_s += seconds

    def samples(self) -> Iterator[Sample]:
        """Buckets that rise, the sum and the count."""
        below, counts = 0, list(self._counts)
        for bound, count in zip([*map(str, SECONDS), "+Inf"], counts, strict=True):
            below += count
            yield Sample({"le": bound}, below, "_bucket")
        yield Sample({}, self.sum_s, "_sum")
        yield Sample({}, below, "_count")


class Pauses(Histogram):
    """How long Python's garbage collector held everything up, within the block that it is entered for."""

    def __init__(self) -> None:
        super().__init__()
        self._begun_s = 0.0

    def __enter__(self) -> Self:
        """Listen."""
        gc.callbacks.append(self._heard)
        return self

    def __exit__(self, *exception: object) -> None:
        """Listen no more."""
        gc.callbacks.remove(self._heard)

    def _heard(self, phase: str, _info: Mapping[str, Any]) -> None:
        if phase == "start":
            self._begun_s = time.perf_counter()
        else:
            self.observe(time.perf_counter() - self._begun_s)


def exposition(catalogue: Mapping[str, Metric], families: Iterable[tuple[str, Iterable[Sample]]]) -> str:
    """The text of /metrics: each family under its name in `catalogue`."""
    lines: list[str] = []
    for name, samples in families:
        metric = catalogue[name]
        lines += [f"# HELP {PREFIX}{name} {metric.said}", f"# TYPE {PREFIX}{name} {metric.kind}"]
        lines += [f"{PREFIX}{name}{one.suffix}{_labels(one.labels)} {one.value:.17g}" for one in samples]
    return "\n".join(lines) + "\n"


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
