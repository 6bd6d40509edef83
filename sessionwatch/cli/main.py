"""The `sessionwatch` command."""

from __future__ import annotations

import sys

import typer

from sessionwatch import __version__
from sessionwatch.cli import (
    actions,
    audit,
    broker,
    catalogue,
    compare,
    control,
    convert,
    dead_letter,
    deliver,
    doctor,
    explain,
    export,
    formats,
    live,
    normalise,
    policy,
    pull,
    replay,
    report,
    respond,
    rules,
    state,
    topics,
    watch,
    where,
)
from sessionwatch.cli.exits import Exit
from sessionwatch.cli.terminal import complaints
from sessionwatch.errors import SessionwatchError

app = typer.Typer(
    name="sessionwatch",
    help="Detection and response for sessions: rules over sign-ins, refreshes, exports and logouts, in event time.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("replay")(replay.replay_command)
app.command("watch")(watch.watch_command)
app.add_typer(pull.app, name="pull")
app.add_typer(state.app, name="state")
app.add_typer(dead_letter.app, name="dead-letter")
app.command("respond")(respond.respond_command)
app.command("deliver")(deliver.deliver_command)
app.add_typer(actions.app, name="actions")
app.add_typer(actions.act_app, name="act")
app.command("verdict")(actions.verdict_command)
app.add_typer(audit.app, name="audit")
app.add_typer(policy.app, name="policy")
app.add_typer(broker.app, name="broker")
app.command("normalise")(normalise.normalise_command)
app.command("live")(live.live_command)
app.command("topics")(topics.topics_command)
app.add_typer(control.app, name="control")
app.command("explain")(explain.explain_command)
app.command("report")(report.report_command)
app.command("export")(export.export_command)
app.command("compare")(compare.compare_command)
app.command("convert")(convert.convert_command)
app.command("doctor")(doctor.doctor_command)
app.command("where")(where.where_command)
app.command("formats")(formats.formats_command)
app.command("detectors")(catalogue.detectors_command)
app.command("check")(rules.check_command)
app.command("test")(rules.test_command)


def _version(wanted: bool) -> None:  # noqa: FBT001  # typer hands a flag's value over by position
    if wanted:
        typer.echo(f"sessionwatch {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Show the version."),
) -> None:
    """Reads no option but --version; each command has its own."""


def main() -> None:
    """Run the command; what sessionwatch raises on purpose ends in one clear message and exit code 2."""
    try:
        app()
    except SessionwatchError as error:
        complaints().print(str(error), markup=False, highlight=False, soft_wrap=True)
        sys.exit(Exit.USAGE)
    except KeyboardInterrupt:
        sys.exit(Exit.INTERRUPTED)
    except BrokenPipeError:
        # The reader has closed the pipe (`| head`): it has what it wanted.
        sys.stderr.close()
        sys.exit(Exit.DONE)


if __name__ == "__main__":
    main()
