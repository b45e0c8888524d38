-- What each route's messages held, hour by hour: a partner that changes them is noticed by comparing (drift).
-- Numbers only. The hour is not beside a number: in the file the two would be one row of digits.
CREATE TABLE route_hour (
    route TEXT NOT NULL,
    hour TEXT NOT NULL,           -- 2026-03-01T12, in UTC
    phase TEXT NOT NULL CHECK (phase IN ('request', 'response')),
    messages INTEGER NOT NULL,
    bookings INTEGER NOT NULL,    -- where the shape says what a booking is; else each message is one
    with_card INTEGER NOT NULL,   -- of the bookings
    cards INTEGER NOT NULL,
    left_alone INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    refused INTEGER NOT NULL,     -- messages, for what they hold
    outside INTEGER NOT NULL,     -- messages with card-shaped digits outside of every shape
    PRIMARY KEY (route, hour, phase)
) STRICT, WITHOUT ROWID;
