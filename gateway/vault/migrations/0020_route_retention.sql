-- How long a route keeps what it brings, where that is less than its product's: days after the departure, and
-- after the link was seen last where none is known, as `14/30`; what it does not say is left out. Empty: as the
-- product says. Days and no date: a departure that changes counts at once.
ALTER TABLE link ADD COLUMN retention TEXT NOT NULL DEFAULT '';

CREATE INDEX link_retention ON link (retention) WHERE retention <> '';
