"""Who did what to which card, when, from where, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Action(StrEnum):
    """What was done, or about to be done, with a card, a kept answer or a key."""

    TOKENIZE = "tokenize"
    CARRY = "carry"  # a booking that came without its card gets the token that it had last
    DETOKENIZE = "detokenize"
    EXCHANGE = "exchange"  # our token, for the processor's own
    ISSUE = "issue"  # the card goes to a processor, which issues a token of its own for it
    REPLAY = "replay"  # a refused answer is opened, and runs through today's rules
    FETCH = "fetch"  # a kept answer is handed out once more
    ACKNOWLEDGE = "acknowledge"  # a client says that it has its answer
    SHOW = "show"  # all of a card but its number
    CHANGE = "change"  # the expiry
    FORGET = "forget"  # a card, or what ties it to a booking; the subject is the hash of that one
    PURGE = "purge"  # the same, because its time was over
    ERASE = "erase"  # the same, with all else that names the guest
    REDELIVER = "redeliver"  # what a client was told is sent once more
    BLOCK = "block"  # a client that tried too many unknown tokens
    CREDENTIALS = "credentials"  # what a product's processor asks of its callers is set
    CREDENTIALS_ERASE = "credentials_erase"
    CHARGE = "charge"  # a processor is asked for money
    CAPTURE = "capture"  # for what it holds
    CANCEL = "cancel"  # to hold it no more
    REFUND = "refund"  # to give it back
    LOOK = "look"  # what became of a charge
    COLLECT = "collect"  # a sum is to be collected, step after step; the subject is the collection
    STOP = "stop"  # a collection
    SETTLE = "settle"  # a client says what a person saw at the processor
    DISPUTE = "dispute"  # a client says that the guest contests a charge
    HOLD = "hold"  # a security code that a guest typed, for minutes
    LINK_CREATE = "link_create"  # a link to one of our pages; the exchange is its id
    LINK_USE = "link_use"  # its page did what it was for
    LINK_REVOKE = "link_revoke"
    REVEAL = "reveal"  # a card's number, to a viewer; the exchange is the link's id
    VIEWER_INVITE = "viewer_invite"
    VIEWER_CHOOSE = "viewer_choose"  # a secret code, by its own person
    VIEWER_CHANGE = "viewer_change"  # its secret code, with the one that it had
    VIEWER_CODE = "viewer_code"  # a secret code was tried
    VIEWER_LOCK = "viewer_lock"  # by another person, or by five wrong codes
    VIEWER_UNLOCK = "viewer_unlock"  # by another person
    VIEWER_RESET = "viewer_reset"  # by another person: a new code is to be chosen
    VIEWER_DISABLE = "viewer_disable"
    KEY_CREATE = "key_create"
    KEY_REVOKE = "key_revoke"
    IMPORT = "import"  # cards from another vault; the subject is the file's checksum
    IMPORT_KEY = "import_key"  # a key for such a file is made; the subject is its id
    IMPORT_KEY_ERASE = "import_key_erase"
    VAULT_MOVE = (
        "vault_move"  # to another place, which is the subject; the detail says how far it is
    )
    KEK_MOVE = "kek_move"  # the vault's keys are wrapped under another key-encryption key
    VAULT_KEY_CREATE = (
        "vault_key_create"  # of the keyring; the subject is its id, the detail its purpose
    )
    VAULT_KEY_ACTIVATE = "vault_key_activate"  # what is written from now on is under it
    VAULT_KEY_RETIRE = "vault_key_retire"  # nothing was left under it: it is erased
    VAULT_REWRAP = "vault_rewrap"  # every record is sealed under the keys in use
    BACKUP = "backup"  # the subject is the digest of its manifest
    RESTORE = (
        "restore"  # the same; the detail says what was done again of the audit of the lost vault
    )
    DRILL = "drill"  # a backup was restored for trial; the same
    CONFIG_LOAD = (
        "config_load"  # a gateway starts with this gateway.yaml; the subject is its digest
    )
    RULES_LOAD = "rules_load"  # packs and processors are about to be in force, all of them
    RULES_CHANGE = "rules_change"  # of one file of them; the route is its name
    DESTINATION_CHANGE = "destination_change"  # of a route, or a processor: where its requests go
    DRIFT_ACCEPT = (
        "drift_accept"  # what a route's messages held is forgotten: no alert tells that it changed
    )
    AUDIT_PURGE = "audit_purge"  # the oldest entries; the subject is the last of them


class Outcome(StrEnum):
    """How far it came. An `INTENT` row is durable before a card is put in or an answer is opened;
    another row ends it."""

    INTENT = "intent"
    DONE = "done"
    FAILED = "failed"  # of a card that was to be put in: it has certainly not left
    UNKNOWN = "unknown"  # the card has left, and no answer that could be accepted came back
    REFUSED = "refused"


ITSELF = "gateway"  # the origin of what a gateway does because its time has come
COMMAND_LINE = "command line"  # begins the origin of what somebody does at one: `system_user`
FROM_FILES = "file"  # the origin of what a running gateway takes from files that were saved


@dataclass(frozen=True, slots=True)
class Entry:
    """One audit row. Holds no card data: cards are named by `iduser`, which is not secret."""

    at: datetime  # UTC
    exchange: str
    action: Action
    outcome: Outcome
    client: str = ""  # the client's name, or the caller's of a push
    key: str = ""  # the key's id, never the key; the viewer's whose secret code it was
    origin: str = ""  # the client's address
    route: str = ""
    product: str = ""
    iduser: int | None = None
    booking: str = ""
    detail: str = ""  # a stable code, never free text
    subject: str = ""  # the id of what it is about, where that is no card: a viewer, a link
