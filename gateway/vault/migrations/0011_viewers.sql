-- Who may look at a property's cards. The hash of a secret code and the secret of its one-time
-- passwords are sealed together; nothing here is card data.
CREATE TABLE viewer (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    product TEXT NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('invited', 'active', 'locked', 'disabled')),
    role TEXT NOT NULL CHECK (role IN ('masked', 'full')),
    may_copy INTEGER NOT NULL CHECK (may_copy IN (0, 1)),
    totp INTEGER NOT NULL CHECK (totp IN (0, 1)),
    tries INTEGER NOT NULL,      -- codes that were ever tried, counted before they are verified
    cleared INTEGER NOT NULL,    -- the last of them that was right; five since then lock
    totp_step INTEGER NOT NULL,  -- the last one-time password's: no older one counts
    created TEXT NOT NULL,
    changed TEXT NOT NULL,
    sealed BLOB
) STRICT;

-- A name tells viewers apart; whoever left has it no more.
CREATE UNIQUE INDEX viewer_name ON viewer (product, name) WHERE state <> 'disabled';

-- What an entry is about, where that is no card.
ALTER TABLE audit ADD COLUMN subject TEXT NOT NULL DEFAULT '';
