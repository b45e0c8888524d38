-- Cards, their bookings, who did what, keys, refusals. Times are ISO 8601 in UTC.
-- No column can hold a security code; no column holds a card number, a name or a tokenuser in clear.

CREATE TABLE keyring (
    id INTEGER PRIMARY KEY CHECK (id BETWEEN 1 AND 4294967295),
    purpose TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'active', 'retiring')),
    wrapped BLOB NOT NULL,
    created TEXT NOT NULL
) STRICT;

-- Two active keys of one purpose would let two processes write under different ones.
CREATE UNIQUE INDEX keyring_active ON keyring (purpose) WHERE state = 'active';

-- iduser is no primary key: random keys would touch a page of the table for each new card.
CREATE TABLE card (
    id INTEGER PRIMARY KEY,
    product TEXT NOT NULL,
    test INTEGER NOT NULL CHECK (test IN (0, 1)),
    look_up BLOB NOT NULL UNIQUE,
    iduser INTEGER NOT NULL UNIQUE CHECK (iduser BETWEEN 1 AND 2147483647),
    tokenuser_hash BLOB NOT NULL,
    sealed BLOB NOT NULL,
    created TEXT NOT NULL
) STRICT;

CREATE TABLE link (
    id INTEGER PRIMARY KEY,
    iduser INTEGER NOT NULL REFERENCES card (iduser) ON DELETE CASCADE,
    booking_hash BLOB NOT NULL,
    system TEXT NOT NULL,
    hotel TEXT,
    sealed BLOB NOT NULL,
    departure TEXT,
    seen TEXT NOT NULL,
    UNIQUE (iduser, booking_hash)
) STRICT;

-- The PAN goes with its last link; a card that another booking still holds stays.
CREATE TRIGGER link_last AFTER DELETE ON link
WHEN NOT EXISTS (SELECT 1 FROM link WHERE iduser = OLD.iduser)
BEGIN
    DELETE FROM card WHERE iduser = OLD.iduser;
END;

-- Counting a million cards at each scrape would read the whole table. Whoever inserts cards adds
-- them here in the same transaction, once a message (a trigger would cost 4 µs a card).
CREATE TABLE card_count (
    product TEXT PRIMARY KEY,
    cards INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER card_gone AFTER DELETE ON card
BEGIN
    UPDATE card_count SET cards = cards - 1 WHERE product = OLD.product;
END;

CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    exchange TEXT NOT NULL,
    action TEXT NOT NULL,
    outcome TEXT NOT NULL,
    client TEXT NOT NULL,
    key TEXT NOT NULL,
    origin TEXT NOT NULL,
    route TEXT NOT NULL,
    product TEXT NOT NULL,
    iduser INTEGER,
    booking TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT;

CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'append only');
END;

CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'append only');
END;

CREATE TABLE api_key (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    client TEXT NOT NULL,
    hash BLOB NOT NULL,
    scopes TEXT NOT NULL,
    products TEXT NOT NULL,
    networks TEXT NOT NULL,
    created TEXT NOT NULL,
    expires TEXT,
    revoked TEXT,
    last_used TEXT
) STRICT;

CREATE TABLE refusal (
    client TEXT NOT NULL,
    listener TEXT NOT NULL,
    method TEXT NOT NULL,
    scheme TEXT NOT NULL,
    host TEXT NOT NULL,
    port INTEGER NOT NULL,
    path TEXT NOT NULL,
    code TEXT NOT NULL,
    count INTEGER NOT NULL,
    last TEXT NOT NULL,
    PRIMARY KEY (client, listener, method, scheme, host, port, path, code)
) STRICT;

-- What `check` writes to, so that readiness means that the vault can really write.
CREATE TABLE probe (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    at TEXT NOT NULL
) STRICT;
