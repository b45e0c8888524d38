"""Refusals: links to our own pages."""

from __future__ import annotations

from gateway.errors.base import GatewayError


class PagesOff(GatewayError):
    code, status = "pages_off", 422
    text = "The product has no pages."
    action = "Give it pages: {name: …} in gateway.yaml."


class PageLinkUnknown(GatewayError):
    """Also for another client's: the two must not be told apart."""

    code, status = "page_link_unknown", 404
    text = "There is no such link."
    action = "Check its id; a link is erased 30 days after its end."


class PageLinkOver(GatewayError):
    code, status = "page_link_over", 409
    text = "The link is open no more: it was used, has expired or was withdrawn."
    action = "Look at its state; make another link if one is needed."


class TooManyTries(GatewayError):
    code, status = "too_many_tries", 429
    text = "The page was sent too often."
    action = "Wait ten minutes."


class CvcNotHeld(GatewayError):
    code, status = "cvc_not_held", 422
    text = "The product holds no security codes, so that a link can not ask for one."
    action = "Give it hold_cvc_minutes in gateway.yaml, or ask for the whole card."
