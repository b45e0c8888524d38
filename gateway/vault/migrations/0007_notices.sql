-- What clients with a webhook are told: whom, about what, and how far it came. What is told is sealed,
-- and holds no card data.

CREATE TABLE notice (
    number INTEGER PRIMARY KEY,  -- their order
    id TEXT NOT NULL UNIQUE,
    client TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    product TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'sending', 'delivered', 'given_up')),
    created TEXT NOT NULL,
    changed TEXT NOT NULL,
    due TEXT CHECK ((due IS NOT NULL) = (state IN ('waiting', 'sending'))),
    tries INTEGER NOT NULL,
    code TEXT NOT NULL,  -- why the last attempt failed
    sealed BLOB NOT NULL
) STRICT;

CREATE INDEX notice_due ON notice (client, due) WHERE due IS NOT NULL;
CREATE INDEX notice_open ON notice (client, subject, number) WHERE due IS NOT NULL;
CREATE INDEX notice_changed ON notice (changed);
