"""lxml's parser, made in one way: for the tree of a message, and to know that there is one.

The parser's own messages quote the body, so none is kept, and neither is a parser that has one. Another
is kept for the next message of its thread and encoding: to make one anew takes longer than to parse a
kilobyte.
"""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import Final, NoReturn

from lxml import etree

from gateway.codecs.xml_source import Source, outermost
from gateway.errors import MessageForbidden, MessageMalformed

_MOST: Final = 4 * 1024 * 1024  # bytes
_ID: Final = b"xml:id"
_KEPT: Final = 32  # threads and encodings
_FORBIDDEN: Final = frozenset(
    {
        etree.ErrorTypes.ERR_RESOURCE_LIMIT,  # more than 256 levels, a text of more than 10 MB
        etree.ErrorTypes.ERR_NAME_TOO_LONG,
        etree.ErrorTypes.ERR_INVALID_ENCODING,
    }
)


class _Doctype(Exception):
    """Something in the message would say what other parts of it mean."""


class _Nobody:
    """What the parser tells of a message, where only that it parses is asked: nothing, so that libxml2
    builds nothing."""

    def doctype(self, *_: object) -> NoReturn:
        raise _Doctype

    def close(self) -> None:
        return None


def parse(source: Source) -> etree._Element:
    """The outermost element. Raises `MessageMalformed`, and `MessageForbidden` for what is too deep or
    too long, or not in its encoding."""
    try:
        return etree.fromstring(source.document, _for_trees(source.codec, threading.get_ident()))
    except etree.XMLSyntaxError as error:
        code = error.code  # type: ignore[attr-defined]  # the stubs do not know it
    _for_trees.cache_clear()
    if code in _FORBIDDEN:
        raise MessageForbidden
    raise MessageMalformed


def mistake_in(source: Source) -> tuple[str, int, int]:
    """libxml2's name of what is wrong with a message (`ERR_TAG_NAME_MISMATCH`), and the line and column at which
    it stopped; no name where nothing is. For a person who looks at a recording: `parse` says no more than
    that it refuses."""
    try:
        etree.fromstring(source.document, _for_trees(source.codec, threading.get_ident()))
    except etree.XMLSyntaxError as error:
        code = error.code  # type: ignore[attr-defined]  # the stubs do not know it
        line, column = error.position
    else:
        return "", 0, 0
    _for_trees.cache_clear()
    kinds = etree.ErrorTypes
    name = next((one for one in dir(kinds) if getattr(kinds, one) == code), "")
    return name, line, max(column, 1)


def parses(source: Source) -> bool | None:
    """Whether `parse` would make a tree of a message without a DOCTYPE, in little more than half of the
    time. None: only a tree tells.

    1. Without a tree one level more is taken. So the outermost element gets another around it, and must be
       all that the message is.
    2. Namespaces are looked up in the parser's list of mistakes, for these are none to it without a tree.
    3. What it never sees is `xml:id`, of which a tree takes no two of one value, and a text of more than
       10 MB.
    """
    element = outermost(source) if len(source.text) <= _MOST and _ID not in source.text else None
    if element is None:
        return None
    parser = _for_nobody(source.codec, threading.get_ident())
    try:
        etree.fromstring(b"<x>%b</x>" % element, parser)
        if not parser.error_log.filter_from_errors():
            return True
    except (etree.XMLSyntaxError, _Doctype):
        pass
    _for_nobody.cache_clear()
    return False


@lru_cache(_KEPT)
def _for_trees(codec: str, thread: int) -> etree.XMLParser:  # noqa: ARG001  # one for each thread
    return _made(codec, None)


@lru_cache(_KEPT)
def _for_nobody(codec: str, thread: int) -> etree.XMLParser:  # noqa: ARG001  # one for each thread
    return _made(codec, _Nobody())


def _made(codec: str, target: _Nobody | None) -> etree.XMLParser:
    """White space between elements is nothing that a rule asks for, and makes a fifth of the tree. With
    it goes white space at the beginning of some texts; the values that rules read are stripped.
    Not `collect_ids=False`: it saves little, and makes libxml2 look for the external DTD.
    """
    return etree.XMLParser(
        encoding=codec,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=False,
        recover=False,
        remove_blank_text=True,
        target=target,  # type: ignore[arg-type]  # the stubs want every method; lxml asks for none
    )
