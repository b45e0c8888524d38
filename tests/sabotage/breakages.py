"""All breakages, in the order of the properties."""

from __future__ import annotations

from tests.sabotage import (
    access,
    answers,
    audit,
    cards,
    charges,
    clear_data,
    collections,
    control,
    copying,
    importing,
    kek,
    messages,
    moving,
    operating,
    pages,
    processors,
    recapture,
    retention,
    rotation,
    vault,
    viewers,
    webhooks,
)
from tests.sabotage.breakage import Breakage

BREAKAGES: tuple[Breakage, ...] = (
    *clear_data.BREAKAGES,
    *messages.BREAKAGES,
    *moving.BREAKAGES,
    *vault.BREAKAGES,
    *kek.BREAKAGES,
    *rotation.BREAKAGES,
    *copying.BREAKAGES,
    *importing.BREAKAGES,
    *answers.BREAKAGES,
    *access.BREAKAGES,
    *control.BREAKAGES,
    *cards.BREAKAGES,
    *retention.BREAKAGES,
    *charges.BREAKAGES,
    *collections.BREAKAGES,
    *operating.BREAKAGES,
    *audit.BREAKAGES,
    *recapture.BREAKAGES,
    *processors.BREAKAGES,
    *webhooks.BREAKAGES,
    *pages.BREAKAGES,
    *viewers.BREAKAGES,
)
