"""Alerts in the Common Event Format (CEF), each in a syslog line of RFC 5424."""

from __future__ import annotations

import re
from typing import Final

from models.findings import Severity
from streams.sinks.outgoing import PRODUCT, Outgoing, milliseconds

LOG_AUTHPRIV: Final = 10
SYSLOG_SEVERITIES: Final[dict[Severity, int]] = {"info": 6, "low": 5, "medium": 4, "high": 3, "critical": 2}
CEF_SEVERITIES: Final[dict[Severity, int]] = {"info": 1, "low": 3, "medium": 5, "high": 8, "critical": 10}
NIL: Final = "-"
CONTROL: Final = re.compile("[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029]")
"""Characters that end a line or move a cursor somewhere, all but the two that a value of CEF has a way to write."""
REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"


def cef_line(told: Outgoing) -> bytes:
    """The alert as one syslog line in UTF-8, without a newline or a byte order mark, on which parsers of CEF stumble.

    CEF knows no updates: each notice is an event, all of an alert have its id in `externalId`. What is no new alert
    has the change in its signature and severity 0, so that nothing that counts alerts counts it.
    """
    at = told.at.isoformat(timespec="microseconds").replace("+00:00", "Z")
    severity = SYSLOG_SEVERITIES["info" if told.what == "withdrawn" else told.severity]
    priority = LOG_AUTHPRIV * 8 + severity
    origin = f'[origin software="{PRODUCT}" swVersion="{parameter(told.version)}"]'
    # No host and no process: the line depends on the alert alone, and the relay knows whom it had it from.
    head = f"<{priority}>1 {at} {NIL} {PRODUCT} {NIL} {told.what} {origin}"
    return f"{head} {cef(told)}".encode()


def cef(told: Outgoing) -> str:
    """The alert in CEF."""
    raised = told.what == "raised"
    head = "|".join(
        header(part)
        for part in (
            PRODUCT,
            PRODUCT,
            told.version,
            told.rule if raised else f"{told.rule}:{told.what}",
            told.rule_title if raised else f"{told.rule_title} ({told.what})",
            str(CEF_SEVERITIES[told.severity] if raised else 0),
        )
    )
    return f"CEF:0|{head}|" + " ".join(f"{key}={value(text)}" for key, text in _extension(told) if text)


def header(text: str) -> str:
    r"""A part of CEF's head: one line, with `\` and `|` escaped.

    >>> print(header("a|b"))
    a\|b
    """
    return CONTROL.sub(REPLACEMENT, re.sub("[\r\n]+", " ", text)).replace("\\", "\\\\").replace("|", "\\|")


def value(text: str) -> str:
    r"""A value of CEF's extension: `\`, `=` and the ends of lines escaped.

    >>> print(value("a=b|c"))
    a\=b|c
    """
    escaped = CONTROL.sub(REPLACEMENT, text).replace("\\", "\\\\").replace("=", "\\=")
    return escaped.replace("\n", "\\n").replace("\r", "\\r")


def parameter(text: str) -> str:
    r"""A value of syslog's structured data: `"`, `\` and `]` escaped, the ends of lines replaced.

    >>> print(parameter("a]b"))
    a\]b
    """
    return re.sub(r'(["\\\]])', r"\\\1", CONTROL.sub(REPLACEMENT, re.sub("[\r\n]+", " ", text)))


def _extension(told: Outgoing) -> list[tuple[str, str]]:
    address = [("c6a2", told.ip), ("c6a2Label", "Source IPv6 Address")] if ":" in told.ip else [("src", told.ip)]
    custom = (
        ("session", told.session),
        ("change", told.what),
        ("supersedes", told.supersedes),
        ("attack", ",".join(told.techniques)),
        ("tenant", told.tenant),
        ("document", told.document),
    )
    labelled = [
        pair
        for number, (label, text) in enumerate(custom, start=1)
        if text
        for pair in ((f"cs{number}", text), (f"cs{number}Label", label))
    ]
    return [
        ("rt", str(milliseconds(told.at))),
        ("start", str(milliseconds(told.first_at))),
        ("end", str(milliseconds(told.last_at))),
        ("externalId", told.alert),
        ("suser", told.user or (told.subject if told.by in {"user", "account"} else "")),
        *address,
        ("cnt", str(told.count)),
        *labelled,
    ]
