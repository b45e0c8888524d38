"""One charge as each tool keeps it: stubs, contracts, collections, sessions, events."""

from __future__ import annotations

import base64
import json
from typing import Any

import yaml

NUMBER = "4111111111111111"
CARD = {"card": {"pan": NUMBER, "expiry": "0929", "cvv": "917", "holder": "ADA LOVELACE"}}
BODY = json.dumps(CARD)
XML = f"<Pay><Card><Number>{NUMBER}</Number><Expiry>0929</Expiry><Cvv>917</Cvv></Card></Pay>"
ANSWER = {"id": "ch-1", "state": "paid"}
HOST, PATH = "pay.payvale.example", "/v1/charges"
URL = f"https://{HOST}{PATH}"
KIND = {"Content-Type": "application/json"}
FORM_KIND = "application/x-www-form-urlencoded"
FIELDS = {"pan": NUMBER, "exp": "09/29", "cvc": "917"}
FORM = f"pan={NUMBER}&exp=09%2F29&cvc=917"


def based(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def wiremock(**asked: Any) -> str:
    request = {"method": "POST", "urlPath": PATH, "headers": {"Content-Type": {"equalTo": "application/json"}}}  # fmt: skip
    answer = {"status": 201, "jsonBody": ANSWER, "headers": KIND}
    return json.dumps({"id": "7", "request": {**request, **asked}, "response": answer})


def mountebank(predicates: list[Any], **imposter: Any) -> str:
    answer = {"is": {"statusCode": 201, "headers": KIND, "body": ANSWER}}
    stub = {"predicates": predicates, "responses": [answer]}
    return json.dumps({"imposters": [{"port": 4545, "protocol": "http", "stubs": [stub], **imposter}]})  # fmt: skip


def mockserver(body: Any) -> str:
    return json.dumps(
        [
            {
                "httpRequest": {"method": "POST", "path": PATH, "headers": {"Host": [HOST]}, "body": body},
                "httpResponse": {"statusCode": 201, "headers": {"Content-Type": ["application/json"]}, "body": json.dumps(ANSWER)},
                "times": {"unlimited": True},
            }
        ]
    )  # fmt: skip


def pact(request: Any, response: Any, version: str, **interaction: Any) -> str:
    one = {"description": "a charge", "request": {"method": "POST", "path": PATH, **request}, "response": {"status": 201, **response}, **interaction}  # fmt: skip
    return json.dumps(
        {
            "consumer": {"name": "pms"},
            "provider": {"name": "payvale"},
            "interactions": [one],
            "metadata": {"pactSpecification": {"version": version}},
        }
    )


def hoverfly(body: Any, *, coded: bool = False) -> str:
    text = json.dumps(ANSWER)

    def exactly(value: str) -> list[Any]:
        return [{"matcher": "exact", "value": value}]

    request = {
        "scheme": exactly("https"), "method": exactly("POST"), "destination": exactly(HOST),
        "path": exactly(PATH), "body": body,
    }  # fmt: skip
    answer = {"status": 201, "body": based(text) if coded else text, "encodedBody": coded, "headers": {"Content-Type": ["application/json"]}}  # fmt: skip
    pairs = [{"request": request, "response": answer}]
    return json.dumps({"data": {"pairs": pairs}, "meta": {"schemaVersion": "v5.2"}})


def insomnia(body: Any, **request: Any) -> dict[str, Any]:
    one = {
        "_id": "req_1", "_type": "request", "name": "charge", "method": "POST", "url": URL, "body": body,
        "headers": [{"name": "Content-Type", "value": "application/json"}, {"name": "X-Off", "value": "1", "disabled": True}],
        **request,
    }  # fmt: skip
    folder = {"_id": "wrk_1", "_type": "workspace", "name": "Payvale"}
    return {"_type": "export", "__export_format": 4, "resources": [folder, one]}


def charles(body: Any) -> str:
    return json.dumps(
        [
            {
                "status": "COMPLETE", "method": "POST", "scheme": "https", "host": HOST, "port": 443, "actualPort": 443,
                "path": PATH, "query": None,
                "request": {"sizes": {"headers": 90, "body": 99}, "mimeType": "application/json", "header": {"firstLine": "POST / HTTP/1.1", "headers": [{"name": "Content-Type", "value": "application/json"}]}, "body": body},
                "response": {"status": 201, "header": {"headers": [{"name": "Content-Type", "value": "application/json"}]}, "body": {"text": json.dumps(ANSWER), "charset": "UTF-8"}},
            }
        ]
    )  # fmt: skip


def sentry(data: Any, kind: str = "application/json") -> str:
    request = {"method": "POST", "url": URL, "headers": [["Content-Type", kind]], "data": data}
    return json.dumps({"event_id": "9e3b", "platform": "python", "request": request, "level": "error"})  # fmt: skip


SOAPUI = f"""<?xml version="1.0" encoding="UTF-8"?>
<con:soapui-project id="1" name="Payvale" xmlns:con="http://eviware.com/soapui/config"><con:settings/>
<con:interface xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="con:WsdlInterface" name="Pay">
<con:endpoints><con:endpoint>{URL}</con:endpoint></con:endpoints>
<con:operation name="Charge"><con:call id="2" name="Request 1"><con:settings/><con:encoding>UTF-8</con:encoding>
<con:endpoint>{URL}</con:endpoint><con:request><![CDATA[{XML}]]></con:request></con:call></con:operation></con:interface>
<con:mockService name="Mock"><con:mockOperation name="Charge"><con:response httpResponseStatus="200">
<con:responseContent><![CDATA[<Paid>yes</Paid>]]></con:responseContent></con:response></con:mockOperation></con:mockService>
</con:soapui-project>
"""
SOAPUI_REST = f"""<con:soapui-project name="Payvale" xmlns:con="http://eviware.com/soapui/config">
<con:interface name="rest"><con:resource name="v1" path="/v1"><con:resource name="charges" path="/charges">
<con:method name="pay" method="POST"><con:request name="Request 1" mediaType="application/json"><con:settings/>
<con:endpoint>https://{HOST}/</con:endpoint><con:request>{BODY}</con:request></con:request></con:method>
</con:resource></con:resource></con:interface></con:soapui-project>
"""


def burp(*, coded: bool) -> str:
    asked = f"POST {PATH} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n{BODY}"
    answer = f"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n\r\n{json.dumps(ANSWER)}"
    one, other = (based(asked), based(answer)) if coded else (asked, answer)
    flag = "true" if coded else "false"
    return f"""<?xml version="1.0"?>
<!DOCTYPE items [
<!ELEMENT items (item*)>
<!ATTLIST items burpVersion CDATA "">
]>
<items burpVersion="2023.1" exportTime="Mon Jan 01 00:00:00 UTC 2027">
  <item><time>now</time><url><![CDATA[{URL}]]></url><host ip="192.0.2.1">{HOST}</host><port>443</port>
    <protocol>https</protocol><method><![CDATA[POST]]></method>
    <request base64="{flag}"><![CDATA[{one}]]></request><status>201</status>
    <response base64="{flag}"><![CDATA[{other}]]></response><comment></comment></item>
</items>
"""


def bruno(kind: str, body: str) -> str:
    inside = "\n".join(f"  {line}" for line in body.splitlines())
    return f"""meta {{
  name: charge
  type: http
  seq: 1
}}

post {{
  url: {URL}
  body: {kind}
  auth: none
}}

headers {{
  X-Shop: 7
  ~X-Off: 1
}}

body:{"form-urlencoded" if kind == "formUrlEncoded" else kind} {{
{inside}
}}
"""


EXPORT = insomnia({"mimeType": "application/json", "text": BODY})
FIFTH = {
    "type": "collection.insomnia.rest/5.0",
    "name": "Payvale",
    "collection": [{"name": "folder", "children": [EXPORT["resources"][1]]}],
}
EQUALS = {"method": "POST", "path": PATH, "body": CARD}

# Each is the same charge of the same card, in JSON, with all that the tool keeps of it.
ALL = {
    "WireMock, equalToJson": wiremock(bodyPatterns=[{"equalToJson": BODY}]),
    "WireMock, an object": wiremock(bodyPatterns=[{"equalToJson": CARD, "ignoreExtraElements": True}]),
    "WireMock, equalTo": wiremock(bodyPatterns=[{"matchesJsonPath": "$.card"}, {"equalTo": BODY}]),
    "WireMock, binary": wiremock(bodyPatterns=[{"binaryEqualTo": based(BODY)}], method="ANY"),
    "WireMock, mappings": json.dumps({"mappings": [json.loads(wiremock(bodyPatterns=[{"equalToJson": BODY}]))], "meta": {"total": 1}}),
    "WireMock, journal": json.dumps({"requests": [{"id": "1", "request": {"url": PATH, "absoluteUrl": URL, "method": "POST", "headers": KIND, "body": BODY, "bodyAsBase64": based(BODY)}, "responseDefinition": {"status": 201, "body": json.dumps(ANSWER), "headers": KIND}}]}),
    "Pact 2": pact({"headers": KIND, "body": CARD}, {"headers": KIND, "body": ANSWER}, "2.0.0"),
    "Pact 3": pact({"headers": KIND, "query": {"x": ["1"]}, "body": CARD}, {"headers": KIND, "body": ANSWER}, "3.0.0"),
    "Pact 4": pact({"headers": {"Content-Type": ["application/json"]}, "body": {"content": CARD, "contentType": "application/json", "encoded": False}}, {"body": {"content": ANSWER, "contentType": "application/json", "encoded": False}}, "4.0", type="Synchronous/HTTP"),
    "Pact 4, base64": pact({"body": {"content": based(BODY), "contentType": "application/json", "encoded": "base64"}}, {"body": {"content": ANSWER}}, "4.0", type="Synchronous/HTTP"),
    "Mountebank": mountebank([{"deepEquals": EQUALS}]),
    "Mountebank, and": mountebank([{"and": [{"equals": {"method": "POST", "headers": KIND}}, {"equals": {"path": PATH, "body": BODY}}]}]),
    "Mountebank, requests": mountebank([], requests=[{"method": "POST", "path": PATH, "query": {}, "headers": {"Host": HOST, **KIND}, "body": BODY}]),
    "MockServer": mockserver(CARD),
    "MockServer, JSON": mockserver({"type": "JSON", "json": BODY, "matchType": "STRICT"}),
    "MockServer, bytes": mockserver({"type": "BINARY", "base64Bytes": based(BODY)}),
    "Hoverfly": hoverfly([{"matcher": "json", "value": BODY}]),
    "Hoverfly, base64": hoverfly([{"matcher": "exact", "value": BODY}], coded=True),
    "Hoverfly 1": json.dumps({"data": {"pairs": [{"request": {"path": PATH, "method": "POST", "destination": HOST, "scheme": "https", "query": "", "body": BODY}, "response": {"status": 201, "body": json.dumps(ANSWER), "encodedBody": False}}]}}),
    "Insomnia 4": json.dumps(EXPORT),
    "Insomnia 4, YAML": yaml.safe_dump(EXPORT, sort_keys=False),
    "Insomnia 5": yaml.safe_dump(FIFTH, sort_keys=False),
    "Charles": charles({"text": BODY, "charset": "UTF-8"}),
    "Charles, base64": charles({"encoding": "base64", "encoded": based(BODY)}),
    "Sentry": sentry(CARD),
    "Sentry, API": json.dumps({"eventID": "9e", "entries": [{"type": "exception", "data": {}}, {"type": "request", "data": {"method": "POST", "url": URL, "headers": [["Content-Type", "application/json"]], "data": CARD}}]}),
    "an exchange": json.dumps({"request": {"method": "POST", "url": URL, "headers": KIND, "body": CARD}, "response": {"status": 201, "headers": KIND, "body": json.dumps(ANSWER)}}),
    "exchanges": json.dumps([{"request": {"method": "POST", "url": URL, "headers": KIND, "body": BODY}, "response": {"status": {"code": "201", "message": "Created"}, "headers": KIND, "body": json.dumps(ANSWER)}}]),
    "Lambda": json.dumps({"resource": PATH, "path": PATH, "httpMethod": "POST", "headers": {"Host": HOST, **KIND}, "requestContext": {"stage": "x"}, "body": BODY, "isBase64Encoded": False}),
    "Lambda 2": json.dumps({"version": "2.0", "rawPath": PATH, "rawQueryString": "", "headers": {"host": HOST, **KIND}, "requestContext": {"http": {"method": "POST", "path": PATH}}, "body": based(BODY), "isBase64Encoded": True}),
    "Thunder Client": json.dumps({"clientName": "Thunder Client", "requests": [{"name": "a", "url": URL, "method": "POST", "headers": [{"name": "Content-Type", "value": "application/json"}], "body": {"type": "json", "raw": BODY, "form": []}}]}),
    "Hoppscotch": json.dumps([{"v": 1, "name": "a", "folders": [{"name": "b", "requests": [{"endpoint": URL, "method": "POST", "headers": [], "body": {"contentType": "application/json", "body": BODY}}]}], "requests": []}]),
    "nock, printed": f"const nock = require('nock')\n\nnock('https://{HOST}:443', {{\"encodedQueryParams\":true}})\n  .post('{PATH}', {BODY})\n  .reply(201, {json.dumps(ANSWER)}, [\n  'Content-Type',\n  'application/json'\n]);\n",
    "Burp": burp(coded=True),
    "Burp, plain": burp(coded=False),
    "Bruno": bruno("json", json.dumps(CARD, indent=2)),
    "SoapUI, REST": SOAPUI_REST,
}  # fmt: skip
