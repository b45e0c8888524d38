"""P09: the shape's format decides, and a label that says something else is refused."""

from __future__ import annotations

import pytest

from gateway.errors import LabelWrong, MessageForbidden
from gateway.headers import Headers
from gateway.stages import labels


def headers(*values):
    return Headers([(b"Content-Type", value.encode()) for value in values])


@pytest.mark.parametrize(
    ("value", "format"),
    [
        ("text/xml", "xml"),
        ("Text/XML; charset=utf-8", "xml"),
        ('application/soap+xml; charset="UTF-8"; action="x"', "xml"),
        ("application/json", "json"),
        ("application/vnd.api+json;charset=utf-8", "json"),
        ("application/x-www-form-urlencoded", "form"),
        ("application/x-www-form-urlencoded; charset=UTF-8", "form"),
    ],
)
def test_p09_a_label_that_fits(value, format):
    labels.check(headers(value), format)
    assert labels.format_of(headers(value)) == format


@pytest.mark.parametrize(
    ("values", "format"),
    [
        ((), "json"),
        (("text/plain",), "json"),
        (("text/xml",), "json"),
        (("application/json", "application/json"), "json"),
        (("application/json, text/xml",), "json"),
        (("application/json; charset=utf-16",), "json"),
        (("text/xml; charset=utf-16",), "xml"),
        (("application/x-www-form-urlencoded; charset=ibm037",), "form"),
        (("application/x-www-form-urlencoded; charset=utf-8; charset=ibm037",), "form"),
        (("application/x-www-form-urlencoded; x, application/json",), "form"),
        (("application/json;",), "xml"),
        (("text/xml",), "text"),
        (("text/json",), "text"),
        (("application/x-www-form-urlencoded",), "text"),
        (("application/octet-stream",), "text"),
        (("text/plain; charset=utf-16",), "text"),
        ((), "text"),
        (("json",), "json"),
    ],
)
def test_p09_a_label_that_does_not(values, format):
    with pytest.raises(LabelWrong):
        labels.check(headers(*values), format)


LATIN = "<?xml version='1.0' encoding='ISO-8859-1'?><a>Müller</a>".encode("iso-8859-1")
WIDE = "<?xml version='1.0' encoding='UTF-16'?><a/>".encode("utf-16")


@pytest.mark.parametrize(
    ("value", "format", "body"),
    [
        ("text/xml; charset=ISO-8859-1", "xml", LATIN),
        ("text/xml; charset=latin1", "xml", LATIN),
        ("text/xml; charset=utf-16", "xml", WIDE),
        ("text/xml; charset=windows-1252", "xml", b"<a>plain</a>"),
        ("application/x-www-form-urlencoded; charset=ISO-8859-1", "form", b"a=1&name=M%FCller"),
        ("application/json; charset=ISO-8859-15", "json", b'{"a": 1}'),
    ],
)
def test_p09_another_charset_that_makes_the_same_of_the_body_fits(value, format, body):
    labels.check(headers(value), format, body)


@pytest.mark.parametrize(
    ("value", "format", "body"),
    [
        ("text/xml; charset=windows-1252", "xml", LATIN),
        ("text/xml; charset=utf-8; charset=iso-8859-2", "xml", LATIN),
        ("text/xml; charset=iso-8859-1", "xml", "<a>Müller</a>".encode()),
        ("text/xml; charset=utf-16le", "xml", "<a/>".encode("utf-16-be")),
        ("text/xml; charset=utf-16", "xml", b"<a/>"),
        ("text/xml; charset=utf-16be", "xml", WIDE),
        ("application/json; charset=iso-8859-1", "json", '{"a": "ü"}'.encode()),
        ("application/json; charset=utf-7", "json", b'{"a": 1}'),
        ("application/x-www-form-urlencoded; charset=ibm037", "form", b"a=1"),
        ("application/x-www-form-urlencoded; charset=shift_jis", "form", b"a=1"),
    ],
)
def test_p09_one_that_does_not_is_refused(value, format, body):
    with pytest.raises((LabelWrong, MessageForbidden)):
        labels.check(headers(value), format, body)


@pytest.mark.parametrize(
    ("value", "format", "before", "after", "fits"),
    [
        ("application/x-www-form-urlencoded; charset=iso-8859-1", "form", b"n=M%FCller", b"n=M%FCller&p=4", True),
        ("application/x-www-form-urlencoded; charset=iso-8859-1", "form", b"n=x", b"n=M%C3%BCller", False),
        ("application/x-www-form-urlencoded", "form", b"n=x", b"n=M%C3%BCller", True),
        ("application/json; charset=iso-8859-1", "json", b'{"n":"x"}', '{"n":"Müller"}'.encode(), False),
        ("application/json; charset=iso-8859-1", "json", b'{"n":"x"}', b'{"n":"y"}', True),
        ("text/xml; charset=iso-8859-1", "xml", b"<n>x</n>", "<n>Müller</n>".encode(), False),
        ("text/xml; charset=iso-8859-1", "xml", LATIN, LATIN.replace(b"M", b"N"), True),
    ],
)  # fmt: skip
def test_p09_what_is_written_is_read_as_it_was_meant(value, format, before, after, fits):
    if fits:
        labels.check_written(headers(value), format, before, after)
        return
    with pytest.raises(LabelWrong):
        labels.check_written(headers(value), format, before, after)


@pytest.mark.parametrize(
    "value", ["text/plain", "Text/CSV; charset=utf-8", "text/namevalue", "text/html"]
)
def test_p09_a_text_is_labelled_as_one(value):
    labels.check(headers(value), "text")
    assert labels.format_of(headers(value)) is None  # to the guard it is any text
