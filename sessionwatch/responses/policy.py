"""What the response policy decides about an alert: pure, without a clock, so that it can be tested and explained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from models.actions import Action, Decision, Instruction, Reason, RuleVersion, Verb, Withheld, action_id
from models.alerts import Alert, Change
from models.policies import Asked, ModeFor, PolicyFile, PolicyMode, Protected, Response
from models.rules import Mode
from sessionwatch.responses.broker import Capabilities

GRAVITY: Final[Mapping[Verb, int]] = {"notify": 0, "clear_step_up": 0, "step_up": 1, "kill_session": 2, "kill_user": 3}
"""What is graver than what."""
LASTS: Final = timedelta(hours=1)
"""How long what no response selects may be told."""
PERSONAL: Final = frozenset({"user", "session", "account"})
"""The subjects whose alerts are about the person that they name. The user of an alert by address was only tried."""
REASONS: Final[Mapping[str, str]] = {
    "late": "the event came later than its bound, so what was known then may be incomplete",
    "not_about_a_person": "the alert is about an address, a device or a tenant, and names nobody who did it",
    "no_user": "the alert names no user",
    "emergency_access": "emergency access is never hindered, and always looked at afterwards",
    "protected": "the account is protected",
    "not_capable": "the broker knows no such action",
    "undecided": "no single session is the unfamiliar one",
    "rule_not_enforcing": "the rule does not say mode: enforce",
    "observe": "the policy observes here",
}
"""Why less is done than the policy's response says, by code."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is known about an alert beside itself.

    `chain` is the first alert's id of its chain; `rule_mode` what the rule says; `emergency`: the user broke the glass
    a while ago.
    """

    change: Change = "raised"
    revision: tuple[int, int] = (0, 0)
    chain: str = ""
    rule_mode: Mode = "alert"
    emergency: bool = False


@dataclass(slots=True)
class _Thought:
    """A verb on its way down, with the reasons."""

    verb: Verb
    target: str
    reasons: list[Reason] = field(default_factory=list)
    withheld: list[Withheld] = field(default_factory=list)
    widened: bool = False

    def lower(self, verb: Verb, target: str, code: str, said: str = "") -> None:
        """Do `verb` instead, and remember why."""
        text = REASONS[code] + (f": {said}" if said else "")
        self.withheld.append(Withheld(verb=self.verb, target=self.target, reason=Reason(code=code, text=text)))
        self.verb, self.target = verb, target


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy ready to decide. `version` is the hash of what is written; `capabilities` those of the broker, if known.

    `mode`, where given, stands for what the policy says everywhere: its own tests use that.
    """

    written: PolicyFile
    version: str
    capabilities: Capabilities | None = None
    mode: PolicyMode | None = None

    def decide(self, alert: Alert, told: Told) -> Decision:
        """What is asked for about `alert`, and what is not and why. A withdrawn or settled alert asks for nothing."""
        rule = RuleVersion(id=alert.rule.id, version=alert.rule.version)
        mode, why_mode = self._mode(alert, told)
        actions: tuple[Action, ...] = ()
        thought = _Thought("notify", alert.user)
        if told.change in {"raised", "updated"}:
            response = self._response(alert)
            thought = self._thought(alert, told, response)
            if mode == "observe":
                thought.lower("notify", alert.user, why_mode)
            else:
                actions = (self._action(alert, told, response, thought),)
        return Decision(
            alert=alert.id,
            chain=told.chain or alert.id,
            revision=told.revision,
            change=told.change,
            rule=rule,
            policy=self.version,
            mode=mode,
            actions=actions,
            withheld=tuple(thought.withheld),
            reasons=tuple(thought.reasons),
        )

    def response(self, name: str) -> Response | None:
        """The response of that name."""
        return next((one for one in self.written.responses if one.name == name), None)

    def _mode(self, alert: Alert, told: Told) -> tuple[PolicyMode, str]:
        if told.rule_mode != "enforce":
            return "observe", "rule_not_enforcing"
        if self.mode is not None:
            return self.mode, "observe"
        found = next((one for one in self.written.modes if _holds(one, alert)), None)
        return (self.written.mode if found is None else found.mode), "observe"

    def _response(self, alert: Alert) -> Response | None:
        for one in self.written.responses:
            rules, severities, tenants = one.rules, one.severities, one.tenants
            if (
                (rules is None or alert.rule.id in rules)
                and (severities is None or alert.severity in severities)
                and (tenants is None or alert.tenant in tenants)
            ):
                return one
        return None

    def _thought(self, alert: Alert, told: Told, response: Response | None) -> _Thought:
        """The response's verb, made less where it must be; graver only for a broker that can do no less."""
        if response is None:
            return _Thought("notify", alert.user, [Reason(code="no_response", text="no response selects the alert")])
        text = f"the response {response.name} asks for {response.do}"
        thought = _Thought(response.do, alert.user, [Reason(code="response", text=text)])
        if response.do == "kill_session":
            self._choose(alert, response, thought)
        self._fit(response, thought, alert.user)
        self._spare(alert, told, thought)
        return thought

    def _choose(self, alert: Alert, response: Response, thought: _Thought) -> None:
        """The single unfamiliar session; else what the response says for undecided ones. Never by order."""
        strange = {one.session for one in alert.candidates if one.unfamiliar}
        if len(strange) == 1 and "" not in strange:
            (thought.target,) = strange
            said = ", ".join(sorted({word for one in alert.candidates for word in one.unfamiliar}))
            text = f"{thought.target} is the only candidate with anything unfamiliar ({said})"
            thought.reasons.append(Reason(code="single_unfamiliar", text=text))
            return
        thought.target = ""
        thought.lower(response.undecided, alert.user, "undecided", f"{len(strange)} are unfamiliar")

    def _fit(self, response: Response, thought: _Thought, user: str) -> None:
        known = self.capabilities
        if known is None or thought.verb == "notify" or thought.verb in known.verbs:
            return
        fallback: Verb = "notify" if response.if_not_capable == "refuse" else response.if_not_capable
        if GRAVITY[fallback] > GRAVITY[thought.verb]:
            if thought.verb == "kill_session" and fallback in known.verbs:
                thought.widened = True
            else:
                fallback = "notify"
        if fallback not in known.verbs:
            fallback = "notify"
        thought.lower(fallback, user, "not_capable")

    def _spare(self, alert: Alert, told: Told, thought: _Thought) -> None:
        """Whom it must not hit."""
        if thought.verb == "notify" and alert.rule.id not in self.written.emergency_access.rules:
            return
        emergency = self.written.emergency_access
        is_emergency = alert.rule.id in emergency.rules or alert.user in emergency.users or told.emergency
        if is_emergency or any(event.kind == "emergency_access" for event in alert.events):
            thought.lower("notify", alert.user, "emergency_access")
        elif alert.late:
            thought.lower("notify", alert.user, "late")
        elif alert.subject.by not in PERSONAL:
            thought.lower("notify", alert.user, "not_about_a_person")
        elif not alert.user:
            thought.lower("notify", alert.user, "no_user")
        elif (guarded := self._protected(alert)) is not None and GRAVITY[thought.verb] > GRAVITY[guarded.at_most]:
            thought.lower(guarded.at_most, alert.user, "protected", guarded.reason)

    def _protected(self, alert: Alert) -> Protected | None:
        return next(
            (
                one
                for one in self.written.protected
                if alert.user in one.users and (one.until is None or alert.last_at < one.until)
            ),
            None,
        )

    def _action(self, alert: Alert, told: Told, response: Response | None, thought: _Thought) -> Action:
        chain = told.chain or alert.id
        session = thought.target if thought.verb == "kill_session" else ""
        source = next((event.source for event in alert.events if event.session == session and session), "")
        act = None if response is None else response.act
        lasts = LASTS if response is None else response.expires_after
        return Action(
            id=action_id(alert.tenant, alert.rule.id, alert.subject, thought.verb, thought.target, chain),
            verb=thought.verb,
            tenant=alert.tenant,
            user=alert.user,
            target=thought.target,
            session=session,
            source=source,
            subject=alert.subject,
            rule=RuleVersion(id=alert.rule.id, version=alert.rule.version),
            policy=self.version,
            response="" if response is None else response.name,
            alert=alert.id,
            chain=chain,
            severity=alert.severity,
            at=alert.last_at,
            expires_at=alert.last_at + lasts,
            act=act or ("when_settled" if thought.verb == "kill_user" else "at_once"),
            widened=thought.widened,
            why=f"{alert.rule.id} {alert.rule.version}: {alert.rule.title} (alert {alert.id})",
        )


def instructions_of(decision: Decision, alert: Alert) -> list[Instruction]:
    """What the runner is told of a decision, in order."""
    head = {"tenant": alert.tenant, "user": alert.user, "chain": decision.chain, "alert": alert.id}
    if decision.change == "withdrawn":
        return [Instruction(what="cancel", **head)]
    if decision.change == "resolved":
        return [Instruction(what="settle", **head)]
    return [Instruction(what="act", action=action, **head) for action in decision.actions]


def missing(policy: Policy, capabilities: Capabilities) -> list[str]:
    """What the policy asks for that the broker cannot do, with no fallback: it is then refused at the start."""
    lines = []
    for one in policy.written.responses:
        asked: list[Asked] = [one.do] if one.if_not_capable == "refuse" else []
        if one.do == "kill_session" and one.if_not_capable == "refuse":
            asked.append(one.undecided)
        asked += [one.escalate.do] if one.escalate is not None else []
        lines += [
            f"the response {one.name} asks for {verb}, which this broker cannot do; give it if_not_capable"
            for verb in asked
            if verb != "notify" and verb not in capabilities.verbs
        ]
    return lines


def _holds(one: ModeFor, alert: Alert) -> bool:
    return (
        (one.tenants is None or alert.tenant in one.tenants)
        and (one.rules is None or alert.rule.id in one.rules)
        and (one.sources is None or _all_in((event.source for event in alert.events), one.sources))
    )


def _all_in(said: Iterable[str], known: tuple[str, ...]) -> bool:
    sources = set(said) - {""}
    return bool(sources) and sources <= set(known)
