"""What ``status`` says of the replication slot."""

from canvas_demo.kernel.migrate import SLOT
from canvas_demo.kernel.settings import Settings
from canvas_demo.kernel.slot import QUERIES, SlotState, slot_state


def read_slot(settings: Settings) -> SlotState | None:
    """How the slot does; None where the database does not answer, which the table of components says."""
    import psycopg
    from psycopg.rows import dict_row

    try:
        url = settings.database_url(settings.postgres_admin)
        with psycopg.connect(url, row_factory=dict_row, connect_timeout=2) as connection:
            row = connection.execute(QUERIES["slot"], [SLOT]).fetchone()
    except psycopg.OperationalError:
        return None
    return slot_state(row) if row else None
