"""P27: what a large vault is asked for a few rows keeps nobody waiting."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

LARGE = ("tests/vault/test_vault_large.py",)

BREAKAGES = (
    Breakage(
        "read all links of a vault for a few of them",
        "P27",
        "gateway/vault/copied.py",
        """            f"WITH wanted ({', '.join(wanted)}) AS (%s) SELECT {', '.join(columns)}"
            f" FROM wanted CROSS JOIN {self.name} WHERE {' AND '.join(same)}"
""",
        """            f"SELECT {', '.join(columns)} FROM {self.name} WHERE {self._row} IN (%s)"
            f"{(wanted, same)[2:] or ''}"
""",
        LARGE,
    ),
    Breakage(
        "sort all links to find that none is past its time",
        "P27",
        "gateway/vault/retention.py",
        'FROM terms CROSS JOIN link CROSS JOIN card"',
        'FROM terms CROSS JOIN link JOIN card"',
        LARGE,
    ),
    Breakage(
        "read all old entries of the audit to erase some",
        "P36",
        "gateway/vault/audits.py",
        "(SELECT min(id) FROM {oldest} WHERE at >= ?)",
        "(SELECT id FROM audit WHERE at >= ? ORDER BY id LIMIT 1)",
        LARGE,
    ),
)
