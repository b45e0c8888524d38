-- What a product's processor asks of its callers: sealed, all of it replaced at once.

CREATE TABLE processor_credential (
    product TEXT NOT NULL,
    processor TEXT NOT NULL,
    names TEXT NOT NULL,         -- JSON: which there are
    sealed BLOB NOT NULL,
    set_at TEXT NOT NULL,
    set_by TEXT NOT NULL,        -- the gateway key's id
    PRIMARY KEY (product, processor)
) STRICT, WITHOUT ROWID;
