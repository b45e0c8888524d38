-- Which of its flushes each process that counts has added. See SQLite's migration of this number.

CREATE TABLE route_writer (
    writer text COLLATE "C" PRIMARY KEY,
    flush bigint NOT NULL,
    hour text COLLATE "C" NOT NULL
);
