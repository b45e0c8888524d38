-- The audit's chain. Rows from before have no place in it; nor has what a gateway of version 14 writes
-- that still runs. How hashes are made: gateway/vault/chain.py.

ALTER TABLE audit ADD COLUMN writer INTEGER;  -- the anchor that this process began with
ALTER TABLE audit ADD COLUMN seq INTEGER;     -- 1, 2, 3 … of that writer
ALTER TABLE audit ADD COLUMN hash BLOB;

CREATE UNIQUE INDEX audit_chain ON audit (writer, seq) WHERE writer IS NOT NULL;

-- What holds the chains together: each process's start names how far the others had come, each purge
-- where their chains go on. Few rows, in a chain of their own, kept for good.
CREATE TABLE audit_anchor (
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    newest INTEGER NOT NULL,  -- the entry's id at that time
    through INTEGER,        -- a purge: entries up to this one are gone
    heads TEXT NOT NULL,    -- JSON: [writer, seq, hash] of each
    hash BLOB NOT NULL
) STRICT;

CREATE TRIGGER audit_anchor_no_update BEFORE UPDATE ON audit_anchor
BEGIN
    SELECT RAISE(ABORT, 'append only');
END;

CREATE TRIGGER audit_anchor_no_delete BEFORE DELETE ON audit_anchor
BEGIN
    SELECT RAISE(ABORT, 'append only');
END;

-- Twelve months stay (366 days: a leap year's too). Nothing goes that no anchor says is gone.
CREATE TRIGGER audit_anchor_kept BEFORE INSERT ON audit_anchor
WHEN NEW.through IS NOT NULL AND EXISTS (
    SELECT 1 FROM audit
    WHERE id <= NEW.through AND at >= strftime('%Y-%m-%dT%H:%M:%S', 'now', '-366 days')
)
BEGIN
    SELECT RAISE(ABORT, 'kept for twelve months');
END;

DROP TRIGGER audit_no_delete;

CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
WHEN OLD.id > (SELECT coalesce(max(through), 0) FROM audit_anchor)
BEGIN
    SELECT RAISE(ABORT, 'append only');
END;
