"""Alembic's scripts; `edge_runtime.ledger.store` runs them when a ledger is opened."""
