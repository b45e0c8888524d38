"""PAYCOMET's SiteMinder proxy, played by the gateway: real sockets, the sandbox's SiteMinder behind.

What it answers is read with ElementTree; what SiteMinder got is what its simulator took, which
checks it as the real one does.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
import xml.etree.ElementTree as ET

import httpx
import pytest

from gateway.channels.paycomet_faults import Fault
from gateway.sandbox.faults import Fault as FaultTable
from gateway.sandbox.faults import FaultServer
from gateway.sandbox.tls import server_context
from tests.e2e.process import until
from tests.e2e.test_pull import bookings, cards, timeless, tokens
from tests.running import ROOT

OTA = "{http://www.opentravel.org/OTA/2003/05}"


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


def test_p03_a_reservation_comes_back_as_published(gateway):
    before = gateway.upstream_bytes("10107").content
    answer = gateway.paycomet()
    assert answer.status_code == 200
    (booking,) = bookings(answer.content)
    (card,) = cards(booking)
    (original,) = cards(*bookings(before))
    pan = original.get("CardNumber")
    assert card.get("CardNumber") == pan[:6] + "*" * (len(pan) - 10) + pan[-4:]
    assert card.get("SeriesCode") is None
    assert card.get("ExpireDate") == original.get("ExpireDate")
    ((iduser, tokenuser, _),) = tokens(booking)
    assert 0 < int(iduser) < 2**31
    assert re.fullmatch("[0-9A-Za-z]{13}", tokenuser)
    assert booking.findtext(f"{OTA}B2B") == "0"
    assert booking.find(f"{OTA}ds_error_id") is None
    assert pan.encode() not in answer.content
    assert answer.headers["X-Gateway-Cards"] == "found=1 tokenized=1 failed=0"


def test_a_reservation_without_a_card_is_byte_for_byte_siteminders(gateway):
    before = gateway.upstream_bytes("NOCARD").content
    after = gateway.paycomet("NOCARD").content
    pattern = rb'(TimeStamp|EchoToken)="[^"]*"'
    assert re.sub(pattern, b"", after) == re.sub(pattern, b"", before)


def test_several_cards_have_positions_and_a_failed_one_paycomets_code(gateway):
    (booking,) = bookings(gateway.paycomet("CARDS").content)
    assert [position for _, _, position in tokens(booking)] == ["1", "2", "3"]
    failed = [
        one.text for one in ET.fromstring(gateway.paycomet("BADEXPIRY").content).iter(f"{OTA}ds_error_id")
    ]  # fmt: skip
    assert failed == ["1046"]


def test_the_same_card_has_the_same_token_as_through_the_proxy(gateway):
    through_the_proxy = tokens(*bookings(gateway.pull("10107").content))
    assert tokens(*bookings(gateway.paycomet().content)) == through_the_proxy


def test_a_card_without_a_cvc_fails_where_the_product_asks_for_one(own_gateway):
    products = {
        "seaside": {
            "merchant_code": "seaside01", "terminal": 1, "mode": "test", "cvc_required": True,
        }
    }  # fmt: skip
    gateway = own_gateway(products=products)
    (booking,) = bookings(gateway.paycomet("10107").content)
    assert booking.findtext(f"{OTA}ds_error_id") == "1043"
    assert tokens(booking) == []
    (booking,) = bookings(gateway.paycomet("CVC").content)
    assert booking.find(f"{OTA}ds_error_id") is None
    assert len(tokens(booking)) == 1


def test_what_siteminder_says_is_wrong_comes_back_exactly(gateway):
    answer = gateway.paycomet(password="wrong")
    assert answer.status_code == 200
    assert b"invalid username/password" in answer.content
    root = ET.fromstring(answer.content)
    assert root.tag.endswith("}Envelope")
    for hotel in ("BADNS", "HTML500"):
        before, after = gateway.upstream_bytes(hotel), gateway.paycomet(hotel)
        assert after.status_code == before.status_code
        assert timeless(after.content) == timeless(before.content)


def test_nothing_that_the_caller_sent_along_goes_to_siteminder(own_gateway, sandbox):
    """A cookie, a proxy's header, the key: SiteMinder gets our request, not the caller's."""
    with FaultServer("close_after_request", context=server_context(sandbox.directory)) as server:
        gateway = own_gateway(test_hosts=stand_in(sandbox, server))
        with gateway.endpoint_session() as session:
            session.headers["X-Internal-Secret"] = "internal"
            session.headers["Cookie"] = "session=internal"
            assert fault(gateway.paycomet(session=session, url=url_of(server))) == 568
        (received,) = [request.lower() for request in server.received if request]
    head, _, body = received.partition(b"\r\n\r\n")
    names = {line.partition(b":")[0] for line in head.split(b"\r\n")[1:]}
    assert names == {
        b"host", b"content-type", b"content-length", b"accept", b"accept-encoding", b"soapaction",
    }  # fmt: skip
    assert b"internal" not in received
    assert b"cgk_" not in received
    assert b"seaside01" not in body


def test_cards_go_to_the_product_that_the_request_names_or_to_none(gateway):
    """The map of hotels says another one: a card is masked, and filed under neither."""
    for merchant, tokenized in (("seaside01", "HOTEL-A"), ("hilltop01", "HOTEL-B")):
        answer = gateway.paycomet("HOTELS", ds_merchant_code=merchant)
        seen = set()
        for booking in bookings(answer.content):
            (card,) = cards(booking)
            assert "******" in card.get("CardNumber")
            hotel = booking.find(f".//{OTA}BasicPropertyInfo").get("HotelCode")
            seen.add(hotel)
            assert len(tokens(booking)) == (hotel == tokenized)
            assert booking.findtext(f"{OTA}ds_error_id") == (None if hotel == tokenized else "1099")
        assert seen == {"HOTEL-A", "HOTEL-B"}


def stand_in(sandbox, *servers):
    """`test_hosts:` entries that put each server in SiteMinder's place."""
    host = {"stands_for": "ws.siteminder.com", "address": "127.0.0.1", "ca": str(sandbox.ca_file)}
    return {f"siteminder.sandbox.test:{server.port}": dict(host) for server in servers}


def url_of(server):
    return f"https://siteminder.sandbox.test:{server.port}/pmsxchangev2/services/A"


# --- faults -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"ds_merchant_code": "nobody"}, 1040),
        ({"ds_merchant_terminal": "7"}, 1045),
        ({"ds_merchant_code": "hilltop01", "ds_merchant_terminal": "2"}, 1045),
        ({"ds_merchant_code": "grand01"}, 1031),
        ({"url": "not a url"}, 1023),
        ({"url": "http://siteminder.sandbox.test/pmsxchangev2/services/A"}, 1022),
        ({"username": ""}, 1018),
        ({"requestor_type": "5"}, 127),
    ],
)
def test_a_request_that_is_wrong_has_its_fault(gateway, changes, code):
    assert fault(gateway.paycomet(**changes)) == code


def test_p28_a_key_that_does_not_fit_has_its_fault(gateway):
    assert fault(gateway.paycomet(token="")) == 1004
    assert fault(gateway.paycomet(token="cgk_nonsense")) == 1004
    assert fault(gateway.paycomet(token="a-token-of-paycomets")) == 1004
    assert fault(gateway.paycomet(token=gateway.key(scopes=("detokenize",)))) == 1031
    assert fault(gateway.paycomet(token=gateway.key(products=("hilltop",)))) == 1031
    everything = gateway.key(products=())
    assert gateway.paycomet(token=everything).headers["X-Gateway-Cards"].startswith("found=1")


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/pmsxchangev2/services/A",
        "https://[::1]/pmsxchangev2/services/A",
        "https://169.254.169.254/latest/meta-data/",
        "https://localhost:{control}/pmsxchangev2/services/A",
        "https://metadata.google.internal/pmsxchangev2/a",
        "https://ws.siteminder.com.attacker.example/pmsxchangev2/services/A",
        "https://attacker.example/ws.siteminder.com/pmsxchangev2/services/A",
        "https://ws.siteminder.com/other/services/A",
        "https://ws.siteminder.com/pmsxchangev2/../other",
        "https://ws.siteminder.com/pmsxchangev2/%2e%2e/other",
        "https://ws.siteminder.com:8443/pmsxchangev2/services/A",
        "https://siteminder.com/pmsxchangev2/services/A",
        "https://api.stripe.com/v1/payment_intents",
        "https://stripe.sandbox.test:{stripe}/v1/payment_intents",
        "https://2130706433/pmsxchangev2/services/A",
        "https://ws.siteminder.com\\@127.0.0.1/pmsxchangev2/services/A",
        "https://[/pmsxchangev2/services/A",
        "https://a]b/pmsxchangev2/services/A",
    ],
)
def test_p30_it_is_no_open_relay(gateway, sandbox, url, monkeypatch):
    """Nothing is looked up or dialled for a target that the route does not allow."""
    dialled = []
    monkeypatch.setattr(gateway.worker._egress, "addresses", lambda *target: dialled.append(target))
    url = url.format(control=gateway.addresses.control[1], stripe=sandbox.ports["stripe"])
    assert fault(gateway.paycomet(url=url)) in {1004, 1023}
    assert dialled == []


def test_what_fails_on_the_way_to_siteminder_has_its_fault(own_gateway, sandbox, tmp_path):
    context = server_context(sandbox.directory)
    servers = {
        1019: FaultServer("never_answer", context=context),
        1011: FaultServer("refuse", context=context),
        568: FaultServer("garbage", context=context),
        1021: FaultServer("close_after_request", context=_self_signed(tmp_path)),
    }
    for server in servers.values():
        server.start()
    try:
        gateway = own_gateway(
            test_hosts=stand_in(sandbox, *servers.values()),
            limits={"upstream_seconds": 1, "upstream_connect_seconds": 1},
        )
        key = gateway.key()
        for code, server in servers.items():
            assert fault(gateway.paycomet(url=url_of(server), token=key)) == code
        unknown = "https://nowhere.siteminder.com/pmsxchangev2/services/A"

        async def no_address(host, port):
            del host, port
            return []

        gateway.worker._egress._look_up = no_address
        assert fault(gateway.paycomet(url=unknown, token=key)) == 1013
    finally:
        for server in servers.values():
            server.stop()


def _self_signed(directory):
    certificate, key = directory / "own.pem", directory / "own.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=siteminder.sandbox.test", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def test_one_pull_at_a_time_for_each_hotel(gateway):
    """SiteMinder asks for it. The second one is told so by us; another hotel's is not held up."""
    key, answers = gateway.key(), []
    slow = threading.Thread(target=lambda: answers.append(gateway.paycomet("SLOW", token=key)))
    slow.start()
    try:
        deadline = time.monotonic() + 10
        while not gateway.worker._pipeline._s.turns._taken:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert fault(gateway.paycomet("SLOW", token=key)) == 1332
        through_the_proxy = gateway.pull("SLOW")
        assert through_the_proxy.status_code == 429
        assert through_the_proxy.json()["code"] == "pull_in_flight"
        assert int(through_the_proxy.headers["Retry-After"]) > 0
        assert gateway.paycomet("10107", token=key).headers["X-Gateway-Cards"].startswith("found=1")
    finally:
        slow.join(30)
    assert bookings(answers[0].content)
    assert until(5, lambda: not gateway.worker._pipeline._s.turns._taken)


def test_a_turn_ends_with_its_exchange_however_that_ends(own_gateway, sandbox):
    with FaultServer("close_after_request", context=server_context(sandbox.directory)) as server:
        gateway = own_gateway(test_hosts=stand_in(sandbox, server))
        url, key = url_of(server), gateway.key()
        assert [fault(gateway.paycomet(url=url, token=key)) for _ in range(2)] == [568, 568]


def test_p16_the_password_is_in_no_log(gateway):
    marker = "Marker-Passw0rd-xyzzy"
    gateway.paycomet(password=marker)
    gateway.paycomet(password=marker, hotel_code="", requestor_type="3")
    gateway.paycomet(password=marker, url="https://attacker.example/")
    assert marker not in gateway.logs.getvalue()


# --- clients that nobody here wrote -------------------------------------------------------------


def test_curl_and_httpx(gateway, tmp_path):
    who = gateway.sandbox.siteminder.settings
    url = f"{gateway.sandbox.named_url('siteminder')}/pmsxchangev2/services/SANDBOX"
    xml = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<root><booking><xml><request>'
        f"<username>{who.username}</username><password><![CDATA[{who.password}]]></password>"
        "<requestor_id>SANDBOX</requestor_id><requestor_type>22</requestor_type>"
        "<hotel_code>10107</hotel_code><selection_criteria>Undelivered</selection_criteria>"
        f"</request></xml><url>{url}</url></booking><paytpv>"
        "<ds_merchant_code>seaside01</ds_merchant_code>"
        "<ds_merchant_terminal>1</ds_merchant_terminal></paytpv></root>"
    )
    key, target = gateway.key(), f"{gateway.endpoints}/api/v1/siteminder"
    trusted = ssl.create_default_context(cafile=gateway.ca)
    with httpx.Client(verify=trusted, trust_env=False) as client:
        for body in ({"data": {"xml": xml}}, {"files": {"xml": (None, xml)}}):
            answer = client.post(target, headers={"PAYCOMET-API-TOKEN": key}, **body)
            assert len(tokens(*bookings(answer.content))) == 1
    file = tmp_path / "order.xml"
    file.write_text(xml, encoding="utf-8")
    assert shutil.which("curl")
    for form in (["--data-urlencode", f"xml@{file}"], ["--form", f"xml=<{file}"]):
        answer = subprocess.run(
            ["curl", "--silent", "--show-error", "--noproxy", "*", "--cacert", gateway.ca,
             "-H", f"PAYCOMET-API-TOKEN: {key}", *form, target],
            check=True, capture_output=True,
        ).stdout  # fmt: skip
        assert len(tokens(*bookings(answer))) == 1


def test_a_head_that_was_never_finished_gets_no_fault_and_no_dial(gateway):
    """What is no request of the protocol is not answered in it."""
    context = ssl.create_default_context(cafile=gateway.ca)
    with (
        socket.create_connection(gateway.addresses.endpoints, timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        connection.sendall(b"GET /api/v1/siteminder HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 403")
    assert b"route_unknown" in answer


def test_the_documents_call_works_as_printed(gateway, tmp_path):
    text = (ROOT / "docs/paycomet-siteminder.md").read_text(encoding="utf-8")
    xml = re.search(r"```xml\n(.*?)```", text, re.DOTALL)[1]
    script = re.search(r"```sh\n(.*?)```", text, re.DOTALL)[1]
    port = gateway.sandbox.ports["siteminder"]
    (tmp_path / "order.xml").write_text(xml.replace(":9443", f":{port}"), encoding="utf-8")
    (tmp_path / "state").symlink_to(gateway.directory / "state")
    script = script.replace("https://localhost:8443", gateway.endpoints)
    done = subprocess.run(
        ["bash", "-c", script],
        env={"PATH": os.environ["PATH"], "KEY": gateway.key(), "no_proxy": "*"},
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    assert len(tokens(*bookings(done.stdout))) == 1


def test_the_documents_table_is_the_faults():
    text = (ROOT / "docs/paycomet-siteminder.md").read_text(encoding="utf-8")
    named = {int(code) for code in re.findall(r"\| (\d+) \|$", text, re.MULTILINE)}
    # What only a charge can meet, which this endpoint has none of.
    assert named == {fault.value for fault in Fault} - {Fault.TEST, Fault.PRODUCTION}


# --- the published messages ---------------------------------------------------------------------

# Shaped as the document's: the same card, which fails the check digit and ended in 2014, the same
# elements around it. The document's own sample is not well-formed; this is what it means.
PUBLISHED = """<?xml version="1.0"?>
<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/">
	<SOAP-ENV:Header />
	<SOAP-ENV:Body>
		<OTA_ResRetrieveRS xmlns="http://www.opentravel.org/OTA/2003/05" Version="1.0" EchoToken="echo-xyz">
			<Success/>
			<ReservationsList>
				<HotelReservation ResStatus="Book">
					<UniqueID Type="14" ID="WTF-901"/>
					<RoomStays><RoomStay><BasicPropertyInfo HotelCode="10107"/></RoomStay></RoomStays>
					<ResGlobalInfo>
						<Guarantee>
							<GuaranteesAccepted>
								<GuaranteeAccepted>
									<PaymentCard CardCode="VI" CardType="1" CardNumber="4444444444444444" ExpireDate="1114">
										<CardHolderName>Ada Example</CardHolderName>
									</PaymentCard>
								</GuaranteeAccepted>
							</GuaranteesAccepted>
						</Guarantee>
						<Total AmountAfterTax="150.00" CurrencyCode="USD"/>
					</ResGlobalInfo>
				</HotelReservation>
			</ReservationsList>
		</OTA_ResRetrieveRS>
	</SOAP-ENV:Body>
</SOAP-ENV:Envelope>
"""


def answered(own_gateway, sandbox, body):
    """What the endpoint makes of a body that SiteMinder answers."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n"
    with FaultServer("close_after_request", context=server_context(sandbox.directory)) as server:
        server.fault = FaultTable(lambda card: (head % len(body) + body,))
        gateway = own_gateway(test_hosts=stand_in(sandbox, server))
        return gateway.paycomet(url=url_of(server)).content


def test_the_published_reservation(own_gateway, sandbox):
    after = answered(own_gateway, sandbox, PUBLISHED.encode()).decode()
    tokens = re.search(
        "<PaycometResponse><iduser>([0-9]+)</iduser><tokenuser>([0-9A-Za-z]{13})</tokenuser>"
        "</PaycometResponse>",
        after,
    )
    # Taken out again, what was inserted leaves the very bytes with the number masked.
    bare = after.replace(tokens[0], "").replace("<B2B>0</B2B>", "")
    assert bare == PUBLISHED.replace("4444444444444444", "444444******4444")
    assert after.index("</Guarantee>") < tokens.start() < after.index("</ResGlobalInfo>")
    flag = after.index("<B2B>")
    assert after.index("</ResGlobalInfo>") < flag < after.index("</HotelReservation>")


def test_the_published_failure(own_gateway, sandbox):
    body = PUBLISHED.replace('ExpireDate="1114"', 'ExpireDate="1399"')
    after = answered(own_gateway, sandbox, body.encode()).decode()
    assert "PaycometResponse" not in after
    error = "<ds_error_id>1046</ds_error_id>"
    assert after.index("</ResGlobalInfo>") < after.index(error) < after.index("</HotelReservation>")
    bare = after.replace(error, "").replace("<B2B>0</B2B>", "")
    assert bare == body.replace("4444444444444444", "444444******4444")


def test_siteminders_published_error(own_gateway, sandbox):
    body = PUBLISHED[: PUBLISHED.index("<Success/>")] + (
        '<Errors><Error Type="4">Authentication failed</Error></Errors>'
        + PUBLISHED[PUBLISHED.index("\n\t\t</OTA_ResRetrieveRS>") :]
    )
    assert answered(own_gateway, sandbox, body.encode()) == body.encode()
