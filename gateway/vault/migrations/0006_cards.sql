-- What the control API's calls about cards need: cards of a booking, and requests that count once.

CREATE INDEX link_booking ON link (booking_hash);

-- A request that took effect, and what it was answered. Client, key and request are keyed hashes.
CREATE TABLE idempotent (
    id INTEGER PRIMARY KEY,
    asked BLOB NOT NULL UNIQUE,  -- HMAC(client, Idempotency-Key)
    request BLOB NOT NULL,       -- HMAC(client, Idempotency-Key, request)
    product TEXT NOT NULL,
    expires TEXT NOT NULL,
    sealed BLOB NOT NULL
) STRICT;

CREATE INDEX idempotent_expires ON idempotent (expires);
