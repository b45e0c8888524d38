-- What each route's messages held, hour by hour. See SQLite's migration of this number.

CREATE TABLE route_hour (
    route text COLLATE "C" NOT NULL,
    hour text COLLATE "C" NOT NULL,
    phase text COLLATE "C" NOT NULL CHECK (phase IN ('request', 'response')),
    messages bigint NOT NULL,
    bookings bigint NOT NULL,
    with_card bigint NOT NULL,
    cards bigint NOT NULL,
    left_alone bigint NOT NULL,
    failed bigint NOT NULL,
    refused bigint NOT NULL,
    outside bigint NOT NULL,
    PRIMARY KEY (route, hour, phase)
);
