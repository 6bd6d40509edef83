"""The report: all alerts, nothing that runs, nothing that is asked for, the same bytes each time."""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest

from models.alerts import Alert
from models.instants import to_us
from models.places import Place
from sessionwatch.drawing.day_bars import BARS_MAX, day_bars
from sessionwatch.report import page as page_module
from sessionwatch.report.alert_map import alert_map
from sessionwatch.report.material import Material, NotJudged
from sessionwatch.report.page import MAPS_MAX, OPEN_MAX, report_page
from tests.unit.story.alerts import alert

NASTY = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{ 7 * 7 }}"


class Page(HTMLParser):
    """What a browser would make of the page: elements with their attributes, and text."""

    def __init__(self, raw: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(raw.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note it."""
        self.elements.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close it, and what was left open within."""
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        """Note it, less the style."""
        if self.open[-1:] != ["style"]:
            self.text += data

    def count(self, tag: str, css_class: str = "") -> int:
        """How many elements there are with a tag and a class."""
        classes = (a.get("class") for name, a in self.elements if name == tag)
        return sum(not css_class or css_class in (said or "").split() for said in classes)


def many(number: int, **said: Any) -> tuple[Alert, ...]:
    """So many alerts of different people."""
    return tuple(alert(id=f"{n:032x}", subject={"by": "user", "value": f"u{n}"}, **said) for n in range(number))


def page_of(number: int) -> Page:
    """The page of so many alerts."""
    return Page(report_page(Material(alerts=many(number))))


def test_nothing_that_a_log_says_becomes_markup() -> None:
    """A user may be called anything, and so may a device, a place, a rule of somebody else, a remark."""
    nasty = alert(
        user=NASTY,
        subject={"by": "user", "value": NASTY},
        summary=f"{NASTY} signed in.",
        session=NASTY,
        rule={"id": NASTY, "version": NASTY, "title": NASTY, "maps_to": {"attack": [NASTY]}},
        events=[{"id": NASTY, "at": "2026-03-31T07:01:00Z", "kind": NASTY, "ip": NASTY, "device": NASTY}],
        evidence={NASTY: NASTY, "origin": {"latitude": 1.0, "longitude": 2.0, "radius_km": 3.0, "place": NASTY}},
        candidates=[{"session": NASTY, "first_event": "e", "at": "2026-03-31T07:01:00Z", "unfamiliar": ["place"]}],
        geo_build=NASTY,
    )
    raw = report_page(Material(alerts=(nasty,), account=((NASTY, NASTY),), remarks=(NASTY,)))
    plain = report_page(Material(alerts=(alert(evidence=nasty.evidence, candidates=nasty.candidates),)))
    page = Page(raw)
    assert {tag for tag, _ in page.elements} - {tag for tag, _ in Page(plain).elements} <= {"section", "li", "ul", "b"}
    assert page.count("script") == page.count("img") == 0
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert page.text.count("<script>alert(1)</script>") > 10
    assert "49" not in page.text


def test_nothing_is_asked_for() -> None:
    """No address of anything but a place in the page itself; and a browser is told to ask for nothing."""
    raw = report_page(Material(alerts=many(3)))
    page = Page(raw)
    links = [a.get(name) for _, a in page.elements for name in ("href", "src", "srcset", "action") if name in a]
    assert links
    assert all(link is not None and link.startswith("#") for link in links)
    assert page.count("link") == page.count("script") == page.count("iframe") == 0
    assert "@import" not in raw.decode()
    assert "url(" not in raw.decode()


def test_the_policy_lets_in_the_page_s_own_style_alone() -> None:
    """Its hash is that of the style as it stands in the page."""
    raw = report_page(Material(alerts=())).decode()
    (style,) = re.findall(r"<style>(.*?)</style>", raw, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}'" in raw


def test_the_same_material_gives_the_same_bytes() -> None:
    """In whatever order the alerts come; and no clock is asked."""
    alerts = many(5)
    assert report_page(Material(alerts=alerts)) == report_page(Material(alerts=alerts[::-1]))


def test_every_alert_is_there_and_counted() -> None:
    """One by one, and in the table by rule."""
    other = alert(id="f" * 32, rule={"id": "new_device", "version": "2", "title": "New device", "maps_to": {}})
    page = Page(report_page(Material(alerts=(*many(3), other))))
    assert page.count("details", "alert") == 4
    assert page.count("details", "rule") == 2
    assert "4 alerts: 4 high" in " ".join(page.text.split())
    assert "2026-03-31 07:01 to 2026-03-31 07:01 UTC" in page.text


def test_a_page_without_alerts_says_what_was_read_and_not_judged() -> None:
    """Silence is told from blindness."""
    not_judged = NotJudged(rule="new_country", evaluated=10, reasons={"no_place": 4, "vpn_network": 2})
    material = Material(alerts=(), account=(("Records", "10"),), not_judged=(not_judged,))
    text = " ".join(Page(report_page(material)).text.split())
    assert "No rule raised an alert." in text
    assert "6 of 10" in text
    assert "nobody says where the address is (4); the address is of a vpn network" in text


def test_many_alerts_are_closed_until_they_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few come laid open, thousands do not; beyond the limit it is said how many are not shown, the gravest kept."""
    assert " open" in report_page(Material(alerts=many(OPEN_MAX))).decode()
    assert not [a for tag, a in Page(report_page(Material(alerts=many(OPEN_MAX + 1)))).elements if "open" in a]
    assert page_of(OPEN_MAX).count("details", "subject") == 0
    assert page_of(OPEN_MAX + 1).count("details", "subject") == OPEN_MAX + 1
    monkeypatch.setattr(page_module, "ALERTS_SHOWN_MAX", 3)
    page = Page(report_page(Material(alerts=(*many(4, severity="low"), alert(id="f" * 32, severity="critical")))))
    text = " ".join(page.text.split())
    assert page.count("details", "alert") == 3
    assert page.count("span", "critical") == 1
    assert "3 of 5 alerts are shown here, the gravest first; 2 are counted above only." in text
    assert "2 more alerts of this rule are not shown." in text


def test_maps_are_drawn_from_evidence_else_from_the_logs_and_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing has a coordinate there is no map."""
    placed = {("e1", to_us(alert().events[0].at)): Place(latitude=0.0, longitude=0.0, radius_km=5, city="Null")}
    assert alert_map(alert(), {}) == ""
    assert "Null" in alert_map(alert(), placed)
    ends = {name: {"latitude": n, "longitude": n, "radius_km": 5, "place": name} for n, name in enumerate(("A", "B"))}
    drawn = alert_map(alert(evidence={"origin": ends["A"], "destination": ends["B"]}), placed)
    assert 'class="way"' in drawn
    assert "Null" not in drawn
    assert MAPS_MAX > 2
    monkeypatch.setattr(page_module, "MAPS_MAX", 2)
    raw = report_page(Material(alerts=many(4, evidence={"origin": ends["A"]})))
    assert Page(raw).count("figure") == 2


def test_headings_tables_and_language_are_marked_up() -> None:
    """A reader that reads aloud finds its way: one h1, no level left out, heads of columns and rows."""
    page = Page(report_page(Material(alerts=many(2, evidence={"hops": 2, "hops_max": 1}))))
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert ("html", {"lang": "en"}) in page.elements
    assert all(attributes.get("scope") in {"row", "col"} for tag, attributes in page.elements if tag == "th")


def test_bars_of_a_long_time_stand_for_several_days() -> None:
    """A year fits, and nothing of it is lost."""
    last = alert().at.date()
    first = last - timedelta(days=364)
    counts = {first: 1, first + timedelta(days=1): 2, last: 4}
    drawn = day_bars(counts, first, last, most=4, title="a year")
    assert drawn.count("<rect") == 2
    assert f"{first} to {first + timedelta(days=5)}: 3" in drawn
    assert BARS_MAX >= 365 / 6
