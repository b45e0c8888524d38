"""A server that does not answer whoever opens the vault: said so, with what to look at."""

from __future__ import annotations

import pytest

from gateway.errors import VaultAway, VaultUnavailable
from gateway.vault.postgres.database import PostgresDatabase
from gateway.vault.postgres.place import PostgresPlace
from tests.ports import free_port


@pytest.mark.postgres_alone
def test_a_server_that_does_not_answer_is_named_as_such(caplog):
    place = PostgresPlace(f"postgresql://card_gateway@127.0.0.1:{free_port()}/vault")
    with pytest.raises(VaultAway) as raised:
        PostgresDatabase(place, now="2026-01-01T00:00:00.000000Z", busy_seconds=0.3)
    error = raised.value
    assert isinstance(error, VaultUnavailable)
    assert (error.code, error.status) == ("vault_unavailable", 503)
    assert "vault.url" in error.action
    assert "database_not_connected" in caplog.text
