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
