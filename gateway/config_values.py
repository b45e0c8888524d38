"""The values that gateway.yaml is made of: sizes, addresses, hosts, networks, names, paths.

Each is an annotated type for pydantic. A validator's text is what the administrator reads behind
file and line, so it names what was written and what to write instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv6Address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeVar
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, PlainValidator, ValidationInfo

from gateway.authority import normalize_host
from gateway.errors import TargetAmbiguous
from gateway.networks import Address, Network, parse_address, parse_networks

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SIZE: Final = re.compile(r"([0-9]{1,9}) ?(B|KiB|MiB|GiB)?")
_UNITS: Final = {"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_PORT: Final = re.compile(r"0|[1-9][0-9]{0,4}")
_HTTPS: Final = re.compile(r"https://([^/?#@\s]+)((?:/[!-\"$-~]*)?)")
_FINGERPRINT: Final = re.compile(r"[0-9a-f]{64}")
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # token, RFC 9110 section 5.6.2

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Bind:
    """Where a listener listens. Port 0: the system picks one."""

    host: Address
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if isinstance(self.host, IPv6Address) else str(self.host)
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class HostAndPort:
    """A host that others name: normalised, with its port (443 where none was written)."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Https:
    """An https URL: host normalised, port explicit, path and query as they were written."""

    host: str
    port: int
    path: str

    @property
    def base(self) -> str:
        """Scheme, host and port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"https://{host}" + ("" if self.port == 443 else f":{self.port}")


def normal_host(text: str) -> str:
    """A host in its one spelling (`authority.normalize_host`). Raises ValueError, for its writer."""
    try:
        return normalize_host(text)
    except TargetAmbiguous:
        raise ValueError(f"`{text}` is not a host name") from None


def parse_time_zone(text: str) -> str:
    """A time zone of the IANA database. Raises ValueError."""
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        pass
    else:
        return text
    raise ValueError("no such time zone: name one as the IANA database has it, like Europe/Madrid")


def parse_name(text: str) -> str:
    """A product's, client's, caller's or system's name."""
    if not NAME.fullmatch(text):
        raise ValueError(
            f"`{text}` is not a name: letters, digits, `.`, `_` and `-`, at most 64, "
            "and a letter or digit first"
        )
    return text


def parse_size(value: object) -> int:
    """Bytes: a whole number, or text like `64 KiB`, `48 MiB`."""
    match = _SIZE.fullmatch(str(value)) if isinstance(value, int | str) else None
    if match is None or isinstance(value, bool) or int(match[1]) == 0:
        raise ValueError(f"`{value}` is not a size; write it like `64 KiB` or `48 MiB`")
    return int(match[1]) * _UNITS[match[2] or ""]


def parse_bind(value: object) -> Bind:
    """`127.0.0.1:8080`, `[::1]:8080`: an address, not a name, for a name may point anywhere."""
    text = str(value)
    host, colon, port = text.rpartition(":")
    if not colon or not _PORT.fullmatch(port) or int(port) > 65535:
        raise ValueError(f"`{text}` is not an address with a port; write it like `127.0.0.1:8080`")
    if ":" in host and not (host.startswith("[") and host.endswith("]")):
        raise ValueError(f"`{text}`: an IPv6 address wants brackets, like `[::1]:8080`")
    try:
        address = parse_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        raise ValueError(
            f"`{text}` does not start with an IP address; for this machine only, "
            f"write `127.0.0.1:{port}`"
        ) from None
    return Bind(address, int(port))


def parse_host_and_port(value: object) -> HostAndPort:
    """`updates.pms.example`, `ws.example:9443`, `[::1]:443`."""
    text = str(value)
    match = re.fullmatch(r"(\[[^\]]*\]|[^:]*)(?::([0-9]+))?", text)
    if match is None:
        raise ValueError(f"`{text}` is not a host, or a host with a port like `ws.example:9443`")
    port = int(match[2]) if match[2] else 443
    if not 0 < port < 65536:
        raise ValueError(f"`{text}`: ports go from 1 to 65535")
    return HostAndPort(normal_host(match[1]), port)


def parse_https(value: object) -> Https:
    """`https://pms.example/hooks?a=b`: an absolute URL, without user, password or fragment."""
    text = str(value)
    match = _HTTPS.fullmatch(text)
    if match is None:
        raise ValueError(f"`{text}` is not an https URL; write it like `https://pms.example/hook`")
    target = parse_host_and_port(match[1])
    return Https(target.host, target.port, match[2] or "/")


def parse_host_pattern(text: str) -> str:
    """A host, or `*.` and a host: any name below it."""
    star = "*." if text.startswith("*.") else ""
    return star + normal_host(text.removeprefix(star))


def parse_address_value(value: object) -> Address:
    """An address as a literal: a name could be made to point elsewhere."""
    try:
        return parse_address(str(value))
    except ValueError:
        raise ValueError(
            f"`{value}` is not an IP address; write the address itself, not a name"
        ) from None


def parse_fingerprint(text: str) -> str:
    """A certificate's SHA-256 as hex, with or without colons; lower case comes out."""
    plain = text.replace(":", "").lower()
    if not _FINGERPRINT.fullmatch(plain):
        raise ValueError(f"`{text}` is not a SHA-256 fingerprint: 64 hexadecimal digits")
    return plain


def parse_header_name(text: str) -> str:
    """The name of a header field."""
    if not _HEADER.fullmatch(text):
        raise ValueError(f"`{text}` is not the name of a header")
    return text


def _beside_the_file(value: object, info: ValidationInfo) -> Path:
    """A path, relative to the directory in the context (`base`: where gateway.yaml is)."""
    if not isinstance(value, str | Path) or not str(value):
        raise ValueError(f"`{value}` is not a path")
    base = (info.context or {}).get("base")
    return base / value if isinstance(base, Path) else Path(value)


def _joined(parts: Iterable[tuple[T, ...]]) -> tuple[T, ...]:
    return tuple(item for part in parts for item in part)


def _as_tuple(value: object) -> object:
    """Behind a validator (`short_form`) an array has become a list, which strict mode refuses."""
    return tuple(value) if isinstance(value, list) else value


def _unique(values: tuple[T, ...]) -> tuple[T, ...]:
    for place, value in enumerate(values):
        if value in values[:place]:
            raise ValueError(f"`{value}` stands here twice")
    return values


def short_form(key: str) -> BeforeValidator:
    """Lets a mapping be written as its one text: `proxy: 127.0.0.1:8080`."""

    def widen(value: object) -> object:
        return {key: value} if isinstance(value, str) else value

    return BeforeValidator(widen)


# Validators that turn one type into another: the type checker is told the outcome alone.
if TYPE_CHECKING:
    NetworkList = tuple[Network, ...]
    Size = int
    BindAddress = Bind
    TargetHost = HostAndPort
    HttpsTarget = Https
    LiteralAddress = Address
    FilePath = Path
else:
    NetworkList = Annotated[
        tuple[Annotated[str, AfterValidator(parse_networks)], ...],
        BeforeValidator(_as_tuple),
        AfterValidator(_joined),
    ]
    Size = Annotated[int, PlainValidator(parse_size)]
    BindAddress = Annotated[Bind, PlainValidator(parse_bind)]
    TargetHost = Annotated[HostAndPort, PlainValidator(parse_host_and_port)]
    HttpsTarget = Annotated[Https, PlainValidator(parse_https)]
    LiteralAddress = Annotated[object, PlainValidator(parse_address_value)]
    FilePath = Annotated[object, PlainValidator(_beside_the_file)]

Name = Annotated[str, AfterValidator(parse_name)]
TimeZone = Annotated[str, AfterValidator(parse_time_zone)]
HostName = Annotated[str, AfterValidator(normal_host)]
HostPatternText = Annotated[str, AfterValidator(parse_host_pattern)]
HeaderName = Annotated[str, AfterValidator(parse_header_name)]
Fingerprint = Annotated[str, AfterValidator(parse_fingerprint)]
Names = Annotated[tuple[Name, ...], AfterValidator(_unique)]
