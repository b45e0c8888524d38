"""What Prometheus scrapes. Labels come from rule names and fixed words only, never from input."""

from __future__ import annotations

from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

M = TypeVar("M", Counter, Histogram)

_PARTS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120)


class Children(dict[tuple[str, ...], M]):
    """What `labels()` gives, kept: finding it there takes longer than counting. Only for a metric
    that nothing is ever taken out of."""

    def __init__(self, metric: M) -> None:
        self._metric: M = metric

    def __missing__(self, labels: tuple[str, ...]) -> M:
        """The child of these labels, the first time that it is asked for."""
        child: M = self._metric.labels(*labels)
        self[labels] = child
        return child


class Metrics:
    """The gateway's instruments, in a registry of their own. Names are a contract (design.md)."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        prefix = "card_gateway_"
        self.exchanges = Counter(
            prefix + "exchanges_total",
            "Exchanges by route, by the phase in which they ended, and by outcome (a stable code).",
            ["route", "phase", "outcome"],
            registry=registry,
        )
        self.cards = Counter(
            prefix + "cards_total",
            "Cards by route, by what was done with them, and how it ended.",
            ["route", "action", "outcome"],
            registry=registry,
        )
        self.seconds = Histogram(
            prefix + "exchange_seconds",
            "Time of an exchange by part: upstream, vault, gateway (all but the other two).",
            ["route", "part"],
            buckets=_PARTS,
            registry=registry,
        )
        self.refused = Counter(
            prefix + "refused_total",
            "Refusals by their stable code.",
            ["reason"],
            registry=registry,
        )
        self.guard_findings = Counter(
            prefix + "guard_findings_total",
            "Card numbers outside every shape: masked, turned back into an alias, or refused.",
            ["route", "action"],
            registry=registry,
        )
        self.vault_seconds = Histogram(
            prefix + "vault_seconds",
            "Time of one vault call, by operation, for the whole batch.",
            ["operation"],
            buckets=_PARTS,
            registry=registry,
        )
        self.vault_cards = Gauge(
            prefix + "vault_cards", "Cards in the vault.", ["product"], registry=registry
        )
        self.cards_overdue = Gauge(
            prefix + "cards_overdue",
            "Cards that stand although their time, or that of one of their bookings, is over.",
            ["product"],
            registry=registry,
        )
        self.cards_purged = Gauge(
            prefix + "cards_purged_timestamp_seconds",
            "When this process last erased all that was due, and what the database's log held of it.",
            registry=registry,
        )
        self.departures_unbelieved = Gauge(
            prefix + "departures_unbelieved",
            "Bookings whose departure is so far ahead that it counts as none.",
            ["product"],
            registry=registry,
        )
        self.clock_leapt = Gauge(
            prefix + "clock_leapt",
            "1 while the machine's clock is ahead of where it was: nothing is erased by itself.",
            registry=registry,
        )
        self.answers = Gauge(
            prefix + "answers", "Answers that are kept, by state.", ["state"], registry=registry
        )
        self.answers_bytes = Gauge(
            prefix + "answers_bytes",
            "Bytes of the answers that are kept, sealed, by state.",
            ["state"],
            registry=registry,
        )
        self.answers_oldest = Gauge(
            prefix + "answers_oldest_timestamp_seconds",
            "When the oldest answer of a state was kept; without one there is no line.",
            ["state"],
            registry=registry,
        )
        self.notices = Counter(
            prefix + "notices_total",
            "Attempts to tell a client something: delivered, failed (tried again), given_up.",
            ["outcome"],
            registry=registry,
        )
        self.processor_calls = Counter(
            prefix + "processor_calls_total",
            "Operations that a processor was asked for, and how each ended.",
            ["processor", "operation", "outcome"],
            registry=registry,
        )
        self.sums_differ = Counter(
            prefix + "charge_sums_differ_total",
            "Answers of a processor that name another sum than it was asked for.",
            ["processor"],
            registry=registry,
        )
        self.charges_in_doubt = Gauge(
            prefix + "charges_in_doubt",
            "Charges of which nobody knows yet how what was asked last ended.",
            ["processor"],
            registry=registry,
        )
        self.charges_oldest = Gauge(
            prefix + "charges_in_doubt_oldest_timestamp_seconds",
            "When the oldest of them was sent; without one there is no line.",
            ["processor"],
            registry=registry,
        )
        self.route_messages = Counter(
            prefix + "route_messages_total",
            "Messages of a route that its rule looks into, by phase.",
            ["route", "phase"],
            registry=registry,
        )
        self.route_bookings = Counter(
            prefix + "route_bookings_total",
            "Bookings in them; where the shape names none, messages.",
            ["route", "phase"],
            registry=registry,
        )
        self.cards_expected = Gauge(
            prefix + "cards_per_booking_expected",
            "Cards for each booking, as in the weeks before.",
            ["route", "phase"],
            registry=registry,
        )
        self.cards_recent = Gauge(
            prefix + "cards_per_booking_recent",
            "Cards for each booking in the last day, or as long as it took to tell.",
            ["route", "phase"],
            registry=registry,
        )
        self.drift = Gauge(
            prefix + "drift",
            "1 while a route's messages are other than they were, by what changed.",
            ["route", "phase", "kind"],
            registry=registry,
        )
        self.rules_loaded = Gauge(
            prefix + "rules_loaded_timestamp_seconds",
            "When the rules in force were loaded.",
            registry=registry,
        )
        self.rules_failures = Counter(
            prefix + "rules_reload_failures_total",
            "Changed rules that were not taken because they have a mistake.",
            registry=registry,
        )
        self.not_after = Gauge(
            prefix + "not_after_timestamp_seconds",
            "When a certificate or key stops being valid.",
            ["what"],
            registry=registry,
        )
        self.vault_keys = Gauge(
            prefix + "vault_key_activated_timestamp_seconds",
            "Since when the vault's key for a purpose is used.",
            ["purpose"],
            registry=registry,
        )
        self.vault_sealed = Gauge(
            prefix + "vault_sealed",
            "1 while the vault's key-encryption key can not be had: everything is answered 503.",
            registry=registry,
        )
        self.audit_unwritable = Gauge(
            prefix + "audit_unwritable",
            "1 while a file or pipe that the audit goes to takes nothing: what it tells of is refused.",
            registry=registry,
        )
        self.audit_newest = Gauge(
            prefix + "audit_newest_entry",
            "The number of the audit's newest entry: what was cut off from it shows by this one, elsewhere.",
            registry=registry,
        )
        self.connections = Gauge(
            prefix + "connections", "Open client connections.", registry=registry
        )
        # What every exchange counts.
        self.exchanges_of = Children(self.exchanges)
        self.cards_of = Children(self.cards)
        self.seconds_of = Children(self.seconds)
        self.route_messages_of = Children(self.route_messages)
        self.route_bookings_of = Children(self.route_bookings)
        self.vault_seconds_of = Children(self.vault_seconds)
        self.build_info = Gauge(
            prefix + "build_info",
            "Always 1; the versions are labels.",
            ["version", "mitmproxy", "python"],
            registry=registry,
        )
