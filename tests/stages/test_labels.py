"""P09: the shape's format decides, and a label that says something else is refused."""

from __future__ import annotations

import pytest

from gateway.errors import LabelWrong
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


@pytest.mark.parametrize(
    "value", ["text/plain", "Text/CSV; charset=utf-8", "text/namevalue", "text/html"]
)
def test_p09_a_text_is_labelled_as_one(value):
    labels.check(headers(value), "text")
    assert labels.format_of(headers(value)) is None  # to the guard it is any text
