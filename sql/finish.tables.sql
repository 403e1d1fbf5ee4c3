-- Guards, row-level security, ownership and grants. Comes last.

-- The owner comes before any grant: pg_dump compares grants with those that the script left, owner
-- included, and would write them all into a dump.
DO $$
DECLARE
	member record;
BEGIN
	FOR member IN
		SELECT CASE d.classid WHEN 'pg_catalog.pg_class'::regclass THEN d.objid::regclass::text
				ELSE d.objid::regprocedure::text END AS name,
			CASE WHEN d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::regclass THEN 'ROUTINE'
				WHEN c.relkind OPERATOR(pg_catalog.=) 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind
		FROM pg_catalog.pg_depend d
		JOIN pg_catalog.pg_extension x ON x.oid OPERATOR(pg_catalog.=) d.refobjid
			AND x.extname OPERATOR(pg_catalog.=) 'billing'
		LEFT JOIN pg_catalog.pg_class c ON d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::regclass
			AND c.oid OPERATOR(pg_catalog.=) d.objid
		WHERE d.deptype OPERATOR(pg_catalog.=) 'e'
		AND (d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::regclass
			 OR c.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r', 'p', 'v']::"char"[])
			 -- sequences of identity columns follow their tables
			 OR c.oid OPERATOR(pg_catalog.=) ANY (ARRAY['billing.usage_events_position_seq'::regclass,
				'billing.outbox_position_seq'::regclass]::oid[]))
		ORDER BY d.objid
	LOOP
		EXECUTE pg_catalog.format('ALTER %s %s OWNER TO billing_owner', member.kind, member.name);
		IF member.kind OPERATOR(pg_catalog.=) 'ROUTINE' THEN
			EXECUTE pg_catalog.format('REVOKE ALL ON ROUTINE %s FROM PUBLIC', member.name);
			EXECUTE pg_catalog.format('GRANT EXECUTE ON ROUTINE %s TO billing_service, billing_admin', member.name);
		ELSIF member.kind OPERATOR(pg_catalog.=) 'TABLE'
			-- what is in it is for the library alone
			AND member.name OPERATOR(pg_catalog.<>) 'billing.secrets' THEN
			EXECUTE pg_catalog.format('GRANT SELECT ON %s TO billing_service, billing_admin', member.name);
		END IF;
	END LOOP;
END;
$$;

DO $$
DECLARE
	guarded text;
	tenant text;
	object record;
BEGIN
	FOREACH guarded IN ARRAY ARRAY['ledger_transfers', 'audit_entries', 'document_numbers', 'invoice_lines',
								   'invoice_taxes', 'pricing_snapshots', 'tax_rates', 'pricing_plans', 'order_items',
								   'credit_applications', 'credit_uses', 'credit_notes', 'credit_note_lines']
	LOOP
		EXECUTE pg_catalog.format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON billing.%I'
			' FOR EACH STATEMENT EXECUTE FUNCTION billing.append_only()', guarded);
		EXECUTE pg_catalog.format('ALTER TABLE billing.%I ENABLE ALWAYS TRIGGER append_only', guarded);
	END LOOP;

	-- of a partitioned table each part needs its own, since a part can be named directly
	FOR object IN
		SELECT c.oid::regclass AS name, c.relname FROM pg_catalog.pg_class c
		WHERE c.relnamespace OPERATOR(pg_catalog.=) 'billing'::regnamespace
		AND c.relname OPERATOR(pg_catalog.~) '^(usage_events|outbox)(_[0-9])?$'
	LOOP
		IF object.relname OPERATOR(pg_catalog.~) '^usage' THEN
			EXECUTE pg_catalog.format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON %s'
				' FOR EACH STATEMENT EXECUTE FUNCTION billing.usage_append_only()', object.name);
		ELSE
			-- a slot of the outbox is emptied by TRUNCATE when it rotates
			EXECUTE pg_catalog.format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON %s'
				' FOR EACH STATEMENT EXECUTE FUNCTION billing.append_only()', object.name);
		END IF;
		EXECUTE pg_catalog.format('ALTER TABLE %s ENABLE ALWAYS TRIGGER append_only', object.name);
	END LOOP;
	CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON billing.gateway_webhooks
		FOR EACH STATEMENT EXECUTE FUNCTION billing.webhook_append_only();
	ALTER TABLE billing.gateway_webhooks ENABLE ALWAYS TRIGGER append_only;

	-- what this library writes carries a digest, so that what anybody else writes is seen by verify()
	FOR object IN
		SELECT c.oid::regclass AS name FROM pg_catalog.pg_class c
		WHERE c.relnamespace OPERATOR(pg_catalog.=) 'billing'::regnamespace
		AND c.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r', 'p']::"char"[]) AND NOT c.relispartition
		ORDER BY c.relname
	LOOP
		EXECUTE pg_catalog.format('CREATE TRIGGER stamp_row BEFORE INSERT OR UPDATE ON %s'
			' FOR EACH ROW EXECUTE FUNCTION billing.stamp_row()', object.name);
		EXECUTE pg_catalog.format('ALTER TABLE %s ENABLE ALWAYS TRIGGER stamp_row', object.name);
	END LOOP;
	UPDATE billing.ledger_accounts SET row_digest = billing.row_digest(ledger_accounts);

	-- rows that change and stay
	FOR object IN
		SELECT * FROM (VALUES
			('customers', 'Change a customer with register_customer().'),
			('meter_definitions', 'Register another meter with register_meter().'),
			('invoice_headers', 'Cancel an invoice with cancel_invoice().'),
			('payments', 'A payment is history: what follows from it is a new row.'),
			('payment_attempts', 'An attempt is history: the next one is a new row.'),
			('refund_attempts', 'An attempt is history: the next one is a new row.'),
			('collections', 'A collection is history: it ends when its invoice is paid, cancelled or given up.'),
			('dead_letters', 'End a dead letter with replay_dead_letter() or discard_dead_letter().'),
			('payment_methods', 'Register another payment method as the default with register_payment_method().'),
			('wallets', 'A wallet stays, also when it is empty.'),
			('wallet_holds', 'End a hold with capture_hold() or release_hold().'),
			('orders', 'Cancel an order with cancel_order().'),
			('refunds', 'A refund is history: what follows from it is a new row.'),
			('credits', 'Take a credit back with revoke_credit().'),
			('document_series', 'Numbers of documents go on where they stand.'),
			('settlement_runs', 'Settle again with settle_period(): it goes on with what is not completed.'),
			('job_runs', 'Start the job again: a run is history.'),
			('aggregated_usage', 'Take usage back with correct_usage().'),
			('window_cursors', 'A consumer without its cursor would consume everything again.'),
			('window_eras', 'Rows refer to the era that their transaction id belongs to.'),
			('outbox_state', 'The outbox changes its slot when it rotates.'),
			('billing_settings', 'Change the zone of the house with set_house_time_zone().'),
			('ledger_accounts', 'Transfers refer to the accounts.')
		) AS kept (name, hint)
	LOOP
		EXECUTE pg_catalog.format('CREATE TRIGGER never_deleted BEFORE DELETE OR TRUNCATE ON billing.%I'
			' FOR EACH STATEMENT EXECUTE FUNCTION billing.never_deleted(%L)', object.name, object.hint);
		EXECUTE pg_catalog.format('ALTER TABLE billing.%I ENABLE ALWAYS TRIGGER never_deleted', object.name);
	END LOOP;

	-- members of the house see everything, a customer his own rows
	FOREACH tenant IN ARRAY ARRAY['customers', 'usage_events', 'aggregated_usage', 'unbilled_usage', 'rejected_usage',
								  'pricing_plans', 'invoice_headers', 'invoice_lines', 'invoice_taxes', 'payments',
								  'payment_attempts', 'refund_attempts', 'collections', 'dead_letters', 'gateway_calls', 'gateway_webhooks',
								  'settlement_runs', 'ledger_transfers', 'audit_entries', 'outbox',
								  'document_numbers', 'wallets', 'wallet_holds', 'orders', 'order_items', 'payment_methods',
								  'refunds', 'credits', 'credit_applications', 'credit_uses', 'credit_notes', 'credit_note_lines']
	LOOP
		EXECUTE pg_catalog.format('ALTER TABLE billing.%I ENABLE ROW LEVEL SECURITY', tenant);
		EXECUTE pg_catalog.format('CREATE POLICY house ON billing.%I TO billing_service, billing_admin USING (true)', tenant);
	END LOOP;
	FOREACH tenant IN ARRAY ARRAY['customers', 'aggregated_usage', 'invoice_headers', 'invoice_lines', 'invoice_taxes',
								  'payments', 'ledger_transfers', 'wallets', 'wallet_holds', 'orders', 'order_items',
								  'payment_methods', 'refunds', 'credits', 'credit_applications', 'credit_uses',
								  'credit_notes', 'credit_note_lines']
	LOOP
		EXECUTE pg_catalog.format('CREATE POLICY own ON billing.%I FOR SELECT TO billing_customer'
			' USING (customer_id OPERATOR(pg_catalog.=) (SELECT billing.current_customer()))', tenant);
	END LOOP;
	GRANT SELECT ON billing.customers, billing.aggregated_usage, billing.invoice_lines, billing.invoice_taxes,
		billing.wallets, billing.order_items, billing.credit_uses, billing.credit_note_lines TO billing_customer;

	-- what was deleted softly is not there for a customer
	FOREACH tenant IN ARRAY ARRAY['invoice_headers', 'payments', 'refunds']
	LOOP
		EXECUTE pg_catalog.format('CREATE POLICY not_deleted ON billing.%I AS RESTRICTIVE FOR SELECT TO billing_customer'
			' USING (deleted_at IS NULL)', tenant);
	END LOOP;

	-- of these not what is the house's: who acted, and keys of calls and of the provider
	GRANT SELECT (customer_id, invoice_id, number, status, period, period_start, period_end, currency, net, tax, total,
		applied_credit, amount_paid, amount_credited, amount_due, issued_on, issued_at, due_at, paid_at, cancelled_at,
		replaces_invoice_id, snapshot_hash, captured_at, customer_snapshot, metadata, deleted_at)
		ON billing.invoice_headers TO billing_customer;
	GRANT SELECT (customer_id, payment_id, target_type, target_id, amount, excess, currency, method, payment_method_id,
		status, failure_code, failure_message, credit_id, reference, metadata, created_at, completed_at)
		ON billing.payments TO billing_customer;
	GRANT SELECT (customer_id, payment_method_id, type, provider, brand, last4, expires_on, is_default, metadata, created_at,
		updated_at)
		ON billing.payment_methods TO billing_customer;
	GRANT SELECT (customer_id, refund_id, payment_id, amount, currency, tax, destination, status, failure_code,
		failure_message, reason, credit_note_id, credit_id, metadata, requested_at, completed_at)
		ON billing.refunds TO billing_customer;
	GRANT SELECT (customer_id, order_id, currency, total, net, tax, tax_code, tax_percentage, status, payment_id, refunded,
		refunded_tax, metadata, created_at, updated_at)
		ON billing.orders TO billing_customer;
	GRANT SELECT (customer_id, hold_id, wallet_id, currency, amount, captured, status, expires_at, reference_type,
		reference_id, metadata, created_at, ended_at)
		ON billing.wallet_holds TO billing_customer;
	GRANT SELECT (customer_id, credit_id, type, currency, granted, balance, valid_from, valid_until, status, reason,
		metadata, created_at, ended_at)
		ON billing.credits TO billing_customer;
	GRANT SELECT (customer_id, application_id, invoice_id, amount, currency, applied_at)
		ON billing.credit_applications TO billing_customer;
	GRANT SELECT (customer_id, credit_note_id, invoice_id, number, currency, net, tax, total, tax_code, reason, issued_on,
		issued_at)
		ON billing.credit_notes TO billing_customer;
	GRANT SELECT (position, transfer_id, journal_id, customer_id, debit_account, credit_account, amount, currency, kind,
		reference_type, reference_id, tax_code, effective_on, posted_at)
		ON billing.ledger_transfers TO billing_customer;

	ALTER TABLE billing.secrets ENABLE ROW LEVEL SECURITY;

	-- a snapshot has no customer: his own are those that his invoices refer to
	ALTER TABLE billing.pricing_snapshots ENABLE ROW LEVEL SECURITY;
	CREATE POLICY house ON billing.pricing_snapshots TO billing_service, billing_admin USING (true);
	CREATE POLICY own ON billing.pricing_snapshots FOR SELECT TO billing_customer USING (EXISTS (
		SELECT FROM billing.invoice_headers h
		WHERE h.customer_id OPERATOR(pg_catalog.=) (SELECT billing.current_customer())
		AND h.snapshot_hash OPERATOR(pg_catalog.=) content_hash));
	GRANT SELECT ON billing.pricing_snapshots, billing.invoices, billing.ledger_entries, billing.trial_balance,
		billing.ledger_accounts, billing.meters, billing.tax_rates, billing.error_codes TO billing_customer;
END;
$$;

-- what a customer may call for himself
GRANT EXECUTE ON FUNCTION billing.current_customer(), billing.business_now(), billing.version(),
	billing.error_registry(), billing.rate(jsonb, numeric), billing.round_money(numeric, text),
	billing.may_read(text), billing.checked_time(timestamptz, text, boolean),
	billing.checked_customer(text), billing.usage_of(text, text), billing.forecast_usage(text),
	billing.preview_invoice(text, text, jsonb), billing.snapshot_pricing(text, text),
	billing.invoice_document(uuid), billing.pay_invoice(uuid, text, uuid, text, jsonb),
	billing.effective_plan(text, timestamptz), billing.aged_receivables(timestamptz),
	billing.open_wallet(text, text), billing.place_order(text, text, jsonb, text, jsonb),
	billing.cancel_order(uuid, text), billing.pay_order(uuid, text, uuid, text, jsonb),
	billing.request_top_up(text, numeric, text, text, uuid, text, jsonb),
	billing.register_payment_method(text, text, text, text, boolean, text, text, date, jsonb),
	billing.apply_credit(text, uuid, numeric, text), billing.wait_for_payment(uuid, interval)
	TO billing_customer;

-- For the commands whose CASCADE can reach the extension. ALWAYS: session_replication_role does not turn it off.
CREATE EVENT TRIGGER billing_guard_drop ON ddl_command_start
	WHEN TAG IN ('DROP EXTENSION', 'DROP SCHEMA', 'DROP OWNED', 'ALTER TABLE')
	EXECUTE FUNCTION billing.guard_drop();
ALTER EVENT TRIGGER billing_guard_drop ENABLE ALWAYS;
COMMENT ON EVENT TRIGGER billing_guard_drop IS
'Loads the library before a command that can drop the extension, so that its data is not dropped with it.';
