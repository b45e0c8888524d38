"""Two charges as each test tool would have recorded them, and what they hold."""

from __future__ import annotations

import base64
import gzip
import json

import yaml

NUMBER = "4111111111111111"
FORM = f"card%5Bnumber%5D={NUMBER}&card%5Bexp%5D=09%2F29&card%5Bcvc%5D=917"
JSON = json.dumps({"card": {"pan": NUMBER, "expiry": "0929", "cvv": "917"}})
URL = "https://user:pw@pay.payvale.example:443/v1/charges?x=1"

VCR = f"""---
http_interactions:
- request:
    method: post
    uri: {URL}
    body:
      encoding: US-ASCII
      string: {FORM}
    headers:
      Content-Type:
      - application/x-www-form-urlencoded
      Accept:
      - "*/*"
      - text/*
  response:
    status:
      code: 201
      message: Created
    headers:
      Content-Type:
      - application/json
    body:
      encoding: UTF-8
      string: '{{"id": 4012888888881881, "on": yes}}'
    http_version:
  recorded_at: Fri, 18 Jun 2027 08:06:40 GMT
- request:
    method: get
    uri: https://pay.payvale.example/v1/charges/7
    body:
      encoding: US-ASCII
      string: ''
    headers: {{}}
  response:
    status:
      code: 200
      message:
    headers: {{}}
    body:
      encoding: ASCII-8BIT
      string: !binary |-
        AAEC/w==
recorded_with: VCR 6.1.0
"""
VCR_1 = f"""---
- !ruby/struct:VCR::HTTPInteraction
  request: !ruby/struct:VCR::Request
    method: :post
    uri: {URL}
    body: {FORM}
    headers:
      content-type:
      - application/x-www-form-urlencoded
  response: !ruby/struct:VCR::Response
    status: !ruby/struct:VCR::ResponseStatus
      code: 200
      message: OK
    headers: {{}}
    body: ok
    http_version: "1.1"
"""
VCRPY = yaml.safe_dump(
    {
        "interactions": [
            {
                "request": {
                    "body": FORM,
                    "headers": {"Content-Type": ["application/x-www-form-urlencoded"]},
                    "method": "POST",
                    "uri": URL,
                },
                "response": {
                    "body": {"string": gzip.compress(b'{"ok": true}', mtime=0)},
                    "headers": {"Content-Encoding": ["gzip"]},
                    "status": {"code": 200, "message": "OK"},
                },
            }
        ],
        "version": 1,
    }
)

BETAMAX = json.dumps(
    {
        "http_interactions": [
            {
                "request": {
                    "body": {"encoding": "utf-8", "base64_string": base64.b64encode(FORM.encode()).decode()},
                    "headers": {"Content-Type": ["application/x-www-form-urlencoded"]},
                    "method": "POST",
                    "uri": URL,
                },
                "response": {
                    "body": {"encoding": None, "string": "ok"},
                    "headers": {},
                    "status": {"code": 200, "message": "OK"},
                    "url": URL,
                },
                "recorded_at": "2027-06-18T08:06:40",
            }
        ],
        "recorded_with": "betamax/0.8.0",
    }
)  # fmt: skip

NOCK = json.dumps(
    [
        {
            "scope": "https://pay.payvale.example:443",
            "method": "POST",
            "path": "/v1/charges?x=1",
            "body": json.loads(JSON),
            "status": 201,
            "response": [gzip.compress(b"{}", mtime=0).hex()],
            "rawHeaders": ["Content-Type", "application/json", "Content-Encoding", "gzip"],
            "responseIsBinary": False,
        }
    ]
)

POSTMAN = json.dumps(
    {
        "info": {
            "name": "Payvale",
            "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json",
        },
        "item": [
            {
                "name": "charges",
                "item": [
                    {
                        "name": "form",
                        "request": {
                            "method": "POST",
                            "header": [{"key": "X-Off", "value": "1", "disabled": True}],
                            "body": {
                                "mode": "urlencoded",
                                "urlencoded": [
                                    {"key": "pan", "value": NUMBER},
                                    {"key": "exp", "value": "09/29"},
                                    {"key": "off", "value": "1", "disabled": True},
                                ],
                            },
                            "url": {"raw": URL, "host": ["pay", "payvale", "example"]},
                        },
                        "response": [
                            {"name": "ok", "code": 200, "header": [], "body": '{"id": 1}'}
                        ],
                    },
                    {
                        "name": "variable",
                        "request": {
                            "method": "POST",
                            "header": [{"key": "Content-Type", "value": "application/json"}],
                            "body": {"mode": "raw", "raw": JSON},
                            "url": "{{base}}/v2/charges",
                        },
                        "response": [],
                    },
                    {
                        "name": "file",
                        "request": {
                            "method": "POST",
                            "body": {"mode": "formdata", "formdata": []},
                            "url": {"raw": URL},
                        },
                    },
                ],
            },
            {"name": "a URL alone", "request": "https://pay.payvale.example/ping"},
        ],
    }
)

ALL = {"VCR": VCR, "VCR 1": VCR_1, "vcrpy": VCRPY, "betamax": BETAMAX, "nock": NOCK, "Postman": POSTMAN}  # fmt: skip
