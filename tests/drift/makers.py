"""Histories of a route, made as a test wants them."""

from __future__ import annotations

import math
import random

from gateway.exchange import new_id
from gateway.vault.route_hours import Flush, RouteHour, RouteHourTable

FIRST = 480_000  # an hour in 2024
ROUTE = "siteminder/pull"
Hours = list[RouteHour]
_HOURS = (0.3,) * 8 + (1.35,) * 16  # a hotel's night and day


def add(table: RouteHourTable, hours: Hours) -> None:
    """As a process does that adds once."""
    table.add(hours, Flush(new_id(), 1))


def hour(at: int, **numbers: int) -> RouteHour:
    return RouteHour(ROUTE, at, "response", **numbers)


def steady(days: int, *, bookings: int = 2, first: int = FIRST, **more: int) -> Hours:
    """Each hour a message with `bookings` bookings, each with a card, unless `more` says otherwise."""
    said = {"messages": 1, "bookings": bookings, "with_card": bookings, "cards": bookings} | more
    return [hour(first + n, **said) for n in range(days * 24)]


def poisson(random: random.Random, mean: float) -> int:
    """So many events where `mean` are usual."""
    limit, count, product = math.exp(-mean), 0, random.random()
    while product > limit:
        count, product = count + 1, product * random.random()
    return count


def quiet_hotel(random: random.Random, days: int) -> Hours:
    """What a small hotel has: a booking in three weeks, or ten a day; a season, weekends, nights; a share
    of bookings with a card that wanders; cards that fail and cards in remarks, now and then. Pushed, a
    message for each booking, or pulled every few hours.
    """
    a_day, share = math.exp(random.uniform(math.log(0.05), math.log(10))), random.uniform(0.2, 1)
    season, turn = random.uniform(0, 0.6), random.uniform(0, 2 * math.pi)
    fails, remarks = random.uniform(0, 0.03), random.uniform(0, 0.01)
    every = random.choice((0, 0, 0, 4, 6))  # 0: pushed
    found = []
    for day in range(days):
        mean = a_day * (1 + season * math.sin(turn + 2 * math.pi * day / 180))
        mean *= 0.6 if day % 7 > 4 else 1.15
        bookings = random.choices(range(24), _HOURS, k=poisson(random, mean))
        if every:
            bookings = [at // every * every for at in bookings]
        wandering = min(1, max(0, share + 0.08 * math.sin(turn + day / 15)))
        for at in range(0, 24, every) if every else sorted(set(bookings)):
            count = bookings.count(at)
            cards = sum(random.random() < wandering for _ in range(count))
            failed = sum(random.random() < fails for _ in range(cards))
            outside = sum(random.random() < remarks for _ in range(count))
            said = {"bookings": count, "with_card": cards, "cards": cards, "failed": failed}
            messages = 12 if every else count
            found.append(hour(FIRST + 24 * day + at, messages=messages, outside=outside, **said))
    return found
