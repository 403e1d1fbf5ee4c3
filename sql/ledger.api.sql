-- The ledger: views.

CREATE VIEW billing.ledger_entries WITH (security_invoker = true) AS
	SELECT t.customer_id, t.transfer_id, t.journal_id, t.position, t.debit_account AS account, 'DEBIT' AS side,
		t.amount AS debit, 0::numeric AS credit, t.currency, t.kind, t.reference_type, t.reference_id,
		t.tax_code, t.effective_on, t.posted_at
	FROM billing.ledger_transfers t
	UNION ALL
	SELECT t.customer_id, t.transfer_id, t.journal_id, t.position, t.credit_account, 'CREDIT',
		0::numeric, t.amount, t.currency, t.kind, t.reference_type, t.reference_id,
		t.tax_code, t.effective_on, t.posted_at
	FROM billing.ledger_transfers t;
COMMENT ON VIEW billing.ledger_entries IS
'The ledger as entries: two rows a transfer, one debit and one credit.';

CREATE VIEW billing.trial_balance WITH (security_invoker = true) AS
	SELECT e.currency, a.code AS account, a.type, pg_catalog.sum(e.debit) AS debit, pg_catalog.sum(e.credit) AS credit,
		CASE a.normal_side WHEN 'DEBIT' THEN pg_catalog.sum(e.debit - e.credit)
			ELSE pg_catalog.sum(e.credit - e.debit) END AS balance
	FROM billing.ledger_entries e
	JOIN billing.ledger_accounts a ON a.code = e.account
	GROUP BY e.currency, a.code, a.type, a.normal_side;
COMMENT ON VIEW billing.trial_balance IS
'Per currency and account the sums of debits and credits, and the balance on the normal side of the account.';
