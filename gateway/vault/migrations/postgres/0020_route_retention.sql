-- How long a route keeps what it brings. See SQLite's migration of this number.
ALTER TABLE link ADD COLUMN retention text COLLATE "C" NOT NULL DEFAULT '';

CREATE INDEX link_retention ON link (retention) WHERE retention <> '';
