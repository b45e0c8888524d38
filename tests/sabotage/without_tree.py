"""Breakages of what is told of XML without its tree."""

from __future__ import annotations

from typing import Final

from tests.sabotage.breakage import Breakage

_PARSER: Final = "gateway/codecs/xml_parser.py"
_TESTS: Final = ("tests/codecs/test_xml_parser.py",)

BREAKAGES: Final = (
    Breakage(
        "take a prefix that is not declared, where no tree is built",
        "P12",
        _PARSER,
        "        if not parser.error_log.filter_from_errors():\n            return True\n",
        "        return True\n",
        _TESTS,
    ),
    Breakage(
        "take one level more where no tree is built",
        "P12",
        _PARSER,
        'etree.fromstring(b"<x>%b</x>" % element, parser)',
        "etree.fromstring(element, parser)",
        _TESTS,
    ),
    Breakage(
        "take two outermost elements for one",
        "P12",
        "gateway/codecs/xml_source.py",
        """    if closing < 0 or element[closing + 2 + len(start[1]) :].strip(SPACE) != b">":\n""",
        "    if closing < 0:\n",
        _TESTS,
    ),
    Breakage(
        "take an element that ends with its start tag for the outermost of all",
        "P12",
        "gateway/codecs/xml_source.py",
        "*+)*+(?<!/)>",
        "*+)*+>",
        _TESTS,
    ),
    Breakage(
        "take an xml:id that stands twice, where no tree is built",
        "P12",
        _PARSER,
        " and _ID not in source.text else None",
        " else None",
        _TESTS,
    ),
    Breakage(
        "look for XInclude by half of its name",
        "P12",
        "gateway/codecs/xml_scan.py",
        '_INCLUDES: Final = b"http://www.w3.org/2001/XInclude"',
        '_INCLUDES: Final = b"http://www.w3.org/2003/XInclude"',
        _TESTS,
    ),
    Breakage(
        "keep a parser whose mistakes quote a message",
        "P16",
        _PARSER,
        "    _for_nobody.cache_clear()\n    return False\n",
        "    return False\n",
        _TESTS,
    ),
    Breakage(
        "keep a parser of trees whose mistakes quote a message",
        "P16",
        _PARSER,
        "    _for_trees.cache_clear()\n    if code in",
        "    if code in",
        _TESTS,
    ),
)
