-- Answers that are kept, held security codes, processors' own tokens. Sealed, each under its own key.

-- What an answer is found by. Text that a partner or a hotel names itself by; never card data.
CREATE TABLE answer (
    id INTEGER PRIMARY KEY,
    client TEXT NOT NULL,
    exchange TEXT NOT NULL,
    quarantined INTEGER NOT NULL CHECK (quarantined IN (0, 1)),
    state TEXT NOT NULL
        CHECK (state IN ('undelivered', 'delivered', 'acknowledged', 'refused', 'replayed')),
    code TEXT NOT NULL,
    -- Not beside `expires`: in the file the two would be one row of digits, which may look like a card.
    at TEXT NOT NULL,
    route TEXT NOT NULL,
    expires TEXT NOT NULL,
    products TEXT NOT NULL,
    hotels TEXT NOT NULL,
    echo TEXT,
    poll BLOB,
    size INTEGER NOT NULL,
    -- Clients may choose their ids: one client's never meets another's.
    UNIQUE (client, exchange),
    CHECK (quarantined OR state <> 'refused')
) STRICT;

CREATE INDEX answer_state ON answer (state, at, size);
CREATE INDEX answer_at ON answer (at);
CREATE INDEX answer_expires ON answer (expires);
CREATE INDEX answer_poll ON answer (poll) WHERE poll IS NOT NULL;
CREATE INDEX answer_echo ON answer (echo) WHERE echo IS NOT NULL;

-- Apart: SQLite writes a whole row again, megabytes of it, when one column of it changes.
CREATE TABLE answer_body (
    id INTEGER PRIMARY KEY REFERENCES answer (id) ON DELETE CASCADE,
    sealed BLOB NOT NULL
) STRICT;

-- One for each card at most. Taking it deletes it.
CREATE TABLE cvc (
    iduser INTEGER PRIMARY KEY REFERENCES card (iduser) ON DELETE CASCADE,
    at TEXT NOT NULL,
    sealed BLOB NOT NULL,  -- between two times, as above
    until TEXT NOT NULL
) STRICT;

CREATE INDEX cvc_until ON cvc (until);

CREATE TABLE foreign_token (
    iduser INTEGER NOT NULL REFERENCES card (iduser) ON DELETE CASCADE,
    processor TEXT NOT NULL,
    sealed BLOB NOT NULL,
    created TEXT NOT NULL,
    PRIMARY KEY (iduser, processor)
) STRICT;
