"""Auto-reload: texts that are bought when few are left."""

from __future__ import annotations

from uuid import UUID


def notice(business_id: UUID) -> None:
    """Fewer are left than auto-reload is to begin at. Called in the debit's transaction, for every such text."""
