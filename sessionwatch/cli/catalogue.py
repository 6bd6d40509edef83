"""`sessionwatch detectors`: what rules can use."""

from __future__ import annotations

import inspect
from datetime import timedelta
from typing import Annotated, Any

import typer
from pydantic_core import PydanticUndefined
from rich.table import Table

from detectors.detector import Detector
from detectors.registry import detector_kinds
from models.spans import span_text
from sessionwatch.cli.terminal import speaker
from sessionwatch.errors import UsageError


def detectors_command(
    name: Annotated[str | None, typer.Argument(help="Show one detector with its parameters.")] = None,
) -> None:
    """List the detectors that rules can use, or show one with its parameters."""
    kinds = detector_kinds()
    if name is None:
        table = Table(box=None, pad_edge=False)
        for heading in ("detector", "judges by", "what it finds"):
            table.add_column(heading)
        for kind, detector in sorted(kinds.items()):
            table.add_row(kind, ", ".join(sorted(detector.subjects)), _first_line(detector))
        speaker().print(table)
        return
    if name not in kinds:
        raise UsageError(f"there is no detector {name!r}; there are: {', '.join(sorted(kinds))}")
    _show(kinds[name])


def _show(detector: type[Detector[Any, Any]]) -> None:
    console = speaker()
    console.print(f"[bold]{detector.kind}[/bold]  by {', '.join(sorted(detector.subjects))}", soft_wrap=True)
    console.print(inspect.getdoc(detector) or "", markup=False, soft_wrap=True)
    table = Table(box=None, pad_edge=False)
    for heading in ("parameter", "default", "what it does"):
        table.add_column(heading)
    for field, info in detector.Params.model_fields.items():
        default = "required" if info.is_required() else _text(info.get_default(call_default_factory=True))
        table.add_row(field, default, info.description or "")
    console.print()
    console.print(table)


def _text(value: object) -> str:
    if isinstance(value, timedelta):
        return span_text(value)
    if value is PydanticUndefined or value is None:
        return "none"
    if isinstance(value, dict | list | tuple | set | frozenset):
        return ", ".join(str(item) for item in value) or "none"
    return str(value)


def _first_line(detector: type[Detector[Any, Any]]) -> str:
    return (detector.__doc__ or "").strip().split("\n", 1)[0]
