-- Keys that are rotated: which keyring stands, who has read it, and what became of every key.

-- Another text with each change of the keyring. What a process holds in memory is what stands here, or
-- it reads the keyring anew before it writes.
CREATE TABLE keyring_version (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    version TEXT NOT NULL
) STRICT;

INSERT INTO keyring_version VALUES (1, '');

-- Each process that serves says which keyring it has loaded: no key is used before all have it.
CREATE TABLE keyring_reader (
    process TEXT PRIMARY KEY,
    version TEXT NOT NULL,
    seen TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What became of every key, for good: also of those whose row in the keyring is erased.
CREATE TABLE key_event (
    number INTEGER PRIMARY KEY,
    key INTEGER NOT NULL,
    purpose TEXT NOT NULL,
    event TEXT NOT NULL CHECK (event IN ('created', 'activated', 'retired')),
    at TEXT NOT NULL,
    actor TEXT NOT NULL,  -- empty: the gateway itself, with the vault
    UNIQUE (key, event)
) STRICT;

INSERT INTO key_event (key, purpose, event, at, actor)
SELECT id, purpose, 'created', created, '' FROM keyring ORDER BY id;

INSERT INTO key_event (key, purpose, event, at, actor)
SELECT id, purpose, 'activated', created, '' FROM keyring WHERE state = 'active' ORDER BY id;

CREATE TRIGGER key_event_stays BEFORE UPDATE ON key_event
BEGIN
    SELECT RAISE(ABORT, 'history is not rewritten');
END;

CREATE TRIGGER key_event_remains BEFORE DELETE ON key_event
BEGIN
    SELECT RAISE(ABORT, 'history is not rewritten');
END;

-- A card is filed under the look-up key that is active. Whoever does not know that key, as a gateway of
-- version 15 that still runs, would file a known card a second time, or under a key that is gone.
CREATE TRIGGER card_filed BEFORE INSERT ON card
WHEN hex(substr(NEW.look_up, 1, 4))
    <> (SELECT printf('%08X', id) FROM keyring WHERE purpose = 'look_up' AND state = 'active')
BEGIN
    SELECT RAISE(ABORT, 'not under the active look-up key');
END;

CREATE TRIGGER card_filed_anew BEFORE UPDATE OF look_up ON card
WHEN hex(substr(NEW.look_up, 1, 4))
    <> (SELECT printf('%08X', id) FROM keyring WHERE purpose = 'look_up' AND state = 'active')
BEGIN
    SELECT RAISE(ABORT, 'not under the active look-up key');
END;

-- What is kept, how long. A booking link goes so many days after its departure, or after it was seen
-- last; the card goes with its last one. What is due is found by these, not by a date of its own: a
-- departure that changes, or a product's other rule, counts from the next purge on.

CREATE INDEX link_departure ON link (departure) WHERE departure IS NOT NULL;
CREATE INDEX link_undated ON link (seen) WHERE departure IS NULL;

-- What stays of a card whose time was over: its mask and brand, sealed; nothing that the number could
-- be had or recognised from. Its token is still told from a made-up one.
CREATE TABLE stub (
    iduser INTEGER PRIMARY KEY,
    product TEXT NOT NULL,
    test INTEGER NOT NULL CHECK (test IN (0, 1)),
    tokenuser_hash BLOB NOT NULL,
    erased TEXT NOT NULL,
    sealed BLOB NOT NULL
) STRICT;

CREATE INDEX stub_erased ON stub (product, erased);

-- And of a link: which booking it was, sealed. No foreign key: a card may still have other links.
CREATE TABLE stub_booking (
    iduser INTEGER NOT NULL,
    booking_hash BLOB NOT NULL,
    product TEXT NOT NULL,
    test INTEGER NOT NULL CHECK (test IN (0, 1)),
    erased TEXT NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (iduser, booking_hash)
) STRICT;

CREATE INDEX stub_booking_erased ON stub_booking (product, erased);
CREATE INDEX stub_booking_of ON stub_booking (booking_hash);

-- Other vaults' tokens, which find a card of ours from now on, and the keys of the files they come in.
-- How hashes are made: gateway/vault/old_tokens.py.

-- No token stands here, sealed or not: only its hash under a key of the vault's.
CREATE TABLE old_token (
    hash BLOB PRIMARY KEY,  -- HMAC(product, mode, provider, token)
    iduser INTEGER NOT NULL REFERENCES card (iduser) ON DELETE CASCADE,
    bound BLOB NOT NULL,    -- HMAC(hash, iduser): a row that was changed by hand finds no card
    provider TEXT NOT NULL,
    created TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX old_token_card ON old_token (iduser);

CREATE TABLE import_key (
    id TEXT PRIMARY KEY,
    certificate TEXT NOT NULL,
    sealed BLOB NOT NULL,   -- the private key
    created TEXT NOT NULL
) STRICT, WITHOUT ROWID;
