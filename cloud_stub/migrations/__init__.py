"""The tables' history, one file a step: what alembic applies (see schema.py)."""
