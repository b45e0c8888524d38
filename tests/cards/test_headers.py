"""Header fields: order, case, bytes kept as they came."""

from __future__ import annotations

import pytest

from gateway.headers import Headers


@pytest.fixture
def headers():
    return Headers([(b"Host", b"a"), (b"X-Two", b"1"), (b"x-two", b"\xe9"), (b"Last", b"z")])


def test_reading(headers):
    assert headers.get("host") == "a"
    assert headers.get_all("X-TWO") == ["1", "\u00e9"]
    assert headers.get("none") is None
    assert "LAST" in headers
    assert "none" not in headers
    assert next(iter(headers)) == (b"Host", b"a")
    assert repr(headers) == "Headers(4 fields)"


def test_changing(headers):
    headers.set("x-TWO", "2")
    assert list(headers) == [(b"Host", b"a"), (b"x-TWO", b"2"), (b"Last", b"z")]
    headers.set("New", "\u00e9")
    assert headers.fields[-1] == (b"New", b"\xe9")
    headers.remove("HOST", "last", "none")
    assert list(headers) == [(b"x-TWO", b"2"), (b"New", b"\xe9")]


def test_what_is_found_is_what_stands_there(headers):
    headers.set("x-two", "3")
    assert list(headers) == [(b"Host", b"a"), (b"x-two", b"3"), (b"Last", b"z")]
    headers.fields = [*headers, (b"X-TWO", b"4"), (b"Added", b"5")]
    assert headers.get_all("x-two") == ["3", "4"]
    assert headers.get("added") == "5"
    headers.remove("x-two")
    assert "X-Two" not in headers
    assert headers.get("added") == "5"
    with pytest.raises(AttributeError):  # and not: it stands there, and is never found
        headers.fields.append((b"X-Two", b"6"))


@pytest.mark.parametrize("value", ["4111\r\nX: 1", "4111\n", "4111\0", "4111\u20ac"])
def test_p34_a_value_can_not_end_its_field(headers, value):
    with pytest.raises(ValueError, match="can not be sent") as caught:
        headers.set("Host", value)
    assert "4111" not in str(caught.value)
    assert headers.get("host") == "a"
