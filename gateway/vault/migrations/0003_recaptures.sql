-- Cards that failed at a channel and are to be replaced, and which purposes ever got a key.

-- A purpose gets its key once. Without this a keyring that lost one would look like one of a version
-- that had no such purpose yet, and would get a new key that opens nothing of what is there.
CREATE TABLE keyring_made (
    purpose TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

INSERT INTO keyring_made SELECT DISTINCT purpose FROM keyring;

-- Version 2 made its four together: one of them that is gone was lost.
INSERT OR IGNORE INTO keyring_made
SELECT column1 FROM (VALUES ('spool'), ('quarantine'), ('cvc'), ('foreign'))
WHERE EXISTS (SELECT 1 FROM keyring WHERE purpose IN ('spool', 'quarantine', 'cvc', 'foreign'));

INSERT OR IGNORE INTO keyring_made
SELECT column1 FROM (VALUES ('data'), ('look_up'), ('tokenuser'), ('booking'))
WHERE EXISTS (SELECT 1 FROM keyring);

CREATE TRIGGER keyring_making AFTER INSERT ON keyring
BEGIN
    INSERT OR IGNORE INTO keyring_made VALUES (NEW.purpose);
END;

-- What a recapture is found by, and its clocks: ids of the partner's, never card data. Its link, the
-- guest's address and the partner's notification are sealed.
CREATE TABLE recapture (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    client TEXT NOT NULL,
    system TEXT NOT NULL,
    itinerary TEXT NOT NULL,
    event_id TEXT,
    state TEXT NOT NULL
        CHECK (state IN ('pending', 'sending', 'unknown', 'completed', 'superseded')),
    created TEXT NOT NULL,
    changed TEXT NOT NULL,
    failed TEXT NOT NULL,
    link_expires TEXT NOT NULL,
    link_ends TEXT NOT NULL,
    may_cancel TEXT NOT NULL,
    has_link INTEGER NOT NULL CHECK (has_link IN (0, 1)),
    successor TEXT,
    told TEXT,
    tell_due TEXT,
    tell_tries INTEGER NOT NULL,
    look_due TEXT,
    look_tries INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    UNIQUE (client, system, event_id)
) STRICT;

-- One at a time needs a card.
CREATE UNIQUE INDEX recapture_current ON recapture (client, system, itinerary)
WHERE state <> 'superseded';
CREATE INDEX recapture_tell ON recapture (tell_due) WHERE tell_due IS NOT NULL;
CREATE INDEX recapture_look ON recapture (look_due) WHERE look_due IS NOT NULL;
CREATE INDEX recapture_changed ON recapture (changed);
