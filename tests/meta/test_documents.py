"""The documents name what there is: commands, options, targets, files, words, limits, kinds."""

from __future__ import annotations

import importlib
import re
import runpy
from functools import cache
from pathlib import Path
from typing import get_args

import pytest
from typer.testing import CliRunner

from models.events import KINDS
from models.places import KnownClass
from sessionwatch.cli.exits import Exit
from sessionwatch.cli.main import app

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")])
COMMANDS = (
    "replay",
    "watch",
    "pull",
    "state",
    "dead-letter",
    "respond",
    "deliver",
    "actions",
    "act",
    "verdict",
    "audit",
    "policy",
    "broker",
    "topics",
    "normalise",
    "live",
    "control",
    "explain",
    "compare",
    "report",
    "export",
    "convert",
    "formats",
    "detectors",
    "check",
    "test",
    "where",
    "doctor",
)
GROUPS = frozenset({"state", "dead-letter", "control", "broker", "pull", "policy", "actions", "audit", "act"})
"""Commands that have commands of their own."""


def named(path: Path) -> str:
    """How a test calls a page."""
    return str(path.relative_to(ROOT))


@cache
def help_of(*command: str) -> str:
    """What a command says of itself."""
    done = CliRunner().invoke(app, [*command, "--help"], env={"NO_COLOR": "1", "TERM": "dumb"}, terminal_width=200)
    assert done.exit_code == 0, done.output
    return done.output


def shown_commands(page: Path) -> list[list[str]]:
    """Every call of sessionwatch in a page's code, in words."""
    text = page.read_text().replace("\\\n", " ")
    blocks = re.findall(r"^```(?:console|sh)\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    inline = re.findall(r"`(sessionwatch [^`]+)`", text)
    lines = [line.strip().removeprefix("$ ") for block in blocks for line in block.splitlines()] + inline
    calls = [part.strip() for line in lines for part in re.split(r"[|;&]+", line)]
    return [call.split() for call in calls if call.startswith("sessionwatch ")]


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_shown_commands_and_options_exist(page: Path) -> None:
    """What a page tells people to type is understood by the command line."""
    for call in shown_commands(page):
        name = call[1]
        if name.startswith("-"):
            continue
        assert name in COMMANDS, " ".join(call)
        command = (name, *call[2:3]) if name in GROUPS else (name,)
        for option in (word.split("=")[0] for word in call[2:] if word.startswith("--")):
            assert re.search(rf"{option}\b", help_of(*command)), f"{option} in: {' '.join(call)}"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_a_page(command: str) -> None:
    """A command that no page shows is found by nobody."""
    assert command in help_of()
    assert any(call[1] == command for page in PAGES for call in shown_commands(page))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_shown_make_targets_exist(page: Path) -> None:
    """`make` knows every target that a page names."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    text = page.read_text()
    named_in_code = re.findall(r"`make ([a-z-]+)", text) + re.findall(r"^(?:\$ )?make ([a-z-]+)", text, re.MULTILINE)
    assert set(named_in_code) <= targets


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page: Path) -> None:
    """A link to a file of the project names one that is there."""
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_named_code_exists(page: Path) -> None:
    """A dotted name of ours in a page can be imported; a path of ours can be opened."""
    text = page.read_text()
    for dotted in re.findall(r"`((?:models|geo|detectors|streams)\.[a-z_.]+\.[A-Z]\w+)`", text):
        module, name = dotted.rsplit(".", 1)
        assert hasattr(importlib.import_module(module), name), dotted
    paths = re.findall(r"`((?:models|geo|detectors|streams|sessionwatch|rules|docs|tests|examples)/[\w./-]*)`", text)
    yet_to_come = {"sessionwatch/console/"}
    assert [path for path in paths if not (ROOT / path).exists() and path not in yet_to_come] == []


def test_glossary_has_the_words_of_the_project() -> None:
    """One word for one thing, each of them explained."""
    words = set(re.findall(r"^\| \*\*([a-z ]+)\*\* \|", (ROOT / "docs" / "glossary.md").read_text(), re.MULTILINE))
    demanded = (
        "event subject rule detector finding alert notice action source adapter sink broker "
        "settled recent head late fold suspect"
    )
    assert set(demanded.split()) <= words


def test_glossary_names_every_network_class() -> None:
    """The classes that a rule may name are those of the models."""
    line = next(x for x in (ROOT / "docs" / "glossary.md").read_text().splitlines() if "**network class**" in x)
    assert set(re.findall(r"[a-z_]+", line.split(":", 1)[1])) == set(get_args(KnownClass))


def test_events_page_names_every_kind() -> None:
    """The kinds of events are a closed set, and the page has them all."""
    rows = re.findall(r"^\| `([a-z_]+)` \|", (ROOT / "docs" / "events.md").read_text(), re.MULTILINE)
    assert rows == list(KINDS)


def test_limits_page_has_every_limit_with_its_value_and_meaning() -> None:
    """The table is what `make limits` writes from the code, and no limit is without words."""
    script = runpy.run_path(str(ROOT / "docs" / "limits.py"))
    found = script["limits"]()
    assert [f"{limit.module}.{limit.name}" for limit in found if not limit.said] == []
    assert (ROOT / "docs" / "limits.md").read_text().endswith(script["table"]()), "make limits"


def test_decisions_are_all_listed() -> None:
    """Every record stands in the list, and the list has no other."""
    folder = ROOT / "docs" / "decisions"
    listed = re.findall(r"\]\((\d{4}-[a-z0-9-]+\.md)\)", (folder / "README.md").read_text())
    assert listed == sorted(path.name for path in folder.glob("[0-9]*.md"))


def test_exit_codes_page_has_the_codes() -> None:
    """Those that the commands end with, and no other."""
    listed = re.findall(r"^\| (\d+) \|", (ROOT / "docs" / "exit-codes.md").read_text(), re.MULTILINE)
    assert listed == [str(code.value) for code in Exit]
