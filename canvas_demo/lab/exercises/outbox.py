"""The exercise of 01, the outbox."""

from canvas_demo.lab.exercises import Exercise
from canvas_demo.lab.scratch import Scratch

ORDER = 1001
WRITERS = """
SELECT placed_order.xmin::text::bigint AS order_by, outbox.xmin::text::bigint AS event_by
FROM placed_order JOIN outbox ON outbox.aggregate_id = placed_order.number::text
WHERE placed_order.number = %s AND outbox.event_type = 'OrderPlaced'
"""
ANEW = "Try again after scratch.sql('DELETE FROM placed_order') and scratch.sql('DELETE FROM outbox')."


def write_both(scratch: Scratch) -> Exercise:
    """Write a state row and its event so that no crash can part them."""

    def judge(answer: object) -> str:
        rows = scratch.sql(WRITERS, [ORDER])
        if rows.empty:
            return f"there is no order {ORDER} together with an OrderPlaced event of that aggregate_id."
        order_by, event_by = rows.iloc[0]
        if order_by != event_by:
            return (
                f"transaction {order_by} wrote the order, but {event_by} the event: a crash can come in between. {ANEW}"
            )
        return "" if answer == order_by else f"{answer!r} is not the transaction that wrote them."

    def solve() -> object:
        with scratch.transaction() as transaction:
            transaction.sql("DELETE FROM placed_order WHERE number = %s", [ORDER])  # of an earlier try
            transaction.sql("DELETE FROM outbox WHERE aggregate_id = %s", [str(ORDER)])
            transaction.sql("INSERT INTO placed_order VALUES (%s)", [ORDER])
            scratch.append(transaction, aggregate_id=str(ORDER), event_type="OrderPlaced")
        return transaction.id

    return Exercise(
        question=(
            f"Place order {ORDER}: a row in `placed_order`, and an event of the type OrderPlaced with aggregate_id "
            f"'{ORDER}' in the scratch outbox, so that there is no moment between them. Assign the id of the "
            "transaction that wrote them to `answer`."
        ),
        hints=(
            "scratch.transaction() opens a transaction; in a with block it is committed at the end.",
            "transaction.sql(…) writes the order; scratch.append(transaction, …) appends the event in it.",
            "The transaction's number is transaction.id.",
        ),
        judge=judge,
        solve=solve,
        praise="one transaction wrote both; whoever sees the order sees the event.",
    )
