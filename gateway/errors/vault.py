"""Refusals: tokens, cards and answers that are kept, and the vault itself."""

from __future__ import annotations

from gateway.errors.base import GatewayError
from gateway.errors.configuration import ConfigurationError, Problem


class TokenUnknown(GatewayError):
    """Also for another product's token: the two must not be told apart."""

    code, status = "token_unknown", 422
    text = "The token does not exist, or does not belong to this product."
    action = "Use a token of this product, exactly as it was issued."


class NoSuchToken(TokenUnknown):
    """The same, of a token in the path of a call."""

    status = 404


class CardErased(GatewayError):
    """Only for who has all of a token that was ours: to others it is `token_unknown`."""

    code, status = "card_erased", 422
    text = "The card was erased because its time was over: its number is not here any more."
    action = "Ask the guest for a card. A charge that was made is given back all the same."


class CardGone(CardErased):
    """The same, of a token in the path of a call."""

    status = 410


class BookingUnknown(GatewayError):
    code, status = "booking_unknown", 404
    text = "The card has no such booking."
    action = "Look at its bookings: GET /v1/cards/{token}"


class CardExists(GatewayError):
    code, status = "card_exists", 409
    text = "The product has this card with that expiry already, under another token."
    action = "Add the card with that expiry to get the token, then forget this one."


class TokenBeingIssued(GatewayError):
    code, status = "token_being_issued", 409
    text = (
        "A processor is being asked for its own token for this card, with the expiry that it has."
    )
    action = "Send the change again when Retry-After says."
    retry_after = 5


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


class VaultUnavailable(GatewayError):
    code, status, upstream_status = "vault_unavailable", 503, 503
    text = "The vault can not be reached or is sealed, so nothing was forwarded."
    action = "Try again later."


class VaultAway(VaultUnavailable):
    """The database's server does not answer whoever opens the vault: a start, or a command."""

    text = "The server of the vault's database does not answer."
    action = (
        "Is it up, and does vault.url name its address and port? What was tried is in the log: "
        "database_not_connected."
    )


class AuditUnwritable(VaultUnavailable):
    """A file or pipe that gets the audit, too, takes nothing: for readiness. What is to be done meanwhile
    is refused as by a vault that can not be written."""

    code = "audit_unwritable"
    text = "The audit can not be written to where it is to go besides the vault."
    action = "Look at the log: audit_not_writable says which file or pipe it is."


class AuditNotWritten(VaultUnavailable):
    """The same, of an entry that was to be written: what it tells of is not done."""

    text = (
        "The audit can not be written to where it is to go besides the vault, so nothing was done."
    )
    action = (
        "Try again later. Whoever runs the gateway finds in its log which file or pipe it is:"
        " audit_not_written."
    )


class VaultBusy(VaultUnavailable):
    """Somebody else holds the database: the next try would wait as long again."""


class BackupRefused(ConfigurationError):
    """A backup is not made, or not restored. For whoever runs the command: `place` is what it is about,
    `message` why, `hint` what to do; `code` names it in the audit.
    """

    def __init__(self, code: str, message: str, hint: str, place: str = "vault restore") -> None:
        super().__init__([Problem(place, 0, message, hint)])
        self.code = code


class VaultClosed(VaultUnavailable):
    """The vault takes nothing: it is being moved, was moved, or a restore has not been finished.

    For whoever operates the vault: `why` says which, and what to do.
    """

    code = "vault_closed"
    text = "The vault is closed, as when it is moved to another place, so nothing was forwarded."
    action = (
        "Try again later. Whoever runs the gateway finds the reason by: card-gateway vault status"
    )
    retry_after = 10

    def __init__(self, why: str = "") -> None:
        super().__init__()
        self.why = why


class VaultSealed(VaultUnavailable):
    """The key-encryption key can not be had, or is not this vault's. For whoever operates the vault:
    `provider` is who should give the key, `problem` says where, why and what to do; `again`: the same
    may go well later, without anybody doing anything.
    """

    code = "vault_sealed"
    text = "The vault is sealed: its key-encryption key can not be had, so nothing was forwarded."
    action = (
        "Try again later. Whoever runs the gateway finds the reason by: card-gateway vault status"
    )
    retry_after = 10

    def __init__(self, provider: str, problem: Problem, *, again: bool = False) -> None:
        super().__init__()
        self.provider, self.problem, self.again = provider, problem, again

    @classmethod
    def told(cls) -> VaultSealed:
        """The same for whoever calls the gateway: not a word of who has the key."""
        return cls("", Problem("", 0, ""))

    def __str__(self) -> str:
        return str(self.problem)


class RecordDamaged(GatewayError):
    """A ciphertext that does not open: flipped, truncated, moved, or under another key."""

    code, status, upstream_status = "record_damaged", 500, 500
    text = "A stored record could not be opened."
    action = "Run: card-gateway vault verify"
