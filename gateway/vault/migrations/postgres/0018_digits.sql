-- Tokens that have the form of a card's number. See SQLite's migration of this number.

CREATE TABLE digit_token (
    iduser bigint PRIMARY KEY REFERENCES card (iduser) ON DELETE CASCADE,
    hash bytea NOT NULL,    -- HMAC(product, mode, digits)
    sealed bytea NOT NULL   -- the digits
);

CREATE UNIQUE INDEX digit_token_hash ON digit_token (hash);
