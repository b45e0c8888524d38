"""Every refusal the gateway makes: one tree, each leaf a stable code, a status and a fixed text.

No text ever contains input. A subclass is a contract with callers: its `code` never changes.
`status` is what the caller gets when the fault is in what the caller sent. `upstream_status` is
what the caller gets when the same fault is found in what the other side answered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar


class GatewayError(Exception):
    """Base of all refusals. Raise a subclass; catch this one."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    upstream_status: ClassVar[int] = 502
    text: ClassVar[str] = "The gateway could not handle this message, so it was not forwarded."
    action: ClassVar[str] = "Report the exchange id to whoever runs the gateway."
    # Seconds, where the same request may succeed then; a partner's own words where they are passed on.
    retry_after: int | str | None = None

    def __init__(self) -> None:
        super().__init__(self.code)


# --- who may call -------------------------------------------------------------------------------


class NetworkNotAllowed(GatewayError):
    code, status = "network_not_allowed", 403
    text = "This address is not among the networks that may use the gateway."
    action = "Add the network to a client in gateway.yaml."


class KeyRequired(GatewayError):
    code, status = "key_required", 401
    text = "A gateway key is required and none was sent."
    action = "Send a key that starts with cgk_: in X-Api-Key; to the proxy, in Proxy-Authorization; to the control API, as Authorization: Bearer."


class KeyInvalid(GatewayError):
    code, status = "key_invalid", 401
    text = "The gateway key is unknown, expired, revoked, or not valid from this network."
    action = "Create a new one with: card-gateway keys create"


class ProxyKeyInvalid(KeyInvalid):
    """The same at CONNECT, where HTTP has its own status."""

    code, status = "proxy_key_invalid", 407


class KeysConflict(GatewayError):
    code, status = "keys_conflict", 400
    text = "Two different gateway keys were sent in one request."
    action = "Send one key, in one header."


class ScopeMissing(GatewayError):
    code, status = "scope_missing", 403
    text = "The gateway key does not have the scope that this route needs."
    action = "Create a key with that scope: card-gateway keys create --scope ..."


class CallerNotAuthenticated(GatewayError):
    code, status = "caller_not_authenticated", 401
    text = "The caller of this address did not authenticate as its route asks."
    action = "Check the route's auth: entry under callers: in gateway.yaml."


class ProductUnknown(GatewayError):
    code, status = "product_unknown", 400
    text = "It is not clear which product (merchant and terminal) this exchange belongs to."
    action = "Send X-Gateway-Product, or use a key for one product only."


class ProductNotPermitted(GatewayError):
    code, status = "product_not_permitted", 403
    text = "The gateway key is not permitted for this product."
    action = "Use a key that names this product."


# --- what is asked of the control API -------------------------------------------------------------


class PathUnknown(GatewayError):
    code, status = "path_unknown", 404
    text = "The control API has nothing at this path."
    action = "See /openapi.json for what there is."


class MethodNotAllowed(GatewayError):
    code, status = "method_not_allowed", 405
    text = "The control API does not take this method at this path."
    action = "See /openapi.json for what there is."


class RequestInvalid(GatewayError):
    code, status = "request_invalid", 400
    text = "A parameter or the body of this call is not as the control API has it."
    action = "Compare it with /openapi.json."

    def __init__(self, errors: Sequence[Mapping[str, str]] = ()) -> None:
        """`errors`: what is wrong with which field, in words of ours."""
        super().__init__()
        self.errors = errors


class IdempotencyKeyReused(GatewayError):
    code, status = "idempotency_key_reused", 422
    text = "This Idempotency-Key came with another request within the last 24 hours."
    action = "Use a new key for each new request."


class RequestInProgress(GatewayError):
    code, status = "request_in_progress", 409
    text = "The first request with this Idempotency-Key is still under way."
    action = "Send it again in a second: it is answered what the first one was."
    retry_after = 1


class TokensGuessed(GatewayError):
    code, status = "tokens_guessed", 429
    text = "This client tried too many unknown tokens, and can not use any for a while."
    action = "Find out where they come from; Retry-After says when it may go on."

    def __init__(self, seconds: int | None = None) -> None:
        """`seconds`: how long it is blocked still."""
        super().__init__()
        self.retry_after = seconds


# --- where it may go ----------------------------------------------------------------------------


class RouteUnknown(GatewayError):
    code, status = "route_unknown", 403
    text = "No route allows this method, host, port and path."
    action = "Run: card-gateway refused. It prints the YAML that would allow it."


class TargetNotAllowed(GatewayError):
    """A request that names its own target, in a channel's protocol, named one that it may not."""

    code, status = "target_not_allowed", 403
    text = "The target that the request names is not one that its route allows."
    action = "Name a target that the route's `to:` allows."


class TargetAmbiguous(GatewayError):
    code, status = "target_ambiguous", 400
    text = "CONNECT, TLS server name, Host and URL do not name one and the same target."
    action = "Send the same host and port everywhere."


class UpstreamForbidden(GatewayError):
    code, status = "upstream_forbidden", 403
    text = "The target's address is private, reserved, or the gateway's own."
    action = "If it is meant, name it under egress: in gateway.yaml."


class UpstreamUnreachable(GatewayError):
    code, status = "upstream_unreachable", 502
    text = "The target could not be resolved or connected to, or hung up before TLS was agreed."
    action = "Try again later; the gateway does not repeat requests by itself."


class UpstreamUnresolved(UpstreamUnreachable):
    """The name has no address: some channels have an answer of its own for that."""


class UpstreamUntrusted(GatewayError):
    code, status = "upstream_untrusted", 502
    text = "The target's certificate, its name, or its TLS version is not acceptable."
    action = "Check the target's certificate and the CA that the gateway trusts for it."


class UpstreamTimeout(GatewayError):
    code, status, upstream_status = "upstream_timeout", 504, 504
    text = "The target did not answer in time."
    action = "Find out whether the request took effect before it is sent again."


class UpstreamInvalid(GatewayError):
    code, status = "upstream_invalid", 502
    text = "The target's answer is not valid HTTP, or ended early."
    action = "Find out whether the request took effect before it is sent again."


class LiveHostForbidden(GatewayError):
    code, status = "test_token_on_live_host", 403
    text = "A test token may not be sent to a live host."
    action = "Use a live product's token, or a host under test_hosts: in gateway.yaml."


class StandInForbidden(GatewayError):
    code, status = "live_token_on_test_host", 403
    text = "A live token may not be sent to a host that stands in for a partner's."
    action = "Use a test product's token with hosts under test_hosts: in gateway.yaml."


# --- what may be in it --------------------------------------------------------------------------


class HttpInvalid(GatewayError):
    code, status = "http_invalid", 400
    text = "The message is not valid HTTP/1.1, or uses a feature that is not allowed here."
    action = "Send one Host, one Content-Length or chunked body, no trailers, no Upgrade."


class HeadTooLarge(GatewayError):
    code, status = "head_too_large", 431
    text = "The message's head is larger than the limit."
    action = "Send fewer or shorter headers, or raise limits.head in gateway.yaml."


class BodyTooLarge(GatewayError):
    code, status = "body_too_large", 413
    text = "The message's body is larger than the limit, as sent or once decoded."
    action = "Send less at once, or raise limits.body in gateway.yaml."


class RequestTimeout(GatewayError):
    code, status = "request_timeout", 408
    text = "The request did not arrive in time."
    action = "Send it again, faster; limits.* in gateway.yaml says how long it may take."


class PullInFlight(GatewayError):
    code, status = "pull_in_flight", 429
    text = "A request for the same hotel is under way, and the partner takes one at a time."
    action = "Wait for its answer before you ask again."
    retry_after = 5


class ChannelRequestInvalid(GatewayError):
    """A channel's own protocol says more: see its subclass there."""

    code, status = "channel_request_invalid", 400
    text = "The request is not as the channel's protocol has it."
    action = "Compare it with the channel's page in docs/."


class CodingNotSupported(GatewayError):
    code, status = "coding_not_supported", 415
    text = "The Content-Encoding is unknown, stacked, duplicated, or does not fit the body."
    action = "Send gzip or no coding."


class LabelWrong(GatewayError):
    code, status = "label_wrong", 415
    text = "The Content-Type does not fit the format that the route's shape expects."
    action = "Send one Content-Type that names the body's real format."


class MessageMalformed(GatewayError):
    code, status = "message_malformed", 400
    text = "The body is not well-formed in the format that the route's shape expects."
    action = "Check the body with: card-gateway rules explain"


class MessageForbidden(GatewayError):
    """Well-formed, and still not acceptable: entities, duplicates, depth, odd encodings."""

    code, status = "message_forbidden", 400
    text = "The body uses a construct that could hide a card: DTD entities, duplicate keys, a comment inside a card field, excessive depth, an odd encoding."
    action = "Send the plain form of the message."


class MessageUnfit(GatewayError):
    """The document cannot be changed at the places that the shape names."""

    code, status = "message_unfit", 422
    text = "The body does not fit the route's shape, so the card's bytes could not be replaced."
    action = "Compare the message with the shape: card-gateway rules explain"


class CardDisguised(GatewayError):
    code, status = "card_disguised", 422
    text = "A card number stands where the gateway can not replace it."
    action = "Name the place in the route's shape."


# --- tokens and vault ---------------------------------------------------------------------------


class TokenUnknown(GatewayError):
    """Also for another product's token: the two must not be told apart."""

    code, status = "token_unknown", 422
    text = "The token does not exist, or does not belong to this product."
    action = "Use a token of this product, exactly as it was issued."


class NoSuchToken(TokenUnknown):
    """The same, of a token in the path of a call."""

    status = 404


class BookingUnknown(GatewayError):
    code, status = "booking_unknown", 404
    text = "The card has no such booking."
    action = "Look at its bookings: GET /v1/cards/{token}"


class CardExists(GatewayError):
    code, status = "card_exists", 409
    text = "The product has this card with that expiry already, under another token."
    action = "Add the card with that expiry to get the token, then forget this one."


class TokenMalformed(GatewayError):
    code, status = "token_malformed", 422
    text = "One half of the token is missing, or the two halves stand in different cards."
    action = "Send iduser and tokenuser together, or the alias."


class CardNotYetActive(GatewayError):
    code, status = "card_not_yet_active", 409
    text = "The virtual card can not be charged before its activation date."
    action = "Charge it on or after the activation date."


class CvcUnavailable(GatewayError):
    code, status = "cvc_unavailable", 422
    text = "This charge needs a security code and none is held for the card."
    action = "Ask the guest for the code again."


class ExchangeUnknown(GatewayError):
    code, status = "exchange_unknown", 404
    text = "No answer is kept under this exchange id."
    action = "Run: card-gateway exchanges list"


class TokenNotIssued(GatewayError):
    """Of the processor's own token: it could not be asked, or its answer could not be understood."""

    code, status = "token_not_issued", 502
    text = "The processor issued no token for the card, so the request itself was not sent."
    action = "Send it again later: the request took no effect."


class CardRefused(GatewayError):
    """The processor's own words go to the caller instead of a problem: see stages/relayed.py."""

    code, status = "card_refused", 422
    text = "The processor refused the card, so the request itself was not sent."
    action = "Ask the guest for another card, or mend what the processor names."

    def __init__(self, retry_after: str | None = None) -> None:
        """`retry_after`: what the processor says of it, checked."""
        super().__init__()
        self.retry_after = retry_after


class AnswerRefused(GatewayError):
    code, status = "answer_refused", 409
    text = "The answer is in quarantine, because the gateway would not give it on."
    action = "Run: card-gateway exchanges show. When the cause is mended, replay it."


class AnswerNotRefused(GatewayError):
    code, status = "answer_not_refused", 409
    text = "Only an answer that was refused goes through the rules again, and only once."
    action = "Run: card-gateway exchanges show"


class AnswerOfAnother(GatewayError):
    code, status = "answer_of_another", 403
    text = "An answer is given to the client whose it is, and to nobody else."
    action = "Use a key of that client."


# --- a card that failed and is to be replaced ---------------------------------------------------


class EventMalformed(GatewayError):
    code, status = "event_malformed", 400
    text = "The notification lacks a field that is documented, or holds something else in it."
    action = "Compare it with docs/expedia-rapid.md."


class EventNotSupported(GatewayError):
    code, status = "event_not_supported", 422
    text = "The gateway takes no notifications of this type."
    action = "Subscribe this URL to itinerary.payment_verification.failure alone."


class RecaptureUnknown(GatewayError):
    """Also for another client's: the two must not be told apart."""

    code, status = "recapture_unknown", 404
    text = "There is no such recapture."
    action = "List those that there are: GET /v1/recaptures"


class RecaptureClosed(GatewayError):
    code, status = "recapture_closed", 409
    text = (
        "The recapture needs no card: one was taken, or the card failed again and another goes on."
    )
    action = "Look at its state, and at the recapture that it names as next."


class RecaptureInProgress(GatewayError):
    code, status = "recapture_in_progress", 409
    text = "A card is on its way for this recapture already."
    action = "Wait for its outcome."


class LinkUnknown(GatewayError):
    code, status = "link_unknown", 409
    text = "The booking showed no link for another card, or could not be retrieved."
    action = "Retrieve the booking through the gateway, then try again."


class LinkExpired(GatewayError):
    code, status = "link_expired", 410
    text = "The link that takes another card is over, or was used."
    action = "Retrieve the booking: if it still shows a link, try again with that one."


class VirtualCardExcluded(GatewayError):
    code, status = "virtual_card_excluded", 422
    text = "A virtual card can not replace a card that failed."
    action = "Use the traveller's own card."


class ContactRequired(GatewayError):
    code, status = "billing_contact_required", 422
    text = "The channel wants a billing contact with an address, and none is known."
    action = "Send billing_contact: given_name, family_name, address."


class CardIncomplete(GatewayError):
    code, status = "card_incomplete", 422
    text = "The card has no expiry, and the channel takes none without."
    action = "Ask the guest for the card again."


class CardNotKept(GatewayError):
    code, status = "card_not_kept", 422
    text = "The card's number is no card number, or its product does not take it."
    action = "Check the number; a live product takes no published test numbers."

    def __init__(self, errors: Sequence[Mapping[str, str]] = ()) -> None:
        """`errors`: why, in words of ours."""
        super().__init__()
        self.errors = errors


class ChangeRefused(GatewayError):
    """`types`: what the channel called it, in its own fixed words."""

    code, status = "change_refused", 422
    text = "The channel did not take the new card as it was sent."
    action = "The channel's own words are under errors; the recapture is still open."

    def __init__(self, types: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.types = types


class VaultUnavailable(GatewayError):
    code, status, upstream_status = "vault_unavailable", 503, 503
    text = "The vault can not be reached or is sealed, so nothing was forwarded."
    action = "Try again later."


class VaultBusy(VaultUnavailable):
    """Somebody else holds the database: the next try would wait as long again."""


class RecordDamaged(GatewayError):
    """A ciphertext that does not open: flipped, truncated, moved, or under another key."""

    code, status, upstream_status = "record_damaged", 500, 500
    text = "A stored record could not be opened."
    action = "Run: card-gateway vault verify"


class ClientGone(GatewayError):
    """Nobody is left to answer. For the record only: metrics, audit, log."""

    code, status = "client_gone", 499
    text = "The caller closed its connection before the answer was complete."
    action = "Find out whether the request took effect before it is sent again."


class Stopping(GatewayError):
    code, status = "stopping", 503
    text = "The gateway is shutting down."
    action = "Try again in a few seconds."


class InternalError(GatewayError):
    """What the boundary's guard turns every unforeseen exception into."""


class ConfigurationError(Exception):
    """gateway.yaml or a pack is wrong. Holds every problem found, each with its place."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class Problem:
    """One mistake in a YAML file: `file:line: message`, and what to do about it."""

    __slots__ = ("file", "hint", "line", "message")

    def __init__(self, file: str, line: int, message: str, hint: str = "") -> None:
        self.file, self.line, self.message, self.hint = file, line, message, hint

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.message}" + (f"\n    {self.hint}" if self.hint else "")
