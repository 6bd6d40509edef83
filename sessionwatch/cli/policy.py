"""`sessionwatch policy`: the response policy read strictly, its own tests run, and one alert's decision explained."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from sessionwatch.cli.exits import Exit
from sessionwatch.cli.terminal import complaints, speaker
from sessionwatch.errors import PolicyError, UsageError
from sessionwatch.responses.policy import Policy, Told
from sessionwatch.responses.policy_reading import (
    bundled_policy,
    load_policy,
    policy_schema,
    run_policy_tests,
    told_lines,
)
from sessionwatch.ruleset.loading import bundled_rules, load_rules
from sessionwatch.story.alert_reading import find_alert, read_alerts

app = typer.Typer(help="What is done about alerts: checked, tested, explained.", no_args_is_help=True)
PolicyArgument = Annotated[Path | None, typer.Argument(help="The policy's file; the bundled one if none.")]
PolicyOption = Annotated[Path | None, typer.Option("--policy", help="The policy's file; the bundled one if none.")]
RulesOption = Annotated[list[Path] | None, typer.Option(help="Rule files or folders instead of the bundled ones.")]


@app.command("check")
def check_command(policy: PolicyArgument = None, *, rules: RulesOption = None) -> None:
    """Read the policy strictly and tell every fault at its line and column; 1 if there is any."""
    read, _ = _loaded(policy, rules)
    written = read.written
    told = f"{len(written.responses)} responses and {len(written.tests)} tests are well formed; mode {written.mode}"
    speaker().print(f"{told}; version {read.version}", markup=False)


@app.command("test")
def test_command(policy: PolicyArgument = None, *, rules: RulesOption = None) -> None:  # noqa: PT028  # a command called test, no test
    """Run the tests that stand in the policy's file, by the code that decides live; 1 if any fails."""
    read, _ = _loaded(policy, rules)
    console = speaker()
    results = run_policy_tests(read)
    failed = [result for result in results if not result.passed]
    for result in failed:
        console.print(f"FAILED {result.name}", markup=False, soft_wrap=True)
        for line in result.difference.splitlines():
            console.print(f"    {line}", markup=False, soft_wrap=True)
    console.print(f"{len(results) - len(failed)} tests of the policy passed, {len(failed)} failed")
    raise typer.Exit(Exit.FAILED if failed else Exit.DONE)


@app.command("explain")
def explain_command(
    alert_id: Annotated[str, typer.Argument(help="The alert's id, or the beginning of it.")],
    *,
    alerts: Annotated[Path, typer.Option(help="The file that `replay --alerts` or `state alerts` wrote.")],
    policy: PolicyOption = None,
    rules: RulesOption = None,
    enforce: Annotated[bool, typer.Option("--enforce", help="As if rule and policy both said enforce.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the decision as one JSON object.")] = False,
) -> None:
    """Say what would be done about an alert, and why, and what is not done and why not. Nothing is done."""
    read, modes = _loaded(policy, rules)
    alert = find_alert(read_alerts(alerts).alerts, alert_id)
    tried = Policy(read.written, read.version, None, "enforce" if enforce else None)
    mode = "enforce" if enforce else modes.get(alert.rule.id, "alert")
    decision = tried.decide(alert, Told(rule_mode=mode))  # type: ignore[arg-type]  # what a rule's file says is one
    if as_json:
        typer.echo(decision.model_dump_json())
        return
    for line in told_lines(decision, modes):
        speaker().print(line, markup=False, soft_wrap=True)


@app.command("schema")
def schema_command() -> None:
    """Print the JSON Schema of a policy's file, for editors."""
    typer.echo(json.dumps(policy_schema(), indent=2))


def _loaded(path: Path | None, rules: list[Path] | None) -> tuple[Policy, Mapping[str, str]]:
    """The policy and the modes of the rules, or every fault in it and exit code 1."""
    file = path or bundled_policy()
    if not file.is_file():
        raise UsageError(f"{file}: there is no such file")
    modes = {rule.written.id: rule.written.mode for rule in load_rules(tuple(rules or [bundled_rules()]))}
    try:
        return load_policy(file, modes), modes
    except PolicyError as error:
        complaints().print(str(error), markup=False, highlight=False, soft_wrap=True)
        faults = len(error.faults)
        complaints().print(f"{faults} fault{'s' * (faults != 1)}; nothing would be done by this policy", markup=False)
        raise typer.Exit(Exit.FAILED) from error
