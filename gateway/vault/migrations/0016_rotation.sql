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
