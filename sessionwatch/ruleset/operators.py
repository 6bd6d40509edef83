"""One test on one field: what may be written, and the function that runs it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from models.events import PlacedEvent
from models.written.texts import Misfit, Path, close_to, listed, said_type
from sessionwatch.ruleset.compiled import Predicate
from sessionwatch.ruleset.fields import EventField, Reader
from sessionwatch.ruleset.lists import Lists, NamedList
from sessionwatch.ruleset.networks import NetworkSet, network_of

OPERATORS: Final = (
    "is",
    "in",
    "not_in",
    "in_list",
    "not_in_list",
    "starts_with",
    "ends_with",
    "contains",
    "cidr",
    "at_least",
    "at_most",
    "known",
)


class MisfitError(ValueError):
    """One misfit, on its way to where all of them are gathered."""

    def __init__(self, message: str, hint: str = "", *, path: Path = (), on_key: bool = False) -> None:
        self.misfit = Misfit(path, message, hint, on_key)
        super().__init__(message)


def leaf(field: EventField, operator: str, operand: Any, lists: Lists) -> Predicate:
    """The test that `operator` with `operand` makes of `field`.

    Raises:
        MisfitError: the operator does not go with the field, or the operand with the operator.
    """
    if operator not in field.operators:
        raise _unfit(field, operator)
    if operator in {"in_list", "not_in_list"}:
        return _listed(field, operand, lists, wanted=operator == "in_list")
    return _MAKERS[operator](field, operand)


def choices_of(field: EventField, operator: str, operand: Any) -> frozenset[str]:
    """The values of a closed set that `operator` with `operand` lets through.

    Raises:
        MisfitError: as `leaf`.
    """
    if operator not in field.operators:
        raise _unfit(field, operator)
    named = frozenset([_value(field, operand)] if operator == "is" else _values(field, operand))
    return frozenset(field.choices) - named if operator == "not_in" else named


def _unfit(field: EventField, operator: str) -> MisfitError:
    if operator not in OPERATORS:
        if field.type == "place":
            return MisfitError(
                f'unknown operator "{operator}"', f"write place.{operator} for a part of it", on_key=True
            )
        return MisfitError(f'unknown operator "{operator}"', close_to(operator, field.operators), on_key=True)
    hint = f"{field.name} can be tested by {listed(field.operators, 'or')}"
    return MisfitError(f'"{operator}" does not go with {field.name}', hint, on_key=True)


def _value(field: EventField, value: Any, path: Path = ()) -> Any:
    """`value` as the field's own values are compared.

    Raises:
        MisfitError: it is of another type, or none that the field can have.
    """
    match field.type:
        case "flag":
            if not isinstance(value, bool):
                raise MisfitError(f"{field.name} is true or false, not {said_type(value)}", path=path)
        case "number":
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise MisfitError(f"{field.name} is a number, not {said_type(value)}", path=path)
        case "choice":
            if value not in field.choices:
                shown = f'"{value}"' if isinstance(value, str) else said_type(value)
                raise MisfitError(
                    f"{field.name} is never {shown}", close_to(str(value), filter(None, field.choices)), path=path
                )
        case _:
            return _text(field, value, path)
    return value


def _text(field: EventField, value: Any, path: Path) -> str:
    if isinstance(value, bool | int | float):
        shown = str(value).lower() if isinstance(value, bool) else str(value)
        raise MisfitError(f"{field.name} is text, not {said_type(value)}", f'put it in quotes: "{shown}"', path=path)
    if not isinstance(value, str):
        raise MisfitError(f"{field.name} is text, not {said_type(value)}", path=path)
    if not value:
        raise MisfitError(
            f"{field.name} is compared with empty text", f"write {field.name}: {{known: false}}", path=path
        )
    return value.casefold() if field.type == "user" else value


def _values(field: EventField, operand: Any) -> list[Any]:
    if not isinstance(operand, list) or not operand:
        raise MisfitError("a list with at least one value is needed here")
    return [_value(field, value, (index,)) for index, value in enumerate(operand)]


def _texts(field: EventField, operand: Any) -> tuple[str, ...]:
    if isinstance(operand, list):
        return tuple(_values(field, operand))
    return (_text(field, operand, ()),)


def _is(field: EventField, operand: Any) -> Predicate:
    if field.type == "address":
        return _in_networks(field.read, _addresses([operand], network_too=False, inside=False), wanted=True)
    wanted, read = _value(field, operand), field.read
    if field.type == "flag":
        return lambda event: read(event) is wanted
    return lambda event: read(event) == wanted


def _in(field: EventField, operand: Any, *, wanted: bool = True) -> Predicate:
    if field.type == "address":
        if not isinstance(operand, list) or not operand:
            raise MisfitError("a list with at least one address is needed here")
        return _in_networks(field.read, _addresses(operand, network_too=False), wanted=wanted)
    return _among(field, frozenset(_values(field, operand)), wanted=wanted)


def _not_in(field: EventField, operand: Any) -> Predicate:
    return _in(field, operand, wanted=False)


def _among(field: EventField, values: frozenset[Any], *, wanted: bool) -> Predicate:
    read = field.read
    if wanted:
        return lambda event: read(event) in values
    if not field.may_lack:
        return lambda event: read(event) not in values

    def is_other(event: PlacedEvent) -> bool:
        value = read(event)
        return value is not None and value not in values

    return is_other


def _addresses(operand: list[Any], *, network_too: bool, inside: bool = True) -> NetworkSet:
    networks = []
    for index, value in enumerate(operand):
        path: Path = (index,) if inside else ()
        if not isinstance(value, str):
            raise MisfitError(f"an address is text, not {said_type(value)}", path=path)
        if "/" in value and not network_too:
            hint = "write ip: {cidr: [...]} for networks"
            raise MisfitError(f'"{value}" is a network, which no address equals', hint, path=path)
        try:
            networks.append(network_of(value))
        except ValueError as error:
            raise MisfitError(str(error), path=path) from None
    return NetworkSet(networks)


def _in_networks(read: Reader, networks: NetworkSet, *, wanted: bool) -> Predicate:
    holds = networks.holds

    def is_in(event: PlacedEvent) -> bool:
        address = read(event)
        return address is not None and holds(address) is wanted

    return is_in


def _cidr(field: EventField, operand: Any) -> Predicate:
    inside = isinstance(operand, list)
    if operand in ([], "", None):
        raise MisfitError("a list with at least one network is needed here")
    return _in_networks(
        field.read, _addresses(operand if inside else [operand], network_too=True, inside=inside), wanted=True
    )


def _listed(field: EventField, operand: Any, lists: Lists, *, wanted: bool) -> Predicate:
    if not isinstance(operand, str):
        raise MisfitError(f"the name of a list is text, not {said_type(operand)}")
    if operand not in lists:
        hint = close_to(operand, lists) or "there are no lists; they stand in the folder lists beside the rules"
        raise MisfitError(f'there is no list "{operand}"', hint)
    named = lists[operand]
    if named is None:
        return lambda _: False
    if named.networks is not None:
        if field.type != "address":
            raise MisfitError(f'the list "{operand}" has networks, and {field.name} is no address')
        return _in_networks(field.read, named.networks, wanted=wanted)
    if field.type == "address":
        raise MisfitError(f'the list "{operand}" has values, and {field.name} is an address', "make it type: networks")
    return _among(field, frozenset(_entry(field, named, entry) for entry in named.entries), wanted=wanted)


def _entry(field: EventField, named: NamedList, entry: str | int) -> Any:
    try:
        return _value(field, entry)
    except MisfitError as error:
        raise MisfitError(f'the list "{named.id}" does not go with {field.name}: {error}') from None


def _starts_with(field: EventField, operand: Any) -> Predicate:
    read, texts = field.read, _texts(field, operand)
    return lambda event: (read(event) or "").startswith(texts)


def _ends_with(field: EventField, operand: Any) -> Predicate:
    read, texts = field.read, _texts(field, operand)
    return lambda event: (read(event) or "").endswith(texts)


def _contains(field: EventField, operand: Any) -> Predicate:
    read, texts = field.read, _texts(field, operand)
    if len(texts) == 1:
        (only,) = texts
        return lambda event: only in (read(event) or "")

    def contains_any(event: PlacedEvent) -> bool:
        value = read(event) or ""
        return any(text in value for text in texts)

    return contains_any


def _at_least(field: EventField, operand: Any) -> Predicate:
    read, limit = field.read, _value(field, operand)
    if not field.may_lack:
        return lambda event: read(event) >= limit
    return lambda event: (value := read(event)) is not None and value >= limit


def _at_most(field: EventField, operand: Any) -> Predicate:
    read, limit = field.read, _value(field, operand)
    if not field.may_lack:
        return lambda event: read(event) <= limit
    return lambda event: (value := read(event)) is not None and value <= limit


def _known(field: EventField, operand: Any) -> Predicate:
    if not isinstance(operand, bool):
        raise MisfitError(f'"known" is true or false, not {said_type(operand)}')
    read = field.read
    if operand:
        return lambda event: (value := read(event)) is not None and value != ""
    return lambda event: (value := read(event)) is None or value == ""


_MAKERS: Final[dict[str, Callable[[EventField, Any], Predicate]]] = {
    "is": _is,
    "in": _in,
    "not_in": _not_in,
    "starts_with": _starts_with,
    "ends_with": _ends_with,
    "contains": _contains,
    "cidr": _cidr,
    "at_least": _at_least,
    "at_most": _at_most,
    "known": _known,
}
