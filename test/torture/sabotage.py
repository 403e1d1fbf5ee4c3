"""Damage on purpose, each undone again: proof that the checks of a round can fail."""

from journal import Violation
from outcome import PARTS

COPY_EVENT = ("INSERT INTO billing.usage_events (customer_id, event_id, resource_type, quantity, occurred_at,"
              " received_at, era, bucket) SELECT customer_id, 'copy', resource_type, quantity, occurred_at,"
              " received_at, era, bucket FROM billing.usage_events WHERE reverses IS NULL LIMIT 1")
COPY_OUTBOX = ("INSERT INTO billing.outbox SELECT * FROM billing.outbox"
               " WHERE trace_id LIKE 'Settle %' AND type = 'InvoiceIssued' LIMIT 1")


def one(table, condition):
    """Picks one row of a table, which may be a partition."""
    return (f"billing.{table} WHERE (tableoid, ctid) = (SELECT tableoid, ctid FROM billing.{table}"
            f" WHERE {condition} LIMIT 1)")


# (kind of the journal, what happened to it, statement)
AGAINST_JOURNAL = (
    ("event", "is lost", "DELETE FROM " + one("usage_events", "reverses IS NULL")),
    ("event", "came twice", COPY_EVENT),
    ("correction", "is lost", "DELETE FROM " + one("usage_events", "reverses IS NOT NULL")),
    ("customer", "is as before", "UPDATE billing.customers SET net_days = 1 WHERE name = 'Customer 0-0'"),
    ("plan", "is lost", "DELETE FROM " + one("pricing_plans", "idempotency_key IS NOT NULL")),
    ("payment by key", "is lost", "DELETE FROM " + one("payments", "idempotency_key IS NOT NULL")),
    ("movement of a wallet", "is lost",
     "DELETE FROM " + one("ledger_transfers", "idempotency_key IS NOT NULL")),
    ("movement of a wallet", "is another's",
     "UPDATE billing.ledger_transfers SET idempotency_key = kind || idempotency_key"
     " WHERE kind = 'WALLET_CHARGE'"),
    ("hold", "is lost", "DELETE FROM " + one("wallet_holds", "true")),
    ("release", "is lost", "UPDATE billing.wallet_holds SET release_key = NULL WHERE release_key IS NOT NULL"),
    ("order", "is lost", "DELETE FROM " + one("orders", "true")),
    ("refund", "is lost", "DELETE FROM " + one("refunds", "true")),
    ("credit", "is lost", "DELETE FROM " + one("credits", "idempotency_key IS NOT NULL")),
    ("application of credits", "is lost",
     "DELETE FROM " + one("credit_applications", "idempotency_key IS NOT NULL")),
    ("invoice", "is lost", "DELETE FROM " + one("invoice_headers", "true")),
    ("invoice by call", "came twice", COPY_OUTBOX),
    ("event of an invoice", "came twice", COPY_OUTBOX),
    ("event of an invoice", "is not audited", "DELETE FROM " + one("audit_entries", "action = 'INVOICE_PAID'")),
    ("cancellation", "is lost", "DELETE FROM " + one("outbox", "type = 'InvoiceCancelled'")),
    ("overdue", "is lost", "DELETE FROM " + one("outbox", "type = 'InvoiceOverdue'")),
    ("job", "is not finished", "UPDATE billing.job_runs SET status = 'RUNNING' WHERE status = 'COMPLETED'"),
)

# (part of the outcome, what happened to it, statement)
AGAINST_OUTCOME = (
    ("invoices", "cost more", "UPDATE billing.invoice_lines SET net = net + 1 WHERE line_no = 1"),
    ("collections", "are further on", "UPDATE billing.collections SET step = 2, attempts = 2 WHERE status = 'ACTIVE'"),
    ("wallets", "are fuller", "UPDATE billing.wallets SET balance = balance + 1"),
    ("holds", "are open again",
     "UPDATE billing.wallet_holds SET status = 'OPEN', ended_at = NULL WHERE status = 'RELEASED'"),
    ("orders", "are cheaper", "UPDATE billing.orders SET total = total - 1, net = net - 1 WHERE status = 'PAID'"),
    ("payments of orders", "are lost", "DELETE FROM " + one("payments", "target_type = 'ORDER'")),
    ("refunds", "are other ones", "UPDATE billing.refunds SET destination = 'CREDIT' WHERE destination = 'WALLET'"),
    ("credits", "were greater",
     "UPDATE billing.credits SET granted = granted + 1 WHERE idempotency_key IS NOT NULL"),
    ("applications of credits", "have lost a use", "DELETE FROM " + one("credit_uses", "true")),
    ("credit notes", "are lost", "DELETE FROM " + one("credit_notes", "true")),
    ("ledger", "is short", "DELETE FROM " + one("ledger_transfers", "true")),
    ("numbers", "have a gap", "DELETE FROM " + one("document_numbers", "number = 2")),
    ("folded usage", "is doubled", "UPDATE billing.aggregated_usage SET quantity = 2 * quantity WHERE quantity > 0"),
    ("runs that are not completed", "are more", "UPDATE billing.settlement_runs SET status = 'PENDING'"),
)


def without_guards(ask):
    """Lets this transaction change and delete rows of any table, the digests of rows included."""
    for (statement,) in ask("SELECT DISTINCT format('ALTER TABLE %s DISABLE TRIGGER USER', tgrelid::regclass)"
                            " FROM pg_trigger WHERE NOT tgisinternal AND tgparentid = 0"):
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
    """The damages that nothing notices, or that there was nothing to damage for."""
    def journal_notices(kind):
        try:
            journal.check_kind(ask, kind)
        except Violation:
            return True
        return False

    def outcome_notices(part):
        return ask(PARTS[part]) != end[part]

    return [f"{subject} {what}" for damages, notices in ((AGAINST_JOURNAL, journal_notices),
                                                         (AGAINST_OUTCOME, outcome_notices))
            for subject, what, statement in damages
            if not damaged(ask, statement, lambda: notices(subject))]
