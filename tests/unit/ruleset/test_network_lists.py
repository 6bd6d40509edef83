"""Lists of networks and their classes: read as strictly as rules, the site believed before the curated list."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from geo.locator import Locator
from geo.networks import KnownNetwork
from models.events import SessionEvent
from models.instants import to_us
from models.places import Place
from models.rules import instant_of
from sessionwatch.errors import RulesetError
from sessionwatch.ruleset.loading import bundled_rules, load_rules
from sessionwatch.ruleset.network_lists import load_network_lists

SITE = """\
id: our_networks
title: St. Anna's own
type: network_classes
entries:
  - {network: 192.0.2.0/24, class: corporate, organisation: St. Anna, reason: The wards., owner: IT}
  - {network: "2001:DB8::/32", class: vpn, reason: The new exit., owner: IT, until: "2026-07-01"}
  - {network: as64500, class: sase, reason: The web gateway., owner: IT}
"""
MARCH = KnownNetwork("vpn", "", to_us(instant_of("2026-07-01T00:00Z")))


def written(folder: Path, text: str, name: str = "our_networks") -> Path:
    """A list file."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def faults(path: Path) -> list[str]:
    """What is told of a list, each as `line:column: message`."""
    with pytest.raises(RulesetError) as caught:
        load_network_lists([bundled_rules()], [path])
    return [f"{fault.line}:{fault.column}: {fault.message}" for fault in caught.value.faults]


def test_a_sites_list_has_networks_and_systems_in_one_spelling(tmp_path):
    """With the class, whose it is, and until when."""
    lists = load_network_lists([bundled_rules()], [written(tmp_path, SITE)])
    assert lists.site == {
        "192.0.2.0/24": KnownNetwork("corporate", "St. Anna"),
        "2001:db8::/32": MARCH,
        "AS64500": KnownNetwork("sase"),
    }


def test_a_list_beside_rules_is_the_sites_and_one_called_networks_replaces_the_curated_one(tmp_path):
    """So that a copy of the bundled folder is not believed over itself, and may be mended."""
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "one.yaml").write_text((bundled_rules() / "impossible_travel.yaml").read_text("utf-8"), "utf-8")
    beside = written(rules / "lists", SITE)
    lists = load_network_lists([rules])
    assert set(lists.site) == {"192.0.2.0/24", "2001:db8::/32", "AS64500"}
    assert "AS14593" in lists.curated
    written(rules / "lists", SITE.replace("our_networks", "networks"), "networks")
    beside.unlink()
    lists = load_network_lists([rules])
    assert not lists.site
    assert "AS14593" not in lists.curated


def test_the_curated_list_says_why_and_from_where_of_each_entry():
    """Each class but those that addresses say by themselves, and that only a site can know, has entries."""
    text = (bundled_rules() / "lists" / "networks.yaml").read_text("utf-8")
    curated = load_network_lists([bundled_rules()]).curated
    assert text.count("network: ") == text.count("source: ") == text.count("reason: ") == len(curated)
    classes = {known.network_class for known in curated.values()}
    assert classes == {"relay", "sase", "vpn", "hosting", "mobile", "satellite", "tor", "anycast", "cloud_backend"}


@pytest.mark.parametrize(
    ("ip", "asn", "network_class"),
    [
        ("20.190.190.1", 8075, "cloud_backend"),
        ("20.20.33.1", 8075, "cloud_backend"),
        ("40.126.1.1", 8075, "cloud_backend"),
        ("52.97.1.1", 8075, "cloud_backend"),
        ("52.101.1.1", 8075, "cloud_backend"),
        ("52.105.1.1", 8075, "cloud_backend"),
        ("52.109.1.1", 8075, "cloud_backend"),
        ("52.113.1.1", 8075, "cloud_backend"),
        ("2603:1063:1::1", 8075, "cloud_backend"),
        ("2603:10a6::1", 8075, "cloud_backend"),
        ("20.98.1.1", 8075, "hosting"),
        ("52.20.1.1", 14618, "hosting"),
    ],
)
def test_servers_that_act_for_users_are_told_from_machines_that_anybody_can_rent(ip, asn, network_class):
    """Of one system: what Microsoft publishes for Microsoft 365 is nobody's place, its customers' machines are."""
    locator = Locator(curated=load_network_lists([bundled_rules()]).curated)
    event = SessionEvent(
        id="a", at=datetime(2026, 3, 2, tzinfo=UTC), kind="login", ip=ip, place=Place(country="NL", asn=asn)
    )
    assert locator.locate(event).place.network_class == network_class


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{network: 192.0.2.0/33, class: vpn, reason: x}", '5:15: "192.0.2.0/33" is neither an address nor'),
        ("{network: 192.0.2.7/24, class: vpn, reason: x}", '5:15: "192.0.2.7/24" has bits set beyond its prefix'),
        ("{network: AS0, class: vpn, reason: x}", '5:15: "AS0" is no autonomous system'),
        ("{network: AS64500, class: lan, reason: x}", "5:31: "),
        ("{network: AS64500, class: vpn}", "5:5: "),
        ("{network: AS64500, class: vpn, reason: x, untill: 2026-07-01}", "5:47: "),
        ("{network: AS64500, class: vpn, reason: x, until: July}", "5:54: "),
    ],
)
def test_a_bad_entry_refuses_the_list_at_its_line_and_column(tmp_path, line, said):
    """A network that never matches, unnoticed, is one that is never exempted."""
    text = SITE.partition("entries:")[0] + f"entries:\n  - {line}\n"
    told = faults(written(tmp_path, text))
    assert len(told) == 1
    assert told[0].startswith(said)


def test_one_network_stands_once(tmp_path):
    """Whatever its spelling."""
    text = SITE + "  - {network: AS64500, class: vpn, reason: x}\n"
    assert faults(written(tmp_path, text)) == ['8:15: "AS64500" stands twice; the first is on line 7']


def test_faults_of_a_list_beside_rules_refuse_the_rules_and_no_condition_can_name_it(tmp_path):
    """`sessionwatch check` finds them; a rule asks for the class of the place instead."""
    rules = tmp_path / "rules"
    rules.mkdir()
    text = (bundled_rules() / "impossible_travel.yaml").read_text("utf-8")
    (rules / "impossible_travel.yaml").write_text(text, "utf-8")
    listed = written(rules / "lists", SITE.replace("class: sase", "class: proxy"))
    with pytest.raises(RulesetError, match="proxy"):
        load_rules([rules])
    listed.write_text(SITE, "utf-8")
    assert len(load_rules([rules])) == 1
    named = text.replace("  interactive: true", "  interactive: true\n  ip: {in_list: our_networks}", 1)
    (rules / "impossible_travel.yaml").write_text(named, "utf-8")
    with pytest.raises(RulesetError, match="our_networks"):
        load_rules([rules])
