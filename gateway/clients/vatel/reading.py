"""Reading Vatel's answers: unknown fields are passed over, missing ones and nulls take their defaults."""

import functools
import typing
from typing import TypeVar

import msgspec

from gateway.errors import VendorGarbled

_T = TypeVar("_T")


def read(content: bytes, kind: type[_T]) -> _T:
    """The answer as ``kind``: a Struct, or a tuple of them.

    Raises:
        VendorGarbled: it is no JSON, or a field has a value of another type.
    """
    try:
        return msgspec.convert(_pruned(msgspec.json.decode(content), kind), kind, strict=False)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        raise VendorGarbled("Vatel's answer is not what its documentation says") from None


def _pruned(value: object, kind: object) -> object:
    """The value without the nulls that stand for a missing field: empty lists often come as null."""
    if isinstance(value, list):
        [inner, *_] = typing.get_args(kind) or [object]
        return [_pruned(each, inner) for each in value]
    shape = _shape(kind)
    if not isinstance(value, dict) or shape is None:
        return value
    fields = _fields(shape)
    return {
        name: _pruned(each, fields[name])
        for name, each in value.items()
        if name in fields and each is not None
    }


def _shape(kind: object) -> type[msgspec.Struct] | None:
    """The Struct among the types a field may have."""
    for each in (kind, *typing.get_args(kind)):
        if isinstance(each, type) and issubclass(each, msgspec.Struct):
            return each
    return None


@functools.cache
def _fields(shape: type[msgspec.Struct]) -> dict[str, object]:
    return {field.encode_name: field.type for field in msgspec.structs.fields(shape)}
