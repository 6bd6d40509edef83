"""What the pages for users promise in tables and examples is what the code does."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from models.alerts import Alert, Notice
from models.rules import RuleFile
from sessionwatch.ruleset.fields import FIELDS
from sessionwatch.ruleset.loading import bundled_rules, load_rules
from sessionwatch.ruleset.network_lists import load_network_lists
from sessionwatch.ruleset.operators import OPERATORS

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
GOLDEN = ROOT / "tests" / "replay" / "hospital-day.alerts.jsonl"
EXPLAINED = "impossible_travel"
LINE_MAX = 100


def blocks(page: Path, language: str) -> list[str]:
    """The code blocks of a page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), flags=re.DOTALL | re.MULTILINE)


def section(page: Path, title: str) -> str:
    """The text of a page below one heading, up to the next."""
    return page.read_text().split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def rows(text: str) -> list[list[str]]:
    """The cells of each row of a table, less its head."""
    lines = [line for line in text.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def laid_out(value: Any, indent: str = "") -> str:
    """JSON for a page: mappings and lists on one line where they fit it."""
    plain = json.dumps(value, ensure_ascii=False)
    deeper = indent + "  "
    if len(indent + plain) <= LINE_MAX or not isinstance(value, dict | list):
        return plain
    if isinstance(value, dict):
        inner = [f"{json.dumps(key)}: {laid_out(one, deeper)}" for key, one in value.items()]
    else:
        inner = [laid_out(one, deeper) for one in value]
    begin, end = "{}" if isinstance(value, dict) else "[]"
    return f"{begin}\n" + ",\n".join(f"{deeper}{one}" for one in inner) + f"\n{indent}{end}" + "\n" * (not indent)


@pytest.fixture
def own_rules(tmp_path: Path) -> Path:
    """The rule and the list of the page, each in the file that its first line names."""
    for text in blocks(DOCS / "rules.md", "yaml"):
        named = re.match(r"# ([\w/]+\.yaml)", text)
        assert named, text
        path = tmp_path / "rules" / named[1]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "rules"


def test_the_rule_of_the_page_runs_and_has_every_key(own_rules: Path) -> None:
    """It loads with its list, uses every key that a rule file has, and passes its own tests."""
    (rule,) = load_rules([own_rules])
    text = (own_rules / f"{rule.written.id}.yaml").read_text()
    assert set(re.findall(r"^([a-z_]+):", text, re.MULTILINE)) == set(RuleFile.model_fields)
    command = [Path(sys.executable).with_name("sessionwatch"), "test", own_rules]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_page_of_rules_has_every_field_and_operator() -> None:
    """A field that the page does not name is found by nobody; one that it names beyond what there is is refused."""
    named = {
        field
        for row in rows(section(DOCS / "rules.md", "Fields"))
        for field in re.findall(r"`([\w.]+)`", row[1])
        if field != "attributes.KEY"
    }
    assert named == set(FIELDS)
    written = set(re.findall(r"`\{(\w+): ", section(DOCS / "rules.md", "Conditions")))
    assert written == set(OPERATORS)


def test_the_alert_of_the_page_is_one_of_the_example_day() -> None:
    """The page shows what a replay of the example writes. SESSIONWATCH_GOLDEN=write writes it into the page anew."""
    page = DOCS / "alerts.md"
    (shown,) = blocks(page, "json")
    alerts = [json.loads(line) for line in GOLDEN.read_text().splitlines()]
    alert = next(one for one in alerts if one["summary"].startswith("ben.hale") and one["detector"] == EXPLAINED)
    if os.environ.get("SESSIONWATCH_GOLDEN") == "write":
        page.write_text(page.read_text().replace(shown, laid_out(alert)))
    (shown,) = blocks(page, "json")
    assert json.loads(shown) == alert, "the alert has changed: SESSIONWATCH_GOLDEN=write, then read the page again"


def test_the_page_of_alerts_has_every_key() -> None:
    """Whoever writes a parser or reads an alert for the first time finds each key explained, and no other."""
    for title, model in (("Key by key", Alert), ("Notices", Notice)):
        told = {key for row in rows(section(DOCS / "alerts.md", title)) for key in re.findall(r"`([\w.]+)`", row[0])}
        assert {key for key in told if "." not in key} == set(model.model_fields)


@pytest.mark.parametrize(
    ("language", "name"), [("python", "weekend_login.py"), ("yaml", "weekend_login.yaml"), ("toml", "pyproject.toml")]
)
def test_the_plugin_that_contributing_shows_is_the_one_that_is_tested(language: str, name: str) -> None:
    """One detector throughout, and what is copied from the page works, because the tests install and run it."""
    shown = blocks(ROOT / "CONTRIBUTING.md", language)[0]
    file = (ROOT / "examples" / "plugin" / name).read_text()
    assert file.endswith(shown), f"CONTRIBUTING.md shows another {name}"
    assert len(shown) > len(file) * 0.9


def test_readme_shows_what_make_run_types() -> None:
    """The commands above the output are the target's, so the files that it names are there after `make run`."""
    recipe = (ROOT / "Makefile").read_text().split("\nrun:", 1)[1].split("\n\n", 1)[0]
    typed = recipe.replace("$(BIN)/", "").replace("$(EXAMPLE)", "examples/hospital-day")
    run = [line.split(" ||")[0].split() for line in re.findall(r"^\t@(sessionwatch .*)", typed, re.MULTILINE)]
    shown = blocks(ROOT / "README.md", "console")[0].replace("\\\n", " ").replace(" 2>&1", "")
    commands = [line.removeprefix("$ ").split() for line in shown.splitlines() if line.startswith("$ sessionwatch")]
    assert run == commands


def test_the_list_of_networks_on_its_page_is_read(tmp_path: Path) -> None:
    """As it stands there."""
    (text,) = blocks(DOCS / "networks.md", "yaml")
    path = tmp_path / "our_networks.yaml"
    path.write_text(text, encoding="utf-8")
    assert len(load_network_lists([bundled_rules()], [path]).site) == 3


def test_the_table_of_network_classes_says_what_the_bundled_rule_does() -> None:
    """Each class that the rule names has its row with that effect, and no other row promises one."""
    told = yaml.safe_load((ROOT / "rules" / "impossible_travel.yaml").read_text(encoding="utf-8"))
    effects = told["params"]["network_classes"]
    assert effects["corporate"] == "lower"
    words = {"ignore": "ignore", "lower": "one step less severe", "raise": "one step more severe"}
    rows = re.findall(r"^\| (`\w+`.*?) \|.*\| (.*?) \|$", (DOCS / "networks.md").read_text("utf-8"), re.MULTILINE)
    said = {name: effect for names, effect in rows for name in re.findall(r"`(\w+)`", names)}
    assert {name for name, effect in said.items() if effect not in {"never a place", "as any other"}} == {*effects}
    for name, effect in effects.items():
        assert said[name].split(",")[0] == words[effect], name
