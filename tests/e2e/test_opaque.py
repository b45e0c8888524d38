"""Bodies that the gateway can not look into are refused, whole; a DOCTYPE passes only where a rule says so."""

from __future__ import annotations

import base64
import json
import shutil

import pytest
from lxml import etree

from gateway.sandbox.faults import Fault, FaultServer
from gateway.sandbox.tls import server_context
from tests.e2e.problem import check_problem
from tests.e2e.test_charge import PAN, adyen, keep, payment
from tests.running import ROOT

DOCTYPE = (
    '<!DOCTYPE paymentService PUBLIC "-//Worldpay//DTD Worldpay PaymentService v1//EN" '
    '"http://dtd.worldpay.com/paymentService_v1.dtd">'
)
ORDER = (
    f'<?xml version="1.0" encoding="UTF-8"?>\n{DOCTYPE}\n<paymentService version="1.4"><submit><order>'
    "<orderContent><![CDATA[<b>Two</b>&nbsp;nights]]></orderContent><paymentDetails><VISA-SSL>"
    '<cardNumber>%s</cardNumber><expiryDate><date month="01" year="2029"/></expiryDate>'
    "<cardHolderName>x</cardHolderName><cvc>123</cvc></VISA-SSL></paymentDetails></order></submit>"
    "</paymentService>"
)
ECHO = f'{DOCTYPE}<paymentService version="1.4"><reply><error><![CDATA[no card {PAN}]]></error></reply></paymentService>'


class Processor(FaultServer):
    """Answers every request with `answer`, as XML, and keeps what it received."""

    def __init__(self, context, answer=b"{}"):
        super().__init__("close_after_request", context=context)
        self.answer = answer
        self.fault = Fault(self._write)

    def _write(self, card):
        del card
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n"
        return [head % len(self.answer) + self.answer]

    @property
    def bodies(self):
        return [one.partition(b"\r\n\r\n")[2] for one in self.received if one]


@pytest.fixture
def processor(sandbox):
    with Processor(server_context(sandbox.directory)) as server:
        yield server


@pytest.fixture
def reach(own_gateway, sandbox, processor):
    """A gateway for which the processor is `host`, and how to post there."""

    def start(host, **more):
        here = f"processor.sandbox.test:{processor.port}"
        stands = {"stands_for": host, "address": "127.0.0.1", "ca": str(sandbox.ca_file)}
        gateway = own_gateway(test_hosts={here: stands}, **more)

        def post(path, body, kind):
            with gateway.session(gateway.key()) as session:
                headers = {"Content-Type": kind}
                return session.post(f"https://{here}{path}", body, headers=headers, timeout=20)

        return gateway, post

    return start


def redsys(number):
    parameters = {"DS_MERCHANT_AMOUNT": "145", "DS_MERCHANT_PAN": number}
    return {
        "Ds_SignatureVersion": "HMAC_SHA256_V1",
        "Ds_MerchantParameters": base64.urlsafe_b64encode(json.dumps(parameters).encode()).decode(),
        "Ds_Signature": "6DVpRPAPoChZh2cgaWnLqlfFsKeXdRfAO_tz-UrxJcU=",
    }


def test_p07_p08_a_signed_body_is_refused_with_the_reason(reach, processor):
    gateway, post = reach("sis.redsys.es")
    token = keep(gateway)
    bodies = [
        (json.dumps(redsys(token.alias)), "application/json"),
        (json.dumps(redsys(PAN)), "application/json"),
        ("Ds_Signature=x&Ds_MerchantParameters=y", "application/x-www-form-urlencoded"),
        ("whatever it is", "text/plain"),
    ]
    for body, kind in bodies:
        answer = post("/sis/rest/trataPeticionREST", body, kind)
        check_problem(answer, 422, "body_opaque")
        assert "signed" in answer.json()["title"]
        assert "without the processor's key" in answer.json()["title"]
        assert PAN not in answer.text
        assert token.alias not in answer.text
    assert processor.bodies == []
    assert gateway.rows("select count(*) from audit where action = 'detokenize'") == [(0,)]
    assert 'refused_total{reason="body_opaque"} 4.0' in gateway.metrics()


def test_p07_p08_a_part_that_is_encrypted_refuses_the_body_before_a_card_is_put_in(
    own_gateway, tmp_path
):
    rules = shutil.copytree(ROOT / "rules", tmp_path / "rules")
    pack = rules / "adyen.yaml"
    text = pack.read_text()
    old = "    request: { detokenize: payment-method }\n"
    places = '["$.paymentMethod.encryptedCardNumber", "$.paymentMethod.jwe"]'
    new = f"    request: {{ detokenize: payment-method, opaque: {{ refuse: {places}, because: encrypted }} }}\n"
    pack.write_text(text.replace(old, new))
    gateway = own_gateway(rules=str(rules))
    token = keep(gateway)
    for secret in (
        {"encryptedCardNumber": "adyenjs_0_1_18$x"},
        {"jwe": {"protected": "eyJ", "ciphertext": "x"}},
        {"jwe": ["eyJ"]},
        {"encryptedCardNumber": 7},
    ):
        answer = adyen(gateway, payment(token.alias, **secret))
        check_problem(answer, 422, "body_opaque")
        assert "encrypted" in answer.json()["title"]
    assert gateway.rows("select count(*) from audit where action = 'detokenize'") == [(0,)]
    assert not gateway.sandbox.received.requests("adyen")
    # What looks for such a part reads the body by its own format, so its label must say the same.
    label = {"Content-Type": "text/xml"}
    check_problem(adyen(gateway, payment(token.alias), headers=label), 415, "label_wrong")
    empty = payment(token.alias, encryptedCardNumber="", jwe={})
    adyen(gateway, empty)  # which Adyen does not take
    (request,) = gateway.sandbox.received.requests("adyen")
    assert json.loads(request.body)["paymentMethod"]["number"] == PAN


def test_p12_a_dtd_that_a_rule_lets_pass_stays_and_is_not_read(reach, processor):
    gateway, post = reach("secure.worldpay.com")
    processor.answer = ECHO.encode()
    token = keep(gateway)
    answer = post("/jsp/merchant/xml/paymentService.jsp", ORDER % token.alias, "text/xml")
    assert answer.status_code == 200, answer.text
    (sent,) = processor.bodies
    wanted = (
        (ORDER % PAN).replace('month="01" year="2029"', 'month="12" year="2030"')
        .replace("<cardHolderName>x<", "<cardHolderName>Jane Doe<")
    )  # fmt: skip
    assert sent == wanted.encode()
    parser = etree.XMLParser(load_dtd=False, no_network=True, resolve_entities=False)
    assert etree.fromstring(sent, parser).findtext(".//cardNumber") == PAN
    # The processor's answer names the DTD too, and the echo in it becomes the token again.
    assert answer.text == ECHO.replace(PAN, token.alias)


@pytest.mark.parametrize(
    "doctype",
    [
        DOCTYPE.replace(">", ' [<!ENTITY card "x">]>'),
        "<!DOCTYPE paymentService []>",
        DOCTYPE + "<!-- & --><?a b?>" + "<!DOCTYPE b>",
    ],
)
def test_p12_more_than_an_external_dtd_is_refused_all_the_same(reach, processor, doctype):
    gateway, post = reach("secure.worldpay.com")
    token = keep(gateway)
    body = (ORDER % token.alias).replace(DOCTYPE, doctype)
    answer = post("/jsp/merchant/xml/paymentService.jsp", body, "text/xml")
    assert answer.status_code == 400
    assert answer.json()["code"] in {"message_forbidden", "message_malformed"}
    assert processor.bodies == []


def test_p12_a_route_that_does_not_say_so_takes_no_dtd(reach, processor):
    gateway, post = reach("api.authorize.net")
    token = keep(gateway)
    plain = f"<r><creditCard><cardNumber>{token.alias}</cardNumber></creditCard></r>"
    check_problem(
        post("/xml/v1/request.api", DOCTYPE + plain, "text/xml"), 400, "message_forbidden"
    )
    assert processor.bodies == []
    assert post("/xml/v1/request.api", plain, "text/xml").status_code == 200
    assert processor.bodies[-1].startswith(f"<r><creditCard><cardNumber>{PAN}<".encode())


def test_p08_an_answer_that_nobody_can_look_into_is_refused(reach, processor, tmp_path):
    rules = shutil.copytree(ROOT / "rules", tmp_path / "rules")
    (rules / "vault-less.yaml").write_text(
        "system: vault-less\nabout: an answer in a token of its own\nroutes:\n"
        "  - name: read\n    to: https://api.vault-less.example/v1/**\n    methods: [POST]\n"
        "    response: { opaque: { refuse: [//EncryptedData], because: encrypted, format: xml } }\n"
    )
    _, post = reach("api.vault-less.example", rules=str(rules))
    for secret in ("<EncryptedData>x</EncryptedData>", "<EncryptedData><a/></EncryptedData>"):
        processor.answer = f"<r>{secret}</r>".encode()
        check_problem(post("/v1/x", "<q/>", "text/xml"), 502, "body_opaque")
    processor.answer = b"<r><EncryptedData/></r>"
    assert post("/v1/x", "<q/>", "text/xml").text == "<r><EncryptedData/></r>"
