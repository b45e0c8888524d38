-- Who is asking a processor for its own token now. Of several processes on this store one asks: its row
-- is committed before the card leaves, and goes in the transaction that keeps what was issued.

CREATE TABLE issuing (
    iduser INTEGER NOT NULL REFERENCES card (iduser) ON DELETE CASCADE,
    processor TEXT NOT NULL,
    claim TEXT NOT NULL,
    until TEXT NOT NULL,  -- whoever asks and dies is waited for no longer
    PRIMARY KEY (iduser, processor)
) STRICT;
