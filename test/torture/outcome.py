"""How a round ended: everything that must not depend on what was killed. Ids, numbers and times are
not in it, and of the numbers only that they have no gap."""

PARTS = {
    "customers": "SELECT c.customer_id, c.name, c.currency, c.zone, c.collection, c.net_days FROM"
                 " (SELECT *, time_zone AS zone FROM billing.customers) c ORDER BY 1",
    "plans": "SELECT p.name, p.customer_id, p.charges FROM billing.pricing_plans p ORDER BY 1, 2",
    "events": "SELECT e.customer_id, COALESCE(e.reverses, e.event_id), e.reverses IS NULL,"
              " e.resource_type, e.quantity, e.occurred_at FROM billing.usage_events e ORDER BY 1, 2, 3",
    "refused events": "SELECT r.customer_id, r.event_id, r.reason FROM billing.rejected_usage r"
                      " ORDER BY 1, 2, 3",
    "folded usage": "SELECT a.customer_id, a.day, a.resource_type, a.quantity, a.event_count"
                    " FROM billing.aggregated_usage a ORDER BY 1, 2, 3",
    "usage by month": "SELECT u.* FROM (SELECT array_agg(customer_id) FROM billing.customers) c(ids),"
                      " billing.usage_by_month(c.ids, '2026-01-01', '2027-01-01') u"
                      " WHERE u.resource_type IS NOT NULL ORDER BY 1, 2, 3",
    "invoices": "SELECT i.customer_id, i.period, i.status, i.currency, i.net, i.tax, i.total,"
                " i.applied_credit, i.amount_paid, i.amount_credited, i.amount_due, i.issued_on, i.due_at,"
                " i.replaces_invoice_id IS NOT NULL, (SELECT jsonb_agg(jsonb_build_array(l.kind, l.code,"
                " l.service_period, l.quantity, l.net, l.tax_code, l.tax) ORDER BY l.line_no)"
                " FROM billing.invoice_lines l WHERE l.customer_id = i.customer_id"
                " AND l.invoice_id = i.invoice_id) FROM billing.invoices i ORDER BY 1, 2, 3",
    "payments": "SELECT i.customer_id, i.period, p.status, p.amount, p.failure_code,"
                " p.idempotency_key, (SELECT count(*) FROM billing.payment_attempts a"
                " WHERE a.customer_id = p.customer_id AND a.payment_id = p.payment_id)"
                " FROM billing.payments p JOIN billing.invoices i ON i.customer_id = p.customer_id"
                " AND i.invoice_id = p.target_id ORDER BY 1, 2, 6 NULLS FIRST",
    "collections": "SELECT i.customer_id, i.period, c.status, c.attempts, c.step, c.last_failure_code"
                   " FROM billing.collections c JOIN billing.invoices i ON i.customer_id = c.customer_id"
                   " AND i.invoice_id = c.invoice_id ORDER BY 1, 2",
    "wallets": "SELECT w.customer_id, w.currency, w.balance, w.held, w.version FROM billing.wallets w"
               " ORDER BY 1, 2",
    "holds": "SELECT h.customer_id, h.amount, h.captured, h.status, h.idempotency_key, h.release_key"
             " FROM billing.wallet_holds h ORDER BY 1, 5",
    "orders": "SELECT o.customer_id, o.idempotency_key, o.total, o.net, o.tax, o.status, o.refunded,"
              " o.refunded_tax FROM billing.orders o ORDER BY 1, 2",
    "payments of orders": "SELECT p.customer_id, p.idempotency_key, p.method, p.status, p.amount"
                          " FROM billing.payments p WHERE p.target_type = 'ORDER' ORDER BY 1, 2",
    "refunds": "SELECT r.customer_id, r.idempotency_key, r.amount, r.tax, r.destination, r.status"
               " FROM billing.refunds r ORDER BY 1, 2",
    "credits": "SELECT c.customer_id, c.type, c.granted, c.balance, c.status FROM billing.credits c"
               " ORDER BY 1, 2, 3, 4",
    "applications of credits": "SELECT a.customer_id, a.idempotency_key, a.amount, (SELECT count(*)"
                               " FROM billing.credit_uses u WHERE u.customer_id = a.customer_id"
                               " AND u.application_id = a.application_id)"
                               " FROM billing.credit_applications a ORDER BY 1, 2 NULLS FIRST, 3",
    "credit notes": "SELECT n.customer_id, n.currency, n.net, n.tax FROM billing.credit_notes n"
                    " ORDER BY 1, 2, 3, 4",
    "ledger": "SELECT t.customer_id, t.debit_account, t.credit_account, t.kind, t.tax_code, t.amount"
              " FROM billing.ledger_transfers t ORDER BY 1, 2, 3, 4, 5, 6",
    "numbers": "SELECT n.series, n.year, count(*), min(n.number), max(n.number) = count(*)"
               " FROM billing.document_numbers n GROUP BY 1, 2 ORDER BY 1, 2",
    "runs that are not completed": "SELECT r.customer_id, r.period, r.status, r.failure_code"
                                   " FROM billing.settlement_runs r WHERE r.status <> 'COMPLETED'"
                                   " ORDER BY 1, 2",
    "jobs that run": "SELECT j.period FROM billing.job_runs j WHERE j.status = 'RUNNING'",
    # an invoice becomes overdue before it is paid, or not: the order decides
    "outbox": "SELECT o.customer_id, o.type, count(*) FROM billing.outbox o"
              " WHERE o.type <> 'InvoiceOverdue' GROUP BY 1, 2 ORDER BY 1, 2",
    "audit": "SELECT a.customer_id, a.action, count(*) FROM billing.audit_log a"
             " WHERE a.action <> 'INVOICE_OVERDUE' GROUP BY 1, 2 ORDER BY 1, 2",
}


def outcome(ask):
    return {name: ask(sql) for name, sql in PARTS.items()}


def differences(disturbed, undisturbed):
    """A line for each part that differs, with the first row of each side that the other has not."""
    found = []
    for name in PARTS:
        ours, theirs = disturbed[name], undisturbed[name]
        if ours != theirs:
            mine = next((row for row in ours if row not in theirs), None)
            other = next((row for row in theirs if row not in ours), None)
            found.append(f"{name}: {len(ours)} and {len(theirs)} rows; only disturbed: {mine};"
                         f" only undisturbed: {other}")
    return found
