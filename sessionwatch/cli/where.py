"""`sessionwatch where`: what is known of addresses, how sure that is, and who says so. Asks no network."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from geo.addresses import address
from geo.locator import Locator
from models.events import SessionEvent
from models.places import NetworkClass, Place
from sessionwatch.cli.exits import Exit
from sessionwatch.cli.geography import GeoOption, plan_asked, say, thanks
from sessionwatch.cli.outputs import check_outputs, write_page
from sessionwatch.cli.terminal import speaker
from sessionwatch.errors import UsageError
from sessionwatch.report.places_page import NO_PLACES, Row, places_page

SCOPES_SAID: Final = {
    "": "no address: host names are not looked up",
    "private": "inside one organisation (RFC 1918, RFC 4193): no place",
    "cgnat": "between a carrier and its customers (RFC 6598): no place",
    "loopback": "the machine itself: no place",
    "link_local": "link-local: one cable or radio: no place",
    "documentation": "for documentation (RFC 5737, RFC 3849)",
    "multicast": "a group of receivers, nobody's own address: no place",
    "reserved": "reserved, or a tunnel whose other end is elsewhere: no place",
    "public": "",
}
"""What the scope of an address means, in words."""

_PORT: Final = re.compile(r"(?P<bare>[0-9.]+):[0-9]+|\[(?P<bracketed>[0-9A-Fa-f:.]+)\](:[0-9]+)?")
_ZEROS: Final = re.compile(r"\b0+(?=[0-9])")
_NUMBERS_AND_DOTS: Final = re.compile(r"[0-9]+(\.[0-9]+)+")

_DAMAGED: Final = "a record of the database is damaged: run sessionwatch doctor"


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one address, as `--json` tells it; None where nobody knows."""

    written: str
    address: str
    network: str
    scope: str
    said: str
    latitude: float | None
    longitude: float | None
    radius_km: float | None
    country: str
    region: str
    city: str
    asn: int | None
    organisation: str
    network_class: NetworkClass
    source: str
    build: str


def where_command(  # as many as the command has options
    addresses: Annotated[list[str], typer.Argument(help="IP addresses, v4 or v6.", metavar="ADDRESS...")],
    *,
    geo: GeoOption = None,
    networks: Annotated[
        list[Path] | None, typer.Option(help="A list of your own networks and their classes; may be repeated.")
    ] = None,
    rules: Annotated[list[Path] | None, typer.Option(help="Rules whose lists of networks count.")] = None,
    at: Annotated[str | None, typer.Option(help="The instant asked about (ISO 8601, UTC); now if not given.")] = None,
    map_page: Annotated[
        Path | None, typer.Option("--map", help="Also draw them, with their radii, on a page such as places.html.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object for each address.")] = False,
) -> None:
    """Tell where addresses are, how sure that is, what kind of network they belong to, and who says so."""
    plan = plan_asked(rules, geo, networks)
    locator, instant = plan.locator(say=say), _instant(at)
    check_outputs([], {"--map": map_page})
    found = [known(locator, written, instant) for written in addresses]
    if map_page is not None:
        write_page(map_page, places_page([row(one) for one in found], thanks(locator.attributions)))
    if as_json:
        for one in found:
            typer.echo(msgspec.json.encode(one).decode())
    else:
        console = speaker()
        for line in [*(line for one in found for line in lines(one)), *thanks(locator.attributions)]:
            console.print(line, markup=False, soft_wrap=True)
    if not all(one.address and one.said != _DAMAGED for one in found):
        raise typer.Exit(Exit.DEAD_LETTERS)


def known(locator: Locator, written: str, at: datetime) -> Known:
    """What `locator` knows of the address that is `written`, at an instant."""
    where = address(written.strip())
    failed = sum(locator.failed.values())
    place = locator.locate(SessionEvent(id="where", at=at, kind="activity", ip=where.text)).place or Place()
    damaged = sum(locator.failed.values()) > failed and not place.located
    return Known(
        written=written,
        address=where.text,
        network=where.network,
        scope=where.scope,
        said=(SCOPES_SAID[where.scope] if where.text else no_address(written))
        or (_DAMAGED if damaged else _said(place)),
        latitude=place.latitude,
        longitude=place.longitude,
        radius_km=round(place.radius_km, 1) if place.located else None,
        country=place.country,
        region=place.region,
        city=place.city,
        asn=place.asn or None,
        organisation=place.organisation,
        network_class=place.network_class,
        source=place.source,
        build=place.build,
    )


def no_address(written: str) -> str:
    """What is wrong with what is `written` instead of an address, and what to type.

    >>> no_address("192.0.2.7:443")
    'no address: it has a port; give the bare address, 192.0.2.7'
    >>> no_address("300.1.1.1")
    'no address: IPv4 is four numbers from 0 to 255, with dots between them'
    >>> no_address("mail.example")
    'no address: host names are not looked up'
    """
    text = written.strip()
    if not text:
        return "no address: it is empty; give an address such as 192.0.2.7"
    bare, _, prefix = text.partition("/")
    if prefix and address(bare).text:
        return f"no address: it has a prefix; give the bare address, {bare}"
    if found := _PORT.fullmatch(text):
        bare = found["bare"] or found["bracketed"]
        if address(bare).text:
            what = "a port" if found["bare"] or found[3] else "brackets"
            return f"no address: it has {what}; give the bare address, {bare}"
    bare = _ZEROS.sub("", text)
    if bare != text and address(bare).text:
        return f"no address: it has a leading zero; give the bare address, {bare} unless it is octal"
    if _NUMBERS_AND_DOTS.fullmatch(text):
        return "no address: IPv4 is four numbers from 0 to 255, with dots between them"
    return SCOPES_SAID[""]


def row(one: Known) -> Row:
    """What a page tells of an address."""
    place = Place(
        one.latitude,
        one.longitude,
        one.radius_km or 0.0,
        one.country,
        one.region,
        one.city,
        network_class=one.network_class,
    )
    operator = f"AS{one.asn} {one.organisation}".strip() if one.asn else one.organisation
    return Row(one.written, where_words(one), operator, one.network_class or "ordinary, or not known", one.build, place)


def where_words(one: Known) -> str:
    """Where an address is and how sure that is, or why its coordinate is no place of anybody's."""
    if one.radius_km is None:
        return one.said
    label = Place(country=one.country, region=one.region, city=one.city).label
    if one.network_class in NO_PLACES:
        return f"no place of a person: {one.network_class} (the network is put in {label})"
    return f"{label}, within {one.radius_km:,.0f} km"


def lines(one: Known) -> list[str]:
    """What a person reads of an address: first where it is, then what else is known, a line each."""
    told: list[tuple[str, str]] = []
    first = one.said
    if one.latitude is not None and one.longitude is not None:
        first = where_words(one)
        told.append(("coordinate", f"{one.latitude:.4f}, {one.longitude:.4f}"))
        told.append(("scope", one.said))
    told.append(("address", one.address if one.address != one.written else ""))
    told.append(("network", f"{one.network}, known and counted as one" if one.network != one.address else ""))
    told.append(("operator", f"AS{one.asn} {one.organisation}".strip() if one.asn else one.organisation))
    told.append(("class", (one.network_class or "ordinary, or not known") if one.address else ""))
    told.append(("from", one.build))
    return [f"{one.written or '(empty)'}: {first}", *(f"  {name:<12}{said}" for name, said in told if said)]


def _said(place: Place) -> str:
    if place.located:
        return ""
    return f"{place.label}, with no coordinate" if place.country else "nobody knows where"


def _instant(text: str | None) -> datetime:
    if text is None:
        return datetime.now(UTC)
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"--at {text!r} is no instant; write 2026-03-02 or 2026-03-02T10:00:00Z") from error
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
