"""Whatever an id is made of, a parser of CEF, syslog or JSON lines gets it back, and gets one line."""

from __future__ import annotations

import json
import re

from hypothesis import given
from hypothesis import strategies as st

from streams.sinks.cef import CONTROL, REPLACEMENT, header, parameter, value
from streams.sinks.encoding import ENCODERS
from streams.sinks.outgoing import outgoing
from tests.unit.streams.sinks.siem_alerts import alert

# Marks of the three grammars come up often, the rest of Unicode too; a surrogate by itself is in no JSON that we read.
TEXTS = st.text(
    st.one_of(st.sampled_from('\\|=]" \n\r\t\x00\x1b\x85\u2028nr'), st.characters(exclude_categories=["Cs"]))
)
HEAD = re.compile(
    r"<(?P<pri>\d{1,3})>1 (?P<at>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,6}Z) (?P<host>[!-~]+) (?P<app>[!-~]{1,48})"
    r" (?P<proc>[!-~]{1,128}) (?P<id>[!-~]{1,32})"
    r' \[(?P<sd>[!-~]+)(?P<params>(?: [!-~]+?="(?:\\["\\\]]|[^"\\\]])*")*)\] (?P<cef>CEF:0\|.*)',
    re.DOTALL,
)
PARTS = re.compile(r"(?:\\[\\|]|[^\\|])*")
PAIR = re.compile(r" ?(\w+)=((?:\\[\\=nr]|[^\\=])*?)(?= \w+=|$)", re.DOTALL)


def clean(text: str) -> str:
    """The text as it may arrive: without control characters that CEF cannot say."""
    return CONTROL.sub(REPLACEMENT, text)


def unescaped(text: str) -> str:
    """A value of CEF as its reader has it."""
    return re.sub(r"\\(.)", lambda found: {"n": "\n", "r": "\r"}.get(found[1], found[1]), text)


def cef_parts(cef: str) -> tuple[list[str], dict[str, str]]:
    """The seven parts of a head and the pairs of the extension, by the grammar and not by our code."""
    parts, place = [], 0
    for _ in range(7):
        found = PARTS.match(cef, place)
        assert found
        parts.append(re.sub(r"\\(.)", r"\1", found[0]))
        assert cef[found.end()] == "|"
        place = found.end() + 1
    pairs, end = {}, place
    for pair in PAIR.finditer(cef, place):
        assert pair.start() == end
        pairs[pair[1]] = unescaped(pair[2])
        end = pair.end()
    assert end == len(cef)
    return parts, pairs


@given(user=TEXTS, session=TEXTS, tenant=TEXTS, title=TEXTS, engine=TEXTS)
def test_cef_in_syslog_is_read_back(user: str, session: str, tenant: str, title: str, engine: str) -> None:
    """Head, structured data and every pair come back as they were put in; no key is smuggled in by a value."""
    rule = {"id": "r|1", "version": "v", "title": title, "maps_to": {}}
    told = alert(user=user, session=session, tenant=tenant, rule=rule, engine=f"sessionwatch {engine}")
    line = ENCODERS["cef"](outgoing(told)).decode()
    assert len(line.splitlines()) == 1
    found = HEAD.fullmatch(line)
    assert found
    assert int(found["pri"]) // 8 == 10
    parts, pairs = cef_parts(found["cef"])
    one_line = clean(re.sub("[\r\n]+", " ", title))
    assert parts[:3] == ["CEF:0", "sessionwatch", "sessionwatch"]
    assert parts[4:] == ["r|1", one_line, "8"]
    assert (pairs.get("suser"), pairs.get("cs1", ""), pairs.get("cs5", "")) == (
        clean(user or "ann"),
        clean(session),
        clean(tenant),
    )
    allowed = "rt start end externalId suser src cnt cs1 cs1Label cs2 cs2Label cs5 cs5Label cs6 cs6Label"
    assert set(pairs) <= set(allowed.split())


@given(TEXTS)
def test_an_escaped_text_ends_where_it_ends(text: str) -> None:
    """No mark of the grammar stands unescaped, so that nothing after it can be taken for part of it."""
    assert re.fullmatch(r"(?:\\[\\|]|[^\\|\r\n])*", header(text))
    assert re.fullmatch(r"(?:\\[\\=nr]|[^\\=\r\n])*", value(text))
    assert re.fullmatch(r'(?:\\["\\\]]|[^"\\\]\r\n])*', parameter(text))
    assert unescaped(value(text)) == clean(text)


@given(user=TEXTS, session=TEXTS)
def test_json_lines_are_one_line_each(user: str, session: str) -> None:
    """A newline in an id ends no line, and the id comes back."""
    told = outgoing(alert(user=user, session=session))
    ocsf, ecs, hec = (ENCODERS[form](told) for form in ("ocsf", "ecs", "hec"))
    assert [line for line in (ocsf, ecs, hec) if b"\n" in line or b"\r" in line] == []
    assert json.loads(hec)["event"].get("session_id", "") == session
    assert json.loads(ecs).get("user", {}).get("id", "") == user
