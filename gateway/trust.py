"""Whom we believe when we dial: the TLS that every connection of ours to an upstream has (P05)."""

from __future__ import annotations

import functools
import pathlib
import ssl


@functools.lru_cache(256)
def upstream_context(ca: pathlib.Path | None) -> ssl.SSLContext:
    """For dialling: TLS ≥ 1.2, certificate and name verified against `ca` alone, or the system's
    authorities. No key log, whatever the environment says."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if ca is None:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    else:
        context.load_verify_locations(cafile=str(ca))
    return context
