-- Tokens that have the form of a card's number: gateway/cards/digits.py. One card has one, if any.
-- How hashes are made: gateway/vault/digits.py.

CREATE TABLE digit_token (
    iduser INTEGER PRIMARY KEY REFERENCES card (iduser) ON DELETE CASCADE,
    hash BLOB NOT NULL,     -- HMAC(product, mode, digits)
    sealed BLOB NOT NULL    -- the digits
) STRICT;

CREATE UNIQUE INDEX digit_token_hash ON digit_token (hash);
