"""What an operator reads of settings and metrics is what the code has."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from models.written.texts import read_text
from sessionwatch.live.metrics import CATALOGUE
from sessionwatch.settings.reading import read_settings

DOCS = Path(__file__).parent.parent.parent / "docs"


@pytest.mark.parametrize(("page", "table"), [("settings.md", "settings_table"), ("metrics.md", "metrics_table")])
def test_each_is_in_the_page_with_what_it_means(page: str, table: str) -> None:
    """The tables are what `make settings` writes from the models, and nothing is without words."""
    script = runpy.run_path(str(DOCS / "settings.py"))
    written = script[table]()
    assert written in (DOCS / page).read_text(), "make settings"
    assert [row for row in written.splitlines() if row.endswith("|  |")] == []


def test_the_settings_of_the_page_are_taken(tmp_path: Path) -> None:
    """What is copied from the page works."""
    (shown,) = re.findall(r"^```yaml\n(.*?)^```", (DOCS / "settings.md").read_text(), re.DOTALL | re.MULTILINE)
    path = tmp_path / "sessionwatch.yaml"
    path.write_text(shown)
    assert not read_text(path).faults
    settings = read_settings(path, {}, {"kafka", "watch"})
    assert settings.kafka is not None
    assert settings.kafka.servers == ("kafka-1:9093", "kafka-2:9093")


def test_metrics_that_a_page_names_exist() -> None:
    """Whoever writes an alarm from a page finds the metric."""
    pages = [*DOCS.glob("*.md"), DOCS.parent / "README.md"]
    named = {name for page in pages for name in re.findall(r"`sessionwatch_(\w+)[`{]", page.read_text())}
    assert named <= set(CATALOGUE)
