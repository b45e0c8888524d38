"""The hotel software behind the gateway: takes what is pushed, says so in the sender's protocol.

POST anything: OTA_HotelResNotifRQ is answered with OTA_HotelResNotifRS and the same EchoToken
(SOAP in, SOAP out), JSON with 200. What cannot be read is a SOAP fault or 400. Paths that begin
with /refuse answer `<Errors>` or 422, /fail 500, /echo the body as it came.
"""

from __future__ import annotations

import json

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from gateway.sandbox import soap
from gateway.sandbox.dress import plain

_XML_TYPES = ("text/xml", "application/xml", "application/soap+xml")


class Pms:
    """The simulator. What it received stands in the sandbox's records under `pms`."""

    def __init__(self) -> None:
        self.app = Starlette(routes=[Route("/{path:path}", self._serve, methods=["GET", "POST"])])

    async def _serve(self, request: Request) -> Response:
        if request.method == "GET":
            return JSONResponse({"status": "ok"})
        path, body = request.url.path, await request.body()
        kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
        if path.startswith("/fail"):
            return PlainTextResponse("the property's database is away", 500)
        if path.startswith("/echo"):
            return Response(body, headers={"content-type": kind or "application/octet-stream"})
        refuse = path.startswith("/refuse")
        if kind in _XML_TYPES:
            return _ota(body, refuse=refuse)
        if kind == "application/json":
            return _json(body, refuse=refuse)
        return PlainTextResponse("only XML and JSON are taken", 415)


def _ota(body: bytes, *, refuse: bool) -> Response:
    try:
        pushed = soap.read_soap(body, {"OTA_HotelResNotifRQ"})
    except soap.SoapRefused as refused:
        answer = plain(soap.fault(str(refused)))
        answer.status_code = 500
        return answer
    name, echo = "OTA_HotelResNotifRS", pushed.echo_token
    if refuse or not pushed.all("HotelReservations/HotelReservation"):
        text = "The reservation could not be taken"
        return plain(soap.envelope(soap.errors(name, echo, 3, text, 450)))
    return plain(soap.envelope(soap.answer(name, echo, "<Success/>")))


def _json(body: bytes, *, refuse: bool) -> Response:
    try:
        json.loads(body)
    except ValueError:
        return JSONResponse({"success": False, "error": "not JSON"}, 400)
    if refuse:
        return JSONResponse({"success": False, "error": "could not be taken"}, 422)
    return JSONResponse({"success": True})
