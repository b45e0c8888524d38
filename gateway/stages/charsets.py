"""In which encodings a body is to be read, by the name that a label or an XML declaration has for one."""

from __future__ import annotations

import codecs
import encodings
import pkgutil
import re
from encodings.aliases import aliases
from typing import Final

# In all of these an ASCII digit is the byte that it is in ASCII, and nothing else is a digit of one byte: who
# reads ASCII has read them. So it is where a label names nothing.
_AS_ASCII: Final = re.compile(
    r"utf-?8(?:-?(?:sig|mb[34]))?|(?:us-)?ascii|(?:iso-?)?8859-?[0-9]{1,2}(?:-[ei])?|latin-?[0-9]{1,2}"
    r"|(?:windows|win|ms|cp)-?125[0-8]|ansi|user-defined|binary|unknown|none|null|undefined"
)
_PAGE: Final = re.compile(r"(?:windows|win|ms|cp|ibm)-?([0-9]{3,5})")
_OTHER_NAMES: Final = {
    "unicode": "utf-16", "ucs-2": "utf-16", "iso-10646-ucs-2": "utf-16",
    "ucs-4": "utf-32", "iso-10646-ucs-4": "utf-32",
}  # fmt: skip
# Without a mark readers disagree about the order.
_ORDERS: Final = {
    "utf-16": ("utf-16-le", "utf-16-be"),
    "utf-32": ("utf-32-le", "utf-32-be"),
}
_LONGEST: Final = 40
# Python keeps whatever name it is asked for, known or not, for good: it is asked for these alone.
_KNOWN: Final = frozenset(
    {*aliases, *aliases.values(), *(one.name for one in pkgutil.iter_modules(encodings.__path__))}
)
# Python has these as encodings of names and of its own source: no message is written in them.
_NO_TEXT: Final = frozenset({"idna", "punycode", "unicode-escape", "raw-unicode-escape"})


def encodings_of(name: str) -> tuple[str, ...] | None:
    """Python's names of the encodings in which a body is to be read as well: none where its ASCII says all.
    None where nobody here can read it."""
    if len(name) > _LONGEST:
        return None
    plain = name.lower().replace("_", "-").removeprefix("x-")
    if _AS_ASCII.fullmatch(plain):
        return ()
    page = _PAGE.fullmatch(plain)
    plain = f"cp{page[1]}" if page is not None else _OTHER_NAMES.get(plain, plain)
    if plain.replace("-", "_") not in _KNOWN:
        return None
    try:
        codec = codecs.lookup(plain).name
        b" ".decode(codec, "replace")
    except (LookupError, ValueError):  # base64 and the like are no encodings of texts
        return None
    return None if codec in _NO_TEXT else _ORDERS.get(codec, (codec,))
