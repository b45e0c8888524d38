-- Collections: a sum that is to be collected, step after step, and how far each came. Never card data:
-- the token, the booking, the guest's fields and the URL of an open link are sealed.

CREATE TABLE collection (
    number INTEGER PRIMARY KEY,  -- their order
    id TEXT NOT NULL UNIQUE,
    client TEXT NOT NULL,
    key TEXT NOT NULL,           -- the id of the gateway key that began it
    product TEXT NOT NULL,
    test INTEGER NOT NULL CHECK (test IN (0, 1)),
    iduser INTEGER NOT NULL,     -- no foreign key: it outlives the card
    booking BLOB NOT NULL,       -- HMAC(system, hotel, booking id); empty: none
    reference TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    currency TEXT NOT NULL,
    initiator TEXT NOT NULL,
    exemption TEXT,
    language TEXT,
    link_hours INTEGER,          -- NULL: no payment link is wanted
    recapture_hours INTEGER,     -- NULL: no recapture is
    until TEXT,
    created TEXT NOT NULL,
    changed TEXT NOT NULL,
    state TEXT NOT NULL
        CHECK (state IN ('waiting', 'charging', 'payment_link', 'recapture', 'succeeded', 'failed',
                         'stopped', 'expired')),
    step TEXT NOT NULL CHECK (step IN ('charge', 'payment_link', 'recapture')),
    step_ends TEXT,
    not_before TEXT NOT NULL,
    charges INTEGER NOT NULL,    -- how many references were used
    tries INTEGER NOT NULL,      -- how many of them in this step
    collected INTEGER NOT NULL,
    stop_asked TEXT,
    link TEXT,                   -- the id of the link that a guest has
    recapture TEXT,              -- of the newest recapture that a link was made for
    due TEXT,
    sealed BLOB NOT NULL,
    UNIQUE (product, reference)
) STRICT;

CREATE INDEX collection_booking ON collection (booking);
CREATE INDEX collection_due ON collection (due) WHERE due IS NOT NULL;
CREATE INDEX collection_link ON collection (link) WHERE link IS NOT NULL;

CREATE TABLE collection_charge (
    charge TEXT PRIMARY KEY,     -- the charge's id
    collection INTEGER NOT NULL REFERENCES collection (number)
) STRICT;

CREATE INDEX collection_charge_of ON collection_charge (collection);

CREATE TABLE collection_event (
    number INTEGER PRIMARY KEY,
    collection INTEGER NOT NULL REFERENCES collection (number),
    at TEXT NOT NULL,
    before TEXT,
    state TEXT NOT NULL,
    step TEXT NOT NULL,
    actor TEXT NOT NULL,
    code TEXT,
    charge TEXT,
    link TEXT,
    recapture TEXT
) STRICT;

CREATE INDEX collection_event_of ON collection_event (collection);

CREATE TRIGGER collection_event_stays BEFORE UPDATE ON collection_event
BEGIN
    SELECT RAISE(ABORT, 'history is not rewritten');
END;

CREATE TRIGGER collection_event_remains BEFORE DELETE ON collection_event
BEGIN
    SELECT RAISE(ABORT, 'history is not rewritten');
END;

-- What a collection waits for makes it due, in the transaction that changes it, whoever does: a process
-- that is killed right after has lost nothing. Money that moved late counts for one that is over, too.
CREATE TRIGGER collection_sees_charge AFTER UPDATE ON charge
WHEN new.state <> old.state OR new.captured <> old.captured OR new.refunded <> old.refunded
    OR new.operation IS NOT old.operation
BEGIN
    UPDATE collection SET due = new.created
    WHERE number IN (SELECT collection FROM collection_charge WHERE charge = new.id);
END;

CREATE TRIGGER collection_sees_link AFTER UPDATE OF state ON page_link WHEN new.state <> old.state
BEGIN
    UPDATE collection SET due = new.created WHERE link = new.id AND due IS NOT NULL;
END;
