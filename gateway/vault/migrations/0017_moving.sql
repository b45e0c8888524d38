-- A vault that is copied, moved or restored.

-- Why it takes nothing now: 'closing' (what has begun may end, nothing begins), 'moving' (the last rows are on their way, reading goes on), 'moved' (it is
-- elsewhere by now), 'restoring' (what was erased since the backup may still be there), 'filling' (it is where
-- one is moved to, and not all is there). Empty: it is open.
-- Here, for every write reads this row anyhow.
ALTER TABLE keyring_version ADD COLUMN closed TEXT NOT NULL DEFAULT ''
    CHECK (closed IN ('', 'closing', 'moving', 'moved', 'restoring', 'filling'));

-- Which run of a command did: another one may have taken over since.
ALTER TABLE keyring_version ADD COLUMN closed_by TEXT NOT NULL DEFAULT '';

-- In a vault that came from PostgreSQL the ids of audit entries have gaps, and this is how far each writer
-- came. Empty: there are no gaps here, and an id that is missing was taken out.
CREATE TABLE audit_head (
    writer INTEGER PRIMARY KEY,
    seq INTEGER NOT NULL,
    id INTEGER NOT NULL,  -- of its newest entry
    hash BLOB NOT NULL
) STRICT;
