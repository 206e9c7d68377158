"""Values of records, each of the type that its field has."""

from __future__ import annotations

import dataclasses
import types
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

Record = TypeVar("Record")


def record_of(values: dict[str, Any], kind: type[Record], where: str, written: bool = False) -> Record:
    """A record of class `kind` from JSON values or CSV strings.

    Args:
        values: by the names of fields.
        kind: a dataclass with a schema; a record of a class derived from it is one of it too.
        where: file and line, for messages.
        written: all values are strings, as in CSV.

    Raises:
        ValueError: the values are of another schema, or one is not of its field's type.
    """
    known = variant(kind, values.get("schema"))
    if values.get("schema") != known.schema or set(values) != {field.name for field in dataclasses.fields(known)}:
        raise ValueError(
            f"{where} has schema {values.get('schema')!r}, not {known.schema!r}: records of different schemas are "
            f"never mixed; start a new folder or file{_differing(values, known)}"
        )
    hints = _hints(known)
    fields = {name: _value(value, hints[name], written, f"{where}: {name}") for name, value in values.items()}
    record: Record = known(**fields)
    return record


def variant(kind: type[Any], schema: Any) -> Any:
    """The class of records of a schema: `kind`, or a class that says more."""
    return next((more for more in kind.__subclasses__() if more.schema == schema), kind)


def _differing(values: dict[str, Any], kind: Any) -> str:
    """Which fields are too many or too few, where the schema alone does not tell."""
    if values.get("schema") != kind.schema:
        return ""
    names = {field.name for field in dataclasses.fields(kind)}
    more, less = sorted(map(str, set(values) - names)), sorted(names - set(values))
    return f" (unknown fields: {', '.join(more) or 'none'}; missing ones: {', '.join(less) or 'none'})"


@cache
def _hints(kind: type[Any]) -> dict[str, Any]:
    """Types of a class's fields; to work them out takes longer than all else that reading a record does."""
    return get_type_hints(kind)


def _value(value: Any, hint: Any, written: bool, where: str) -> Any:
    """A value of the field's type; of CSV the one that the string writes.

    Raises:
        ValueError: the value is of another type.
    """
    for kind in _alternatives(hint):
        fits, found = _read(value, kind) if written else (_is(value, kind), value)
        if fits:
            return found
    raise ValueError(f"{where} is {_shown(value)}, which is not {_words(hint)}")


def _alternatives(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def _is(value: Any, kind: Any) -> bool:
    """Whether a value of JSON is of a type; true and false are no numbers."""
    if get_origin(kind) is Literal:
        return isinstance(value, str) and value in get_args(kind)
    return type(value) is kind or (kind is float and type(value) is int)


def _read(text: str, kind: Any) -> tuple[bool, Any]:
    """Whether a string writes a value of a type, and that value."""
    if kind is type(None):
        return not text, None
    if kind not in _WRITTEN:
        return _is(text, kind), text
    try:
        return True, _WRITTEN[kind](text)
    except (ValueError, KeyError):
        return False, None


def _integer(text: str) -> int:
    found = int(text)
    if str(found) != text:
        raise ValueError(text)
    return found


_WRITTEN: dict[Any, Any] = {bool: {"True": True, "False": False}.__getitem__, int: _integer, float: float}
"""What reads a value from CSV."""


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _words(hint: Any) -> str:
    names = {bool: "true or false", int: "an integer", float: "a number", str: "a text", type(None): "empty"}
    kinds = _alternatives(hint)
    return " or ".join(
        " or ".join(map(repr, get_args(kind))) if get_origin(kind) is Literal else names.get(kind, str(kind))
        for kind in kinds
    )
