"""`sessionwatch actions`, `act` and `verdict`: what people do by hand, on record with who and why."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from models.actions import Verb
from sessionwatch.cli.exits import Exit
from sessionwatch.cli.respond import AuditOption, KeyOption, StateOption, audit_path, key_of, outbox_path
from sessionwatch.cli.terminal import speaker
from sessionwatch.responses.audit import AuditLog
from sessionwatch.responses.by_hand import STOPPED, Hand, Target
from sessionwatch.responses.outbox import Outbox, shown
from sessionwatch.responses.policy_reading import bundled_policy, load_policy
from sessionwatch.story.alert_reading import find_alert, read_alerts

app = typer.Typer(help="What is done about alerts: list it, hold it, let it go, stop it.", no_args_is_help=True)
act_app = typer.Typer(help="Ask for an action by hand: same caps, same audit log.", no_args_is_help=True)
ByOption = Annotated[str, typer.Option("--by", help="Who you are; it goes on record.")]
WhyOption = Annotated[str, typer.Option("--reason", "--why", help="Why; it goes on record.")]
PolicyOption = Annotated[Path | None, typer.Option("--policy", help="The policy that says who may what.")]
Ids = Annotated[list[str] | None, typer.Argument(help="Ids of actions, or their beginnings; all if none.")]
UserArgument = Annotated[str, typer.Argument(help="The user, as events have it.", metavar="SUBJECT")]


@contextmanager
def _hand(state: Path, audit: Path | None, key: Path | None, policy: Path | None, by: str, why: str) -> Iterator[Hand]:
    people = load_policy(policy or bundled_policy()).written.people
    folder = audit or audit_path(state)
    with Outbox(outbox_path(state)) as outbox, AuditLog(folder, "hand", key_of(key)) as log:
        yield Hand(outbox, log, people, by, why, datetime.now(UTC))


@app.command("list")
def list_command(
    *,
    state: StateOption,
    only: Annotated[str | None, typer.Option("--only", help="waiting, held, dead, final and so on.")] = None,
) -> None:
    """Write actions as JSON Lines, the oldest first."""
    with Outbox(outbox_path(state), create=False) as outbox:
        if said := outbox.meta(STOPPED):
            speaker().print(f"stopped {said}", markup=False, soft_wrap=True)
        for row in outbox.rows("? IS NULL OR state = ?", only, only, limit=1_000_000):
            typer.echo(json.dumps(shown(row), ensure_ascii=False))


def _mover(what: Target, says: str) -> Callable[..., None]:
    def command(
        ids: Ids = None,
        *,
        state: StateOption,
        by: ByOption,
        why: WhyOption,
        policy: PolicyOption = None,
        audit: AuditOption = None,
        audit_key: KeyOption = None,
    ) -> None:
        with _hand(state, audit, audit_key, policy, by, why) as hand:
            rows, waits = hand.move(what, list(ids or ()))
        _told(f"{what}: {len(rows)}", second=waits)

    command.__doc__ = says
    return command


app.command("hold")(_mover("hold", "Keep actions from being done until somebody lets them go."))
app.command("resume")(_mover("resume", "Let held actions go, over the cap that held them."))
app.command("retry")(_mover("retry", "Ask anew for actions whose every try failed."))


@app.command("stop")
def stop_command(
    *,
    state: StateOption,
    by: ByOption,
    why: WhyOption,
    policy: PolicyOption = None,
    audit: AuditOption = None,
    audit_key: KeyOption = None,
) -> None:
    """Stop: nothing is done any more, and nothing is forgotten."""
    with _hand(state, audit, audit_key, policy, by, why) as hand:
        hand.stop()
    _told("stopped")


@app.command("go-on")
def go_on_command(
    *,
    state: StateOption,
    by: ByOption,
    why: WhyOption,
    policy: PolicyOption = None,
    audit: AuditOption = None,
    audit_key: KeyOption = None,
) -> None:
    """Go on after a stop."""
    with _hand(state, audit, audit_key, policy, by, why) as hand:
        waits = hand.go_on()
    _told("goes on", second=waits)


def _asker(verb: Verb, says: str) -> Callable[..., None]:
    def command(
        user: UserArgument,
        *,
        state: StateOption,
        by: ByOption,
        why: WhyOption,
        tenant: Annotated[str, typer.Option(help="The user's organisation.")] = "default",
        policy: PolicyOption = None,
        audit: AuditOption = None,
        audit_key: KeyOption = None,
    ) -> None:
        with _hand(state, audit, audit_key, policy, by, why) as hand:
            action = hand.ask(verb, user, tenant=tenant)
        _told(f"asked for as {action.id}")

    command.__doc__ = says
    return command


act_app.command("step-up")(_asker("step_up", "Demand a further factor of a user."))
act_app.command("kill-user")(_asker("kill_user", "End all sessions of a user."))
act_app.command("release")(_asker("clear_step_up", "Take a demand for a further factor back."))


@act_app.command("kill-session")
def kill_session_command(  # noqa: PLR0913  # as many as the command has options
    session: Annotated[str, typer.Argument(help="The session's id, as events have it.", metavar="SUBJECT")],
    *,
    user: Annotated[str, typer.Option(help="Whose session it is.")],
    state: StateOption,
    by: ByOption,
    why: WhyOption,
    tenant: Annotated[str, typer.Option(help="The user's organisation.")] = "default",
    policy: PolicyOption = None,
    audit: AuditOption = None,
    audit_key: KeyOption = None,
) -> None:
    """End one session."""
    with _hand(state, audit, audit_key, policy, by, why) as hand:
        action = hand.ask("kill_session", user, session, tenant)
    _told(f"asked for as {action.id}")


def verdict_command(  # noqa: PLR0913  # as many as the command has options
    alert_id: Annotated[str, typer.Argument(help="The alert's id, or the beginning of it.")],
    found: Annotated[str, typer.Argument(help="true, false or benign.", metavar="VERDICT")],
    *,
    alerts: Annotated[Path, typer.Option(help="The file that `state alerts` or `replay --alerts` wrote.")],
    feed: Annotated[Path, typer.Option(help="The file of native events that the watch follows; it is appended to.")],
    state: StateOption,
    by: ByOption,
    why: WhyOption,
    policy: PolicyOption = None,
    audit: AuditOption = None,
    audit_key: KeyOption = None,
) -> None:
    """Say what an alert was: true; false or benign, and then what was unfamiliar becomes known. It goes on record."""
    if found not in {"true", "false", "benign"}:
        raise typer.BadParameter("give true, false or benign")
    alert = find_alert(read_alerts(alerts).alerts, alert_id)
    at = datetime.now(UTC)
    said: Literal["benign", "malicious"] = "malicious" if found == "true" else "benign"
    event = {"id": f"verdict-{alert.id}-{at:%Y%m%dT%H%M%S%f}", "at": at.isoformat(), "kind": "verdict", "action": said}
    event |= {"user": alert.user, "source": "sessionwatch", "tenant": alert.tenant, "reason": why}
    event |= {"session": alert.session} if alert.session else {}
    event |= next(({"ip": one.ip, "device": one.device} for one in alert.candidates if one.unfamiliar), {})
    with _hand(state, audit, audit_key, policy, by, why) as hand:
        hand.record("verdict", {"alert": alert.id, "verdict": found}, "verdict")
    with feed.open("a", encoding="utf-8") as file:
        file.write(json.dumps({name: value for name, value in event.items() if value}) + "\n")
        file.flush()
        os.fsync(file.fileno())
    _told(f"{alert.id} was {found}")


def _told(line: str, *, second: bool = False) -> None:
    if second:
        line = f"{line}; noted: a second person must ask for the same within the hour"
    speaker().print(line, markup=False, soft_wrap=True)
    raise typer.Exit(Exit.DONE)
