-- Which cards of a kept answer got no token: their places in the message and a stable code, never card
-- data. A gateway of version 4 that still runs adds answers without, and opens all that have none.

ALTER TABLE answer ADD COLUMN failed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE answer ADD COLUMN failures TEXT NOT NULL DEFAULT '[]';

CREATE INDEX answer_failed ON answer (at) WHERE failed > 0;
