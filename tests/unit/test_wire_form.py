"""Forms: every field is kept, and nothing but a bounded UTF-8 form is read."""

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import WireError
from gateway.wire.form import LARGEST_BODY, Form, parse


def all_fields(form: Form) -> dict[str, list[str]]:
    return {name: form.getlist(name) for name in form}


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"", {}),
        (b"a=1&b=2", {"a": ["1"], "b": ["2"]}),
        (b"a=&b", {"a": [""], "b": [""]}),
        (b"a=1&b=3&a=2&a=1", {"a": ["1", "2", "1"], "b": ["3"]}),
        (b"a=x+y%20z%2B", {"a": ["x y z+"]}),
        (b"a=1;b=2", {"a": ["1;b=2"]}),
        (b"a=b=c", {"a": ["b=c"]}),
        (b"N%C3%A4me=%E4%BD%A0", {"Näme": ["你"]}),
        (b"a=%zz%", {"a": ["%zz%"]}),
        (b"&&a=1&", {"a": ["1"]}),
    ],
)
def test_every_field_is_kept(body: bytes, fields: dict[str, list[str]]) -> None:
    assert all_fields(parse(body)) == fields


def test_a_field_is_its_first_value() -> None:
    form = parse(b"a=1&a=2")
    assert (form["a"], form.get("b", "none"), form.getlist("b"), len(form)) == ("1", "none", [], 1)
    with pytest.raises(KeyError):
        form["b"]


@given(st.lists(st.tuples(st.text(max_size=10), st.text(max_size=20)), max_size=20))
def test_any_form_is_read_as_it_was_written(fields: list[tuple[str, str]]) -> None:
    assert all_fields(parse(urlencode(fields).encode())) == all_fields(Form(fields))


@pytest.mark.parametrize(
    "body", [b"a=%ff", b"%ff=a", b"a=%ED%A0%80", "a=ü".encode(), b"a=\xff", b"\xef\xbb\xbfa=1", b"a=1&" * 201]
)
def test_what_is_no_form_is_refused(body: bytes) -> None:
    with pytest.raises(WireError, match="can't be read"):
        parse(body)


def test_a_form_has_bounds() -> None:
    assert len(parse(b"a=" + b"x" * (LARGEST_BODY - 2))["a"]) == LARGEST_BODY - 2
    assert len(parse(b"&".join(b"f%d=" % number for number in range(200)))) == 200
    with pytest.raises(WireError, match="too large"):
        parse(b"a=" + b"x" * (LARGEST_BODY - 1))


@given(st.binary(max_size=300))
def test_no_body_raises_anything_but_a_wire_error(body: bytes) -> None:
    try:
        form = parse(body)
    except WireError:
        return
    assert "".join(form).encode() is not None
