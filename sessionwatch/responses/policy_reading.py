"""A response policy from its file: strictly, all faults at once, and its own tests run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from models.actions import Decision
from models.alerts import Alert, RuleRef, SubjectRef
from models.instants import EPOCH
from models.policies import PolicyAlert, PolicyFile, PolicyTest
from models.written.nodes import Node, note, read_yaml
from models.written.shapes import check_name, validated
from models.written.texts import Misfit, SourceText, close_to, read_text
from sessionwatch.errors import PolicyError
from sessionwatch.responses.policy import GRAVITY, REASONS, Policy, Told
from sessionwatch.ruleset.files import POLICY_FILE, bundled_rules
from sessionwatch.ruleset.rule_reading import short_hash

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def bundled_policy() -> Path:
    """The file of the policy that comes with sessionwatch."""
    return bundled_rules() / POLICY_FILE


def policy_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a policy's file, for editors."""
    return {"$schema": DIALECT, **PolicyFile.model_json_schema(), "title": "A response policy of sessionwatch"}


def load_policy(path: Path, rules: Iterable[str] | None = None) -> Policy:
    """The policy in the file at `path`; `rules` are the ids that it may name, None where they are not known.

    Raises:
        PolicyError: with all faults, where there is any.
    """
    source = read_text(path)
    root = read_yaml(source) if not source.faults else None
    written = None
    if root is not None:
        written = validated(PolicyFile, root, source)
        check_name(source, root, {})
        _PolicyReader(source, root, None if rules is None else frozenset(rules)).check()
    if written is None or source.faults:
        raise PolicyError(source.faults)
    return Policy(written, short_hash(written.model_dump(mode="json", exclude={"tests"})))


class _PolicyReader:
    """Checks what one part says of another; every part whatever the others are like."""

    def __init__(self, source: SourceText, root: Node, rules: frozenset[str] | None) -> None:
        self.source, self.root, self.rules = source, root, rules
        self.data: dict[str, Any] = root.data()

    def check(self) -> None:
        """Note every fault."""
        self._check_responses()
        self._check_rules(("emergency_access", "rules"))
        for index, _ in enumerate(self._list("modes")):
            self._check_rules(("modes", index, "rules"))
        self._check_people()
        self._check_tests()

    def _note(self, path: tuple[str | int, ...], message: str, hint: str = "", *, on_key: bool = False) -> None:
        note(self.source, self.root, [Misfit(path, message, hint, on_key)])

    def _list(self, name: str) -> list[dict[str, Any]]:
        said = self.data.get(name)
        return [one if isinstance(one, dict) else {} for one in said] if isinstance(said, list) else []

    def _check_rules(self, path: tuple[str | int, ...]) -> None:
        node = self.root.find(path)
        if self.rules is None or not isinstance(node.value, list):
            return
        for index, one in enumerate(node.value):
            if isinstance(one.value, str) and one.value not in self.rules:
                self._note((*path, index), f'there is no rule "{one.value}"', close_to(one.value, self.rules))

    def _check_responses(self) -> None:
        names: dict[str, int] = {}
        taken_by = None
        for index, one in enumerate(self._list("responses")):
            line = self.root.find(("responses", index)).line
            self._check_rules(("responses", index, "rules"))
            name = one.get("name")
            if isinstance(name, str) and names.setdefault(name, line) != line:
                self._note(("responses", index, "name"), f"another response has this name, on line {names[name]}")
            if taken_by is not None:
                self._note(("responses", index), f"is never reached: the one on line {taken_by} selects every alert")
            if taken_by is None and not {"rules", "severities", "tenants"} & set(one):
                taken_by = line
            if "undecided" in one and one.get("do") != "kill_session":
                self._note(("responses", index, "undecided"), "only kill_session can be undecided", on_key=True)
            if "escalate" in one and one.get("do") in {"notify", "kill_user"}:
                self._note(("responses", index, "escalate"), "only a demanded factor can be escalated", on_key=True)
            widens = one.get("if_not_capable") == "kill_user"
            if widens and one.get("do") in GRAVITY and one.get("do") != "kill_session":
                hint = "only a session's kill may be widened to its user"
                self._note(("responses", index, "if_not_capable"), f"{one['do']} would become kill_user", hint)
        if self._list("responses") and taken_by is None:
            self._note(
                ("responses",), "no response selects every alert", "end with one that only notifies", on_key=True
            )

    def _check_people(self) -> None:
        people = self.data.get("people")
        named = people.get("named") if isinstance(people, dict) else None
        second = people.get("second_person") if isinstance(people, dict) else None
        if second and len(named or ()) < len(("one", "another")):
            message = "a second person is asked for, and fewer than two are named"
            self._note(("people", "second_person"), message, on_key=True)

    def _check_tests(self) -> None:
        tests = self._list("tests")
        acts = [bool(one["actions"]) for one in tests if isinstance(one.get("actions"), list)]
        if tests and len(acts) == len(tests):
            if not any(acts):
                self._note(("tests",), "no test expects an action", on_key=True)
            if all(acts):
                self._note(("tests",), "no test expects that nothing is done", "add one with actions: []", on_key=True)
        names: dict[str, int] = {}
        for index, one in enumerate(tests):
            name = one.get("name")
            if isinstance(name, str) and names.setdefault(name, index) != index:
                self._note(("tests", index, "name"), "another test has this name")
            self._check_test_rule(index, one)
            withheld = one.get("withheld")
            for place, code in enumerate(withheld if isinstance(withheld, list) else ()):
                if code not in REASONS:
                    self._note(
                        ("tests", index, "withheld", place),
                        f'there is no reason "{code}"',
                        close_to(str(code), REASONS),
                    )

    def _check_test_rule(self, index: int, test: dict[str, Any]) -> None:
        alert = test.get("alert")
        rule = alert.get("rule") if isinstance(alert, dict) else None
        if self.rules is not None and isinstance(rule, str) and rule not in self.rules:
            self._note(("tests", index, "alert", "rule"), f'there is no rule "{rule}"', close_to(rule, self.rules))


@dataclass(frozen=True, slots=True)
class PolicyTestResult:
    """How one of a policy's tests went; `difference` says what was expected and what came, where it failed."""

    name: str
    difference: str = ""

    @property
    def passed(self) -> bool:
        """Whether it passed."""
        return not self.difference


def run_policy_tests(policy: Policy) -> list[PolicyTestResult]:
    """Every test of the policy, by the code that decides live."""
    return [_result(policy, test) for test in policy.written.tests]


def _result(policy: Policy, test: PolicyTest) -> PolicyTestResult:
    tried = Policy(policy.written, policy.version, policy.capabilities, test.mode)
    said = test.alert
    told = Told(said.change, (1, 0), "", said.rule_mode, said.emergency)
    decision = tried.decide(alert_of(said), told)
    came = [f"{one.verb} {one.target} {one.act}" for one in decision.actions]
    codes = [one.reason.code for one in decision.withheld]
    fits = len(test.actions) == len(decision.actions) and all(
        (one.do, one.target or came_.target, one.act or came_.act) == (came_.verb, came_.target, came_.act)
        for one, came_ in zip(test.actions, decision.actions, strict=True)
    )
    if fits and (test.withheld is None or list(test.withheld) == codes):
        return PolicyTestResult(test.name)
    wanted = [f"{one.do} {one.target or '*'} {one.act or '*'}" for one in test.actions]
    lines = [f"expected {', '.join(wanted) or 'nothing'}; came {', '.join(came) or 'nothing'}"]
    if test.withheld is not None:
        lines.append(f"expected the reasons {', '.join(test.withheld) or 'none'}; came {', '.join(codes) or 'none'}")
    return PolicyTestResult(test.name, "\n".join(lines))


def alert_of(said: PolicyAlert) -> Alert:
    """The alert that a test describes, with the rest as on any day."""
    candidates = [
        {"session": one.session, "first_event": "e1", "at": EPOCH, "unfamiliar": one.unfamiliar}
        for one in said.candidates
    ]
    alert: dict[str, Any] = {
        "id": "a1",
        "severity": said.severity,
        "rule": RuleRef(id=said.rule, version="1", title=said.rule, maps_to={}),
        "tenant": said.tenant,
        "subject": SubjectRef(by=said.by, value=said.user if said.by == "user" else f"a {said.by}"),
        "user": said.user,
        "session": said.session,
        "count": 1,
        "events": [{"id": "e1", "at": EPOCH, "source": said.source}],
        "evidence": {},
        "candidates": candidates,
        "late": True if said.late else None,
    }
    times = dict.fromkeys(("at", "first_at", "last_at"), EPOCH)
    return Alert.model_validate(
        {**dict.fromkeys(("detector", "key", "geo_build", "engine", "summary"), ""), **times, **alert}
    )


def told_lines(decision: Decision, modes: Mapping[str, str]) -> list[str]:
    """A decision in lines for a person: what would be done, and each reason in the order it was thought."""
    lines = [f"alert    {decision.alert} of {decision.rule.id} ({decision.change})", f"mode     {decision.mode}"]
    lines += [f"rule     mode: {modes[decision.rule.id]}"] if decision.rule.id in modes else []
    lines += [f"because  {one.text}" for one in decision.reasons]
    lines += [f"not      {one.verb} {one.target}: {one.reason.text} ({one.reason.code})" for one in decision.withheld]
    lines += [
        f"do       {one.verb} {one.target}, {one.act.replace('_', ' ')}, until {one.expires_at:%Y-%m-%d %H:%M:%S} UTC"
        for one in decision.actions
    ]
    return lines if decision.actions else [*lines, "do       nothing"]
