-- Which of its flushes each process that counts has added to `route_hour`: one whose commit nobody confirmed is made
-- again, and counts once. In letters, for the same reason as the hours.
CREATE TABLE route_writer (
    writer TEXT PRIMARY KEY,   -- drawn anew by each process
    flush INTEGER NOT NULL,    -- the last one
    hour TEXT NOT NULL         -- the newest that it added to
) STRICT, WITHOUT ROWID;
