"""`sessionwatch respond`: does what the policy decides about a watch's alerts, through a broker."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Annotated

import typer

from sessionwatch.cli.exits import Exit
from sessionwatch.errors import UsageError
from sessionwatch.live.alert_feed import AlertFeed
from sessionwatch.responses.audit import AuditLog
from sessionwatch.responses.breaker import Rate
from sessionwatch.responses.broker import Broker
from sessionwatch.responses.broker_setup import broker_of
from sessionwatch.responses.credentials import Secret, secret_of
from sessionwatch.responses.outbox import Outbox, held_for_one
from sessionwatch.responses.policy import Policy, missing
from sessionwatch.responses.policy_reading import bundled_policy, load_policy
from sessionwatch.responses.runner import Runner
from sessionwatch.ruleset.loading import bundled_rules, load_rules

KEY_VARIABLE = "SESSIONWATCH_AUDIT_KEY"
StateOption = Annotated[Path, typer.Option("--state", help="The state file of a watch; its outbox lies beside it.")]
AuditOption = Annotated[
    Path | None, typer.Option("--audit", help="The folder of the audit log; else beside the state.")
]
KeyOption = Annotated[
    Path | None, typer.Option("--audit-key", help=f"The file with the key that signs it; else {KEY_VARIABLE}.")
]


def respond_command(  # as many as the command has options
    *,
    state: StateOption,
    broker: Annotated[str, typer.Option(help="An address, or a file that says how the broker is set up.")],
    policy: Annotated[Path | None, typer.Option(help="The policy's file; the bundled one if none.")] = None,
    rules: Annotated[list[Path] | None, typer.Option(help="Rule files or folders instead of the bundled ones.")] = None,
    reports: Annotated[
        Path | None, typer.Option(help="Append what came of each action as JSON Lines to this file.")
    ] = None,
    audit: AuditOption = None,
    audit_key: KeyOption = None,
    once: Annotated[bool, typer.Option("--once", help="Do what can be done now, and stop.")] = False,
) -> None:
    """Act on a watch's alerts as the policy says. A crash at any point does nothing twice and forgets nothing."""
    modes = {rule.written.id: rule.written.mode for rule in load_rules(tuple(rules or [bundled_rules()]))}
    read = load_policy(policy or bundled_policy(), modes)
    with ExitStack() as stack:
        stack.callback(os.close, held_for_one(outbox_path(state)))
        asked = broker_of(broker)
        if lacking := missing(read, asked.capabilities):
            raise UsageError("\n".join(lacking))
        able = Policy(read.written, read.version, asked.capabilities)
        feed = stack.enter_context(closing(AlertFeed(state, able, modes)))
        outbox = stack.enter_context(Outbox(outbox_path(state)))
        log = stack.enter_context(AuditLog(audit or audit_path(state), "respond", key_of(audit_key)))
        runner = Runner(outbox, feed, asked, able, log, deliver=None if reports is None else _appended(reports))
        if asked.settings is not None:
            runner.concurrency_max, runner.rate = asked.settings.concurrency_max, Rate(asked.settings.rate_max_per_s)
        _tell(f"ready state={state} broker={asked.name} policy={read.version} mode={read.written.mode}")
        asyncio.run(_run(runner, asked, once=once))
        _tell("stopped " + " ".join(f"{name}={count}" for name, count in sorted(outbox.counts().items())))
    raise typer.Exit(Exit.DONE)


async def _run(runner: Runner, broker: Broker, *, once: bool) -> None:
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    try:
        await runner.run(stopped.is_set, until_idle=once)
    finally:
        await broker.close()


def outbox_path(state: Path) -> Path:
    """The outbox of the watch whose state is at `state`."""
    return state.with_name(f"{state.name}.outbox")


def audit_path(state: Path) -> Path:
    """The folder of its audit log, unless another is named."""
    return state.with_name(f"{state.name}.audit")


def key_of(path: Path | None) -> Secret | None:
    """The key that signs checkpoints; None where there is none: they are then not signed."""
    if path is None and not os.environ.get(KEY_VARIABLE):
        return None
    return secret_of(KEY_VARIABLE, path, "the key that signs the audit log")


def _appended(path: Path) -> _Reports:
    return _Reports(path)


class _Reports:
    """Appends lines to a file; a crash may write the last ones twice, and their ids tell."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, lines: list[str]) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
            file.flush()
            os.fsync(file.fileno())


def _tell(line: str) -> None:
    sys.stderr.write(f"respond {line}\n")
    sys.stderr.flush()
