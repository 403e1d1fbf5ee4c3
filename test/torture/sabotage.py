"""Damage on purpose, each undone again: proof that the checks of a round can fail."""

from journal import Violation
from outcome import differences, outcome

COPY_EVENT = ("INSERT INTO billing.usage_events (customer_id, event_id, resource_type, quantity, occurred_at,"
              " received_at, era, bucket) SELECT customer_id, 'copy', resource_type, quantity, occurred_at,"
              " received_at, era, bucket FROM billing.usage_events WHERE reverses IS NULL LIMIT 1")
COPY_OUTBOX = "INSERT INTO billing.outbox SELECT * FROM billing.outbox WHERE type = 'InvoiceIssued' LIMIT 1"


def one(table, condition):
    """Picks one row of a table, which may be a partition."""
    return (f"billing.{table} WHERE (tableoid, ctid) = (SELECT tableoid, ctid FROM billing.{table}"
            f" WHERE {condition} LIMIT 1)")


# what -> statement; the journal has to notice
AGAINST_JOURNAL = {
    "an event is lost": "DELETE FROM " + one("usage_events", "reverses IS NULL"),
    "an event came twice": COPY_EVENT,
    "a correction is lost": "DELETE FROM " + one("usage_events", "reverses IS NOT NULL"),
    "a customer is as before": "UPDATE billing.customers SET net_days = 1 WHERE name = 'Customer 0-0'",
    "a plan is lost": "DELETE FROM " + one("pricing_plans", "idempotency_key IS NOT NULL"),
    "a payment is lost": "DELETE FROM " + one("payments", "idempotency_key IS NOT NULL"),
    "an invoice is lost": "DELETE FROM " + one("invoice_headers", "true"),
    "an event of the outbox came twice": COPY_OUTBOX,
    "a cancellation is lost": "DELETE FROM " + one("outbox", "type = 'InvoiceCancelled'"),
    "an audit entry is lost": "DELETE FROM " + one("audit_log", "action = 'INVOICE_PAID'"),
    "a job is not finished": "DELETE FROM " + one("job_runs", "status = 'COMPLETED'"),
}

# what -> statement; the comparison with the undisturbed round has to notice
AGAINST_OUTCOME = {
    "a line costs more": "UPDATE billing.invoice_lines SET net = net + 1 WHERE line_no = 1 AND (customer_id,"
                         " invoice_id) = (SELECT customer_id, invoice_id FROM billing.invoice_headers LIMIT 1)",
    "a posting is lost": "DELETE FROM " + one("ledger_transfers", "true"),
    "a number is missing": "DELETE FROM " + one("document_numbers", "number = 2"),
    "usage was folded twice": "UPDATE billing.aggregated_usage SET quantity = 2 * quantity WHERE quantity > 0",
    "a customer was not settled": "UPDATE billing.settlement_runs SET status = 'PENDING'",
}


def without_guards(ask):
    """Lets this transaction change tables that are append-only."""
    for (statement,) in ask("SELECT format('ALTER TABLE %s DISABLE TRIGGER USER', tgrelid::regclass)"
                            " FROM pg_trigger WHERE NOT tgisinternal AND tgparentid = 0"
                            " AND tgname = 'append_only'"):
        ask(statement)


def damaged(ask, statement, notices):
    ask("BEGIN")
    try:
        without_guards(ask)
        if ask(statement.rstrip() + " RETURNING 1") == []:
            return False
        return notices()
    finally:
        ask("ROLLBACK")


def unnoticed(ask, journal, end):
    """The names of the damages that nothing notices, or that there was nothing to damage for."""
    def journal_notices():
        try:
            journal.check(ask)
        except Violation:
            return True
        return False

    def outcome_notices():
        return differences(outcome(ask), end) != []

    return [name for damages, notices in ((AGAINST_JOURNAL, journal_notices),
                                          (AGAINST_OUTCOME, outcome_notices))
            for name, statement in damages.items() if not damaged(ask, statement, notices)]
