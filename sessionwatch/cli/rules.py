"""`sessionwatch check` and `sessionwatch test`: rule files read strictly, and their own tests run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from detectors.wording import many
from geo.locator import Locator
from models.alerts import Alert
from models.events import SessionEvent
from sessionwatch.cli.exits import Exit
from sessionwatch.cli.terminal import complaints, speaker
from sessionwatch.engine.in_order import Engine
from sessionwatch.engine.plan import attributes_read
from sessionwatch.errors import PolicyError, RulesetError, UsageError
from sessionwatch.responses.policy_reading import load_policy
from sessionwatch.ruleset.compiled import Ruleset
from sessionwatch.ruleset.examples import run_rule_tests
from sessionwatch.ruleset.files import find_rule_files
from sessionwatch.ruleset.loaded import LoadedRule
from sessionwatch.ruleset.loading import bundled_rules, expired_exemptions, load_rules, ruleset_of

RulePaths = Annotated[list[Path] | None, typer.Argument(help="Rule files or folders; the bundled rules if none.")]


def check_command(rules: RulePaths = None) -> None:
    """Read rule files strictly and tell every fault at its line and column; 1 if there is any."""
    loaded = _loaded(rules)
    console = speaker()
    for warning in expired_exemptions(loaded, datetime.now(UTC)):
        console.print(f"warning: {warning}", markup=False, soft_wrap=True)
    ruleset = ruleset_of(loaded)
    tests = sum(len(rule.tests) for rule in loaded)
    console.print(f"{many(len(loaded), 'rules')}, {many(tests, 'tests')}, all well formed; version {ruleset.version}")
    for path in find_rule_files(rules or [bundled_rules()]).policies:
        if tests_of_policy := _policy_tests(path, [rule.written.id for rule in loaded]):
            console.print(f"{path.name}, {many(tests_of_policy, 'tests')}, all well formed", markup=False)


def test_command(rules: RulePaths = None) -> None:  # noqa: PT028  # a command called test, no test
    """Run the tests that stand in rule files, through the same engine as everything else; 1 if any fails."""
    loaded = _loaded(rules)
    console = speaker()
    failed = 0
    results = list(run_rule_tests(loaded, judge))
    for result in results:
        if result.passed:
            continue
        failed += 1
        console.print(f"FAILED {result.file}:{result.line}: {result.rule}: {result.test}", markup=False, soft_wrap=True)
        for line in result.difference.splitlines():
            console.print(f"    {line}", markup=False, soft_wrap=True)
    console.print(f"{many(len(results) - failed, 'tests')} of {many(len(loaded), 'rules')} passed, {failed:,} failed")
    raise typer.Exit(Exit.FAILED if failed else Exit.DONE)


def judge(ruleset: Ruleset, events: Sequence[SessionEvent]) -> list[Alert]:
    """The alerts that `ruleset` ends with on `events`: the engine of replays, with places from the events alone."""
    engine = Engine(ruleset, Locator(reads=attributes_read(ruleset)))
    published = engine.process(sorted(events, key=lambda event: event.at)) | engine.finish()
    return [Alert.model_validate_json(publication[3]) for publication in published.values()]


def _policy_tests(path: Path, rules: list[str]) -> int:
    """How many tests the policy has, or every fault in it and exit code 1."""
    try:
        return len(load_policy(path, rules).written.tests)
    except PolicyError as error:
        complaints().print(str(error), markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(Exit.FAILED) from error


def _loaded(rules: list[Path] | None) -> tuple[LoadedRule, ...]:
    """The rules, or every fault in them and exit code 1; 2 where a path names nothing."""
    paths = rules or [bundled_rules()]
    for path in paths:
        if not path.exists():
            raise UsageError(f"{path}: there is no such file or folder")
    try:
        return load_rules(paths)
    except RulesetError as error:
        complaints().print(str(error), markup=False, highlight=False, soft_wrap=True)
        faults = len(error.faults)
        complaints().print(f"{faults} fault{'s' * (faults != 1)}; no rule of this set would run", markup=False)
        raise typer.Exit(Exit.FAILED) from error
