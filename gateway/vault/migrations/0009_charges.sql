-- Charges: what each is found by, how far it came, and its history. Never card data: a card is named
-- by its iduser. The token, the booking, billing fields and the challenge are sealed.

CREATE TABLE charge (
    number INTEGER PRIMARY KEY,  -- their order
    id TEXT NOT NULL UNIQUE,
    client TEXT NOT NULL,
    product TEXT NOT NULL,
    test INTEGER NOT NULL CHECK (test IN (0, 1)),
    iduser INTEGER NOT NULL,     -- no foreign key: the register outlives the card
    booking BLOB NOT NULL,       -- HMAC(system, hotel, booking id); empty: none
    reference TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    currency TEXT NOT NULL,
    initiator TEXT NOT NULL,
    exemption TEXT,
    capture_now INTEGER NOT NULL CHECK (capture_now IN (0, 1)),
    processor TEXT NOT NULL,
    created TEXT NOT NULL,
    changed TEXT NOT NULL,
    state TEXT NOT NULL
        CHECK (state IN ('pending', 'challenged', 'authorized', 'succeeded', 'declined', 'expired',
                         'cancelled', 'refunded', 'disputed', 'unknown')),
    processor_id TEXT,
    has_network_id INTEGER NOT NULL CHECK (has_network_id IN (0, 1)),
    captured INTEGER NOT NULL CHECK (captured BETWEEN 0 AND amount),
    refunded INTEGER NOT NULL CHECK (refunded BETWEEN 0 AND captured),
    operation TEXT,              -- asked last, while its outcome is not known
    asked INTEGER NOT NULL,
    before TEXT,
    attempt INTEGER NOT NULL,
    sent TEXT,
    lease TEXT,                  -- until when someone waits for the answer
    challenge_ends TEXT,
    look_due TEXT,
    look_tries INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    -- The processor files it under this, and it finds a charge that no answer came for.
    UNIQUE (product, reference)
) STRICT;

CREATE INDEX charge_card ON charge (iduser);
CREATE INDEX charge_booking ON charge (booking);
CREATE INDEX charge_created ON charge (created);
CREATE INDEX charge_look ON charge (look_due) WHERE look_due IS NOT NULL;

CREATE TABLE charge_event (
    number INTEGER PRIMARY KEY,
    charge INTEGER NOT NULL REFERENCES charge (number),
    at TEXT NOT NULL,
    before TEXT,
    state TEXT NOT NULL,
    operation TEXT NOT NULL,
    amount INTEGER NOT NULL,
    actor TEXT NOT NULL,
    code TEXT,
    decline TEXT
) STRICT;

CREATE INDEX charge_event_charge ON charge_event (charge);

CREATE TRIGGER charge_event_stays BEFORE UPDATE ON charge_event
BEGIN
    SELECT RAISE(ABORT, 'history is not rewritten');
END;

CREATE TRIGGER charge_event_remains BEFORE DELETE ON charge_event
BEGIN
    SELECT RAISE(ABORT, 'history is not rewritten');
END;

-- Some processors take a card for a booking once.
CREATE TABLE charge_consumed (
    iduser INTEGER NOT NULL REFERENCES card (iduser) ON DELETE CASCADE,
    booking BLOB NOT NULL,
    processor TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (iduser, booking, processor)
) STRICT, WITHOUT ROWID;
