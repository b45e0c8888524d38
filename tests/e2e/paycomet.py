"""PAYCOMET's endpoint in the gateway: its faults, and servers in SiteMinder's place."""

from __future__ import annotations

import xml.etree.ElementTree as ET


def fault(answer):
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/xml; charset=utf-8"
    root = ET.fromstring(answer.content)
    assert root.tag == "reservations"
    (element,) = root
    assert element.tag == "fault"
    code, ours, tail = element.get("code").partition("-PAYTPV")
    assert (ours, tail) == ("-PAYTPV", "")
    assert element.get("string")
    return int(code)


def stand_in(sandbox, *servers):
    """`test_hosts:` entries that put each server in SiteMinder's place."""
    host = {"stands_for": "ws.siteminder.com", "address": "127.0.0.1", "ca": str(sandbox.ca_file)}
    return {f"siteminder.sandbox.test:{server.port}": dict(host) for server in servers}


def url_of(server):
    return f"https://siteminder.sandbox.test:{server.port}/pmsxchangev2/services/A"
