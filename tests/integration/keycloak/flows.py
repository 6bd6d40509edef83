"""The flow by which a realm demands a factor of who is marked, also in a session that is there already.

First the cookie or the password; then, for a user whose attribute says so, the code. Who has no factor is denied: the
server's own page would have whoever sits there enrol one.
"""

from __future__ import annotations

from typing import Any

ATTRIBUTE = "step_up_required"
BROWSER = "asked"


def flows() -> dict[str, Any]:
    """What of a realm's representation is about it."""
    marked = {"attribute_name": ATTRIBUTE, "attribute_expected_value": "true", "not": "false"}
    unasked = {"flow_to_check": "asked for a code", "check_result": "not-executed"}
    return {
        "browserFlow": BROWSER,
        "authenticationFlows": [
            _flow(BROWSER, _below("asked who", "REQUIRED"), _below("asked if marked", "CONDITIONAL"), top=True),
            _flow("asked who", _step("auth-cookie", "ALTERNATIVE"), _below("asked by forms", "ALTERNATIVE")),
            _flow("asked by forms", _step("auth-username-password-form")),
            _flow(
                "asked if marked",
                _step("conditional-user-attribute", config="marked"),
                _below("asked for a code", "CONDITIONAL"),
                _below("denied without", "CONDITIONAL"),
            ),
            _flow("asked for a code", _step("conditional-user-configured"), _step("auth-otp-form")),
            _flow(
                "denied without",
                _step("conditional-sub-flow-executed", config="no code"),
                _step("deny-access-authenticator"),
            ),
        ],
        "authenticatorConfig": [{"alias": "marked", "config": marked}, {"alias": "no code", "config": unasked}],
        # The policy of codes is taken only where its type is named; reusable, so that no test waits for the next code.
        "otpPolicyType": "totp",
        "otpPolicyAlgorithm": "HmacSHA1",
        "otpPolicyInitialCounter": 0,
        "otpPolicyDigits": 6,
        "otpPolicyLookAheadWindow": 1,
        "otpPolicyPeriod": 30,
        "otpPolicyCodeReusable": True,
    }


def _flow(alias: str, *executions: dict[str, Any], top: bool = False) -> dict[str, Any]:
    steps = [{**one, "priority": 10 * n} for n, one in enumerate(executions, 1)]
    said = {"alias": alias, "providerId": "basic-flow", "topLevel": top, "builtIn": False}
    return {**said, "authenticationExecutions": steps}


def _step(authenticator: str, requirement: str = "REQUIRED", config: str = "") -> dict[str, Any]:
    step = {"authenticator": authenticator, "requirement": requirement, "authenticatorFlow": False}
    return {**step, "authenticatorConfig": config} if config else step


def _below(alias: str, requirement: str) -> dict[str, Any]:
    return {"flowAlias": alias, "requirement": requirement, "authenticatorFlow": True}
