-- The audit log: what functions wrote of their acts, and the movements of wallets, which the ledger holds.

CREATE VIEW billing.audit_log WITH (security_invoker = true) AS
	SELECT e.position, e.audit_id, e.customer_id, e.actor_type, e.actor_id, e.action, e.target_type, e.target_id,
		e.before, e.after, e.reason, e.trace_id, e.occurred_at
	FROM billing.audit_entries e
	UNION ALL
	SELECT t.position, t.transfer_id, t.customer_id, t.actor_type, t.actor_id,
		CASE WHEN t.debit_account = 'wallet' THEN 'WALLET_WITHDRAWAL' ELSE 'WALLET_DEPOSIT' END,
		'Wallet', w.wallet_id::text, NULL,
		pg_catalog.jsonb_build_object('transferId', t.transfer_id, 'amount', t.amount, 'currency', t.currency,
			'kind', t.kind, 'referenceType', t.reference_type, 'referenceId', t.reference_id),
		NULL, t.trace_id, t.posted_at
	FROM billing.ledger_transfers t
	LEFT JOIN billing.wallets w ON w.customer_id = t.customer_id AND w.currency = t.currency AND w.wallet_code = 'default'
	WHERE t.debit_account = 'wallet' OR t.credit_account = 'wallet';
COMMENT ON VIEW billing.audit_log IS
'Who did what, when and why, with the state before and after as JSON. Movements of wallets (WALLET_DEPOSIT, WALLET_WITHDRAWAL) are read from the ledger; position orders the rows of either kind.';
