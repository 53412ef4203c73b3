"""The exercise of 09, one organisation never sees another."""

import secrets
from collections.abc import Collection

from psycopg import sql

from canvas_demo.kernel.settings import MODULES
from canvas_demo.lab.api import Person
from canvas_demo.lab.exercises import Exercise
from canvas_demo.lab.session import Lab


def readable_in(lab: Lab, person: Person) -> Exercise:
    """Find the tables in which a person's words stand readable."""
    word = f"radish-{secrets.token_hex(4)}"
    canvas = person.create_canvas("Who can read this?")
    person.call("POST", f"/api/canvases/{canvas['id']}/items", json={"text": word, "x": 1, "y": 1})

    def solve() -> list[str]:
        tables = lab.sql("SELECT schemaname, tablename FROM pg_tables WHERE schemaname = ANY(%s)", [list(MODULES)])
        found = []
        for schema, table in tables.itertuples(index=False):
            query = sql.SQL("SELECT 1 FROM {} AS it WHERE it::text LIKE %s").format(sql.Identifier(schema, table))
            if not lab.database.frame(query, [f"%{word}%"]).empty:
                found.append(f"{schema}.{table}")
        return found

    def judge(answer: object) -> str:
        if not isinstance(answer, Collection) or isinstance(answer, str):
            return "the answer is a list of names of tables, each as schema.table."
        given, right = {str(each) for each in answer}, set(solve())
        if given - right:
            return f"{word} does not stand readable in {', '.join(sorted(given - right))}."
        return f"{len(right - given)} more." if right - given else ""

    return Exercise(
        question=(
            f"A note of {person.username} says {word!r}. In which tables of the modules does that stand readable? "
            "Assign a list of their names, each as schema.table, to `answer`."
        ),
        hints=(
            f"The modules' schemas bear their names: {', '.join(MODULES)}. pg_tables lists their tables.",
            "A whole row is a text too: SELECT 1 FROM canvases.canvas AS it WHERE it::text LIKE '%radish-…%'",
            "The state tables of the module that answers with it; the outbox holds it sealed.",
        ),
        judge=judge,
        solve=solve,
        praise=(
            "the state tables hold what they answer with. Against a stolen disk, encrypt the disk; events travel "
            "further than tables, and are kept for longer."
        ),
    )
