"""The report as a browser shows it: nothing is fetched, nothing is wider than the screen, every alert is there.

Skipped, with the reason, where there is no Chromium; SESSIONWATCH_REQUIRE_BROWSER=1 makes that a failure.
"""

from __future__ import annotations

import functools
import html
import http.server
import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sessionwatch.report.material import Material
from sessionwatch.report.page import report_page
from sessionwatch.story.alert_reading import read_alerts

GOLDEN = Path(__file__).parent.parent / "replay" / "hospital-day.alerts.jsonl"
WIDTHS = (375, 1280)
HARNESS = """<!DOCTYPE html><title>harness</title><body><script>
const told = [];
for (const width of [375, 1280]) {
  const frame = document.createElement("iframe");
  frame.width = width; frame.height = 900; frame.src = "report.html"; document.body.append(frame);
  frame.addEventListener("load", () => {
    const page = frame.contentDocument, root = page.documentElement;
    const wide = [...page.querySelectorAll("body *")].filter(one => !one.closest("svg, .scroll")
      && one.getBoundingClientRect().right > width + 1).map(one => one.outerHTML.slice(0, 80));
    told.push({width, inside: root.clientWidth, needed: root.scrollWidth, wide,
      alerts: page.querySelectorAll("details.alert").length,
      seen: [...page.querySelectorAll("details.alert")].filter(one => one.getBoundingClientRect().height > 0).length,
      styled: frame.contentWindow.getComputedStyle(page.body).maxWidth,
      fetched: frame.contentWindow.performance.getEntriesByType("resource").map(one => one.name)});
    const said = document.getElementById("said") || document.body.appendChild(document.createElement("pre"));
    said.id = "said"; said.textContent = JSON.stringify(told);
  });
}
</script></body>"""


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser, by whichever name it has."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    missing = "no Chromium is installed (Debian: apt install chromium)"
    if os.environ.get("SESSIONWATCH_REQUIRE_BROWSER") == "1":
        pytest.fail(missing)
    pytest.skip(missing)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    """An address that serves the report of the example day, and the paths that were asked for."""
    (tmp_path / "report.html").write_bytes(report_page(Material(alerts=tuple(read_alerts(GOLDEN).alerts))))
    (tmp_path / "harness.html").write_text(HARNESS)
    asked: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        """Notes what it is asked for."""

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Note it."""
            asked.append(self.path)

    handler = functools.partial(Handler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


def test_the_page_in_a_browser(chromium: str, served: tuple[str, list[str]], tmp_path: Path) -> None:
    """At the width of a phone and of a desk."""
    address, asked = served
    options = ("--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}")
    done = subprocess.run(
        [chromium, *options, "--virtual-time-budget=20000", "--dump-dom", f"{address}/harness.html"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    said = re.search(r'<pre id="said">(.*?)</pre>', done.stdout, re.DOTALL)
    assert said, done.stderr[-2_000:]
    told = json.loads(html.unescape(said[1]))
    number = len(GOLDEN.read_text().splitlines())
    assert sorted(one["width"] for one in told) == list(WIDTHS)
    for one in told:
        assert one["needed"] <= one["inside"], one["wide"]
        assert one["wide"] == []
        assert one["alerts"] == one["seen"] == number
        assert one["styled"] != "none", "the page's own policy keeps its style out"
        assert one["fetched"] == []
    assert set(asked) <= {"/harness.html", "/report.html", "/favicon.ico"}
