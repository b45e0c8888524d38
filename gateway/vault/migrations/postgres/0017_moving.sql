-- A vault that is copied, moved or restored. See SQLite's migration of this number.

ALTER TABLE keyring_version ADD COLUMN closed text COLLATE "C" NOT NULL DEFAULT ''
    CHECK (closed IN ('', 'closing', 'moving', 'moved', 'restoring', 'filling'));
ALTER TABLE keyring_version ADD COLUMN closed_by text COLLATE "C" NOT NULL DEFAULT '';
