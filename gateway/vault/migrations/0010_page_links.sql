-- Links to our own pages. The secret in a link's URL is kept as a hash; what the page is for is sealed.

CREATE TABLE page_link (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('capture', 'reveal', 'challenge', 'setup', 'approve')),
    client TEXT NOT NULL,
    product TEXT NOT NULL,
    language TEXT,
    state TEXT NOT NULL CHECK (state IN ('open', 'used', 'revoked')),
    created TEXT NOT NULL,
    expires TEXT NOT NULL,
    changed TEXT NOT NULL,
    sealed BLOB NOT NULL,
    secret BLOB NOT NULL UNIQUE  -- SHA-256 of a secret of 192 random bits
) STRICT;

CREATE INDEX page_link_expires ON page_link (expires);
