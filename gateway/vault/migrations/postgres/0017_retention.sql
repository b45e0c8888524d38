-- What is kept, how long. See SQLite's migration of this number.

CREATE INDEX link_departure ON link (departure) WHERE departure IS NOT NULL;
CREATE INDEX link_undated ON link (seen) WHERE departure IS NULL;

CREATE TABLE stub (
    iduser bigint PRIMARY KEY,
    product text COLLATE "C" NOT NULL,
    test bigint NOT NULL CHECK (test IN (0, 1)),
    tokenuser_hash bytea NOT NULL,
    erased text COLLATE "C" NOT NULL,
    sealed bytea NOT NULL
);

CREATE INDEX stub_erased ON stub (product, erased);

CREATE TABLE stub_booking (
    iduser bigint NOT NULL,
    booking_hash bytea NOT NULL,
    product text COLLATE "C" NOT NULL,
    test bigint NOT NULL CHECK (test IN (0, 1)),
    erased text COLLATE "C" NOT NULL,
    sealed bytea NOT NULL,
    PRIMARY KEY (iduser, booking_hash)
);

CREATE INDEX stub_booking_erased ON stub_booking (product, erased);
CREATE INDEX stub_booking_of ON stub_booking (booking_hash);
