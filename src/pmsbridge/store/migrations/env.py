"""What alembic runs: on the connection that the upgrade holds, or as SQL on paper."""

from __future__ import annotations

from alembic import context

from pmsbridge.store.installing import revisions

chosen = context.config.attributes
if context.is_offline_mode():
    context.configure(dialect_name=chosen["dialect"], version_table=revisions.name, literal_binds=True)
else:
    # The upgrade's own transaction is open: all steps are there together, or none is.
    context.configure(connection=chosen["connection"], version_table=revisions.name)
with context.begin_transaction():
    context.run_migrations()
