"""Figures as Prometheus reads them: its text format 0.0.4, which is a line for each figure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Literal

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"

Labels = Mapping[str, str]


@dataclass(slots=True)
class Metric:
    """One figure: its name, what it is, and its value for each set of labels."""

    name: str
    kind: Literal["gauge", "counter", "histogram"]
    words: str
    samples: list[tuple[str, Labels, float]] = field(default_factory=list)

    def add(self, value: float, suffix: str = "", /, **labels: str) -> None:
        self.samples.append((suffix, labels, value))

    def add_histogram(self, bounds: Iterable[float], counted: Mapping[str, float]) -> None:
        """`counted`: what fell into each bucket alone, by its bound; and the `sum` of all."""
        below = 0.0
        for bound in (*(f"{bound:g}" for bound in bounds), "+Inf"):
            below += counted.get(bound, 0)
            self.add(below, "_bucket", le=bound)
        self.add(below, "_count")
        self.add(counted.get("sum", 0.0), "_sum")


def text(metrics: Iterable[Metric]) -> bytes:
    """All metrics; one without a value is left out."""
    return "".join(_lines(metrics)).encode()


def _lines(metrics: Iterable[Metric]) -> Iterator[str]:
    for metric in metrics:
        if metric.samples:
            yield f"# HELP {metric.name} {_escaped(metric.words)}\n# TYPE {metric.name} {metric.kind}\n"
        for suffix, labels, value in metric.samples:
            told = ",".join(f'{name}="{_escaped(words, quoted=True)}"' for name, words in labels.items())
            figure = "+Inf" if value == inf else f"{value:.15g}"
            yield f"{metric.name}{suffix}{{{told}}} {figure}\n"


def _escaped(words: str, *, quoted: bool = False) -> str:
    words = words.replace("\\", "\\\\").replace("\n", "\\n")
    return words.replace('"', '\\"') if quoted else words
