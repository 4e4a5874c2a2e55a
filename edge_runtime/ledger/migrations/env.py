"""Alembic's environment: the connection comes from `edge_runtime.ledger.store`, nothing from a file."""

from __future__ import annotations

from alembic import context

from edge_runtime.ledger.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    # The transaction that the store has begun holds the whole migration: all of it or nothing.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
