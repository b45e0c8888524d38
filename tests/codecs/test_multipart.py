"""Multipart forms, judged by three other parsers: multipart's, werkzeug's, and Python's for mail."""

from __future__ import annotations

import contextlib
import io
import pathlib
from email import message_from_bytes
from email.policy import HTTP

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from multipart import MultipartParser
from werkzeug.formparser import MultiPartParser

from gateway.codecs.document import Add, Insert, Members, Remove, Set
from gateway.codecs.edits import Spliced
from gateway.codecs.envelope import Envelope, Layout, open_layout
from gateway.codecs.multipart import open_multipart
from gateway.codecs.multipart_parts import boundary_of, read_parts
from gateway.codecs.paths import parse_path
from gateway.errors import LabelWrong, MessageForbidden, MessageUnfit
from gateway.headers import Headers
from gateway.stages import labels
from tests.codecs.corpus import corpus, outcome_of
from tests.codecs.test_json_properties import check_edits

NAME = "card[number]"
NAMES = st.sampled_from(["a", "card[number]", "card[cvc]", "x y", "é", "n;m", "明", "q[]"])
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@pytest.mark.parametrize("file", corpus("multipart"))
def test_p14_each_message_of_the_corpus_has_its_outcome(file: pathlib.Path) -> None:
    expected, _, _ = file.stem.partition("--")
    assert outcome_of("multipart", NAME, file.read_bytes()) == expected


@pytest.mark.parametrize(
    "file", [file for file in corpus("multipart") if file.id.startswith(("card--", "none--"))]
)
def test_p14_other_parsers_find_the_same(file: pathlib.Path) -> None:
    body = file.read_bytes()
    expected = "4111111111111111" if file.stem.startswith("card") else ""
    for read in (by_werkzeug, by_mail) if b"\r\n" not in body else READERS:
        found = "".join(value for name, value in read(body) if name == NAME.encode())
        assert found.replace(" ", "") == expected, read


def by_werkzeug(body):
    boundary = boundary_of(body)
    if boundary.endswith(b"--"):
        return []
    parser = MultiPartParser(max_form_memory_size=None)
    form, files = parser.parse(io.BytesIO(body), boundary, len(body))
    found = [(name.encode(), value) for name, value in form.items(multi=True)]
    for name, file in files.items(multi=True):
        with contextlib.closing(file):
            found.append((name.encode(), file.read().decode("latin-1")))
    return found


def by_multipart(body):
    boundary = boundary_of(body)
    if boundary.endswith(b"--"):
        return []
    parser = MultipartParser(io.BytesIO(body), boundary.decode(), header_limit=32)
    return [(part.name.encode(), part.raw.decode("latin-1")) for part in parser]


def by_mail(body):
    boundary = boundary_of(body)
    head = b'Content-Type: multipart/form-data; boundary="' + boundary + b'"\r\n\r\n'
    if boundary.endswith(b"--"):
        return []
    message = message_from_bytes(head + body, policy=HTTP)
    found = []
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True).decode("latin-1")
        found.append((str(name).encode("utf-8", "surrogateescape"), content))
    return found


READERS = (by_werkzeug, by_multipart, by_mail)


@st.composite
def forms(draw):
    """Parts with different names, and bytes that spell them."""
    source = draw(st.randoms(use_true_random=True))
    pairs = draw(st.lists(st.tuples(NAMES, TEXTS), max_size=6, unique_by=lambda pair: pair[0]))
    out = b""
    for name, value in pairs:
        more = source.choice(
            [b"", b'; filename="f.txt"\r\nContent-Type: text/plain; charset=utf-8']
        )
        head = source.choice([b"Content-Disposition", b"content-disposition"])
        out += b'--b.1\r\n%b: form-data; name="%b"%b\r\n\r\n%b\r\n' % (
            head, name.encode(), more, value.encode(),
        )  # fmt: skip
    return pairs, out + b"--b.1--" + source.choice([b"\r\n", b""])


def find(name):
    return parse_path(name, "multipart")


@settings(deadline=None)
@given(forms(), st.randoms(use_true_random=True))
def test_p14_p15_changes_change_what_they_name_only(form, source):
    pairs, body = form
    document = open_multipart(body)
    assert document.splice([]) == Spliced(body, [])
    assert [(name, document.text(document.select(find(name))[0])) for name, _ in pairs] == pairs
    changes, expected = [], []
    for name, value in pairs:
        [node] = document.select(find(name))
        match source.choice(["skip", "set", "remove", "add"]):
            case "skip":
                expected.append((name, value))
            case "set":
                changes.append(Set(node, "tok_1"))
                expected.append((name, "tok_1"))
            case "remove":
                changes.append(Remove(node))
            case _:
                changes.append(Add(document.root, find(f"new-{name}"), node, "añadido"))
                expected += [(name, value), (f"new-{name}", "añadido")]
    content = Members((("token", "{alias}"),))
    changes.append(Insert(document.root, content, {"alias": "tok_2"}))
    expected.append(("token", "tok_2"))
    spliced = document.splice(changes)
    check_edits(body, spliced)
    wanted = [(name.encode(), value.encode().decode("latin-1")) for name, value in expected]
    assert by_multipart(spliced.body) == wanted
    if "\r" not in "".join(value for _, value in pairs):  # mail's parser reads it as a line's end
        assert [name for name, _ in by_mail(spliced.body)] == [name for name, _ in wanted]


def test_p15_a_part_can_not_be_ended():
    body = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b--\r\n'
    document = open_multipart(body)
    [node] = document.select(find("a"))
    for change in (
        Set(node, "x\r\n--b"),
        Add(document.root, find("c"), node, "--b"),
        Add(document.root, find('c"; x="'), node, "1"),
        Insert(document.root, Members((("a\r\nX", "1"),)), {}),
        Add(document.root, find("a"), node, "1"),
    ):
        with pytest.raises(MessageUnfit):
            document.splice([change])


def test_p15_xml_in_a_part_keeps_everything_around_it():
    body = (
        b'--b\r\nContent-Disposition: form-data; name="f"; filename="p\xc3\xa9.pdf"\r\n\r\n\x00\xff\r\n'
        b'--b\r\nContent-Disposition: form-data; name="xml"\r\nContent-Type: text/xml\r\n\r\n'
        b"<?xml version='1.0' encoding='ISO-8859-1'?>\n<c h='\xe9' n='4111111111111111' />\r\n--b--\r\n"
    )
    document = open_layout(Layout("xml", (Envelope("multipart", find("xml")),)), body)
    [holder] = document.select(parse_path("/c/@h", "xml"))
    assert document.text(holder) == "é"
    [number] = document.select(parse_path("/c/@n", "xml"))
    assert document.splice([Set(number, "tok")]).body == body.replace(b"4111111111111111", b"tok")


@pytest.mark.parametrize(
    ("label", "fits"),
    [
        ("multipart/form-data; boundary=b.1", True),
        ('multipart/form-data; boundary="b.1"; charset=utf-8', True),
        ("multipart/form-data; boundary=b", False),
        ("multipart/form-data; boundary=b.1; boundary=b.2", False),
        ("multipart/form-data", False),
        ("multipart/mixed; boundary=b.1", False),
        ("application/x-www-form-urlencoded", False),
    ],
)
def test_p09_the_label_names_the_boundary_that_parts_the_parts(label, fits):
    body = b'--b.1\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b.1--\r\n'
    headers = (
        Headers.of({"Content-Type": label})
        if hasattr(Headers, "of")
        else Headers([(b"Content-Type", label.encode())])
    )
    if fits:
        labels.check_boundary(headers, "multipart", body)
        return
    with pytest.raises(LabelWrong):
        labels.check_boundary(headers, "multipart", body)


@pytest.mark.parametrize(
    ("label", "fits"),
    [
        ('multipart/form-data; boundary="=_Part 7 x"', True),
        ("multipart/form-data; boundary==_Part 7 x", False),
        ('multipart/form-data; boundary="=_Part"', False),
    ],
)
def test_p09_a_boundary_with_a_blank_is_named_in_quotes(label, fits):
    body = (
        b'--=_Part 7 x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--=_Part 7 x--\r\n'
    )
    assert len(read_parts(body).parts) == 1
    headers = Headers([(b"Content-Type", label.encode())])
    if fits:
        labels.check_boundary(headers, "multipart", body)
        return
    with pytest.raises(LabelWrong):
        labels.check_boundary(headers, "multipart", body)


def test_p09_a_boundary_ends_in_no_blank():
    """What readers take for padding behind it (RFC 2046 section 5.1.1)."""
    with pytest.raises(MessageForbidden):
        read_parts(b'--b \r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b --\r\n')
