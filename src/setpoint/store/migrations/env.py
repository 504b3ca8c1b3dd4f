"""What Alembic runs: it migrates over the connection it is handed, inside that connection's transaction."""

from __future__ import annotations

from alembic import context

from setpoint.store.schema import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=False,
)
context.run_migrations()
