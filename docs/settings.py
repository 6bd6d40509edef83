"""Writes the tables of `docs/settings.md` and `docs/metrics.md` from the models of the code.

python docs/settings.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sessionwatch.live.exposition import PREFIX
from sessionwatch.live.metrics import CATALOGUE
from sessionwatch.settings.form import Setting, catalogue

DOCS = Path(__file__).parent
SETTINGS_HEAD = "| setting | variable | unless set | means |\n|---|---|---|---|\n"
METRICS_HEAD = "| metric | type | labels | says |\n|---|---|---|---|\n"


def settings_table() -> str:
    """Every setting, in the order of the model."""
    return SETTINGS_HEAD + "".join(_setting(one) for one in catalogue())


def metrics_table() -> str:
    """Every metric, in the order in which they are told."""
    rows = (
        f"| `{PREFIX}{name}` | {one.kind} | {', '.join(f'`{label}`' for label in one.labels)} | {one.said} |\n"
        for name, one in CATALOGUE.items()
    )
    return METRICS_HEAD + "".join(rows)


def _setting(one: Setting) -> str:
    key = f"`{'.'.join(one.path)}`" if one.in_file else "not in a file"
    return f"| {key} | `{one.variable}` | {_value(one.default)} | {one.said} |\n"


def _value(value: Any) -> str:
    return "" if value in (None, (), {}) else f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _written(page: Path, head: str, table: str) -> None:
    before, after = page.read_text().split(head, 1)
    rest = after.split("\n\n", 1)[1] if "\n\n" in after else ""
    page.write_text(before + table + (f"\n{rest}" if rest else ""))


if __name__ == "__main__":
    _written(DOCS / "settings.md", SETTINGS_HEAD, settings_table())
    _written(DOCS / "metrics.md", METRICS_HEAD, metrics_table())
