-- The catalog: owners, comments, guards, dumps, row-level security, and the public names of the contract.
BEGIN;
SELECT plan(178);

CREATE TEMP VIEW relation AS
	SELECT c.oid, c.relname::text AS name, c.relkind, c.relispartition, c.relrowsecurity, c.relowner FROM pg_class c
	JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
	JOIN pg_extension x ON x.oid = d.refobjid AND x.extname = 'billing';
CREATE TEMP VIEW routine AS
	SELECT p.oid, p.oid::regprocedure::text AS name, p.proowner, p.prosecdef, p.proconfig, p.prokind FROM pg_proc p
	JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
	JOIN pg_extension x ON x.oid = d.refobjid AND x.extname = 'billing';
CREATE TEMP VIEW tenant AS
	SELECT r.* FROM relation r WHERE r.relkind IN ('r', 'p') AND NOT r.relispartition
	AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = r.oid AND a.attname = 'customer_id');

-- owners and comments
SELECT cmp_ok((SELECT count(*) FROM relation), '>', 30::bigint, 'the extension has relations to check');
SELECT cmp_ok((SELECT count(*) FROM routine), '>', 30::bigint, 'and routines');
SELECT is_empty($$SELECT name FROM relation WHERE relowner <> 'billing_owner'::regrole$$, 'every relation belongs to billing_owner');
SELECT is_empty($$SELECT name FROM routine WHERE proowner <> 'billing_owner'::regrole$$, 'every routine belongs to billing_owner');
SELECT is_empty($$SELECT name FROM relation WHERE relkind IN ('r', 'p', 'v') AND obj_description(oid, 'pg_class') IS NULL$$, 'every table and view has a comment');
SELECT is_empty($$SELECT name FROM routine WHERE obj_description(oid, 'pg_proc') IS NULL$$, 'every routine has a comment');
SELECT is_empty(
	$$SELECT pg_describe_object(d.classid, d.objid, 0) FROM pg_depend d JOIN pg_extension x ON x.oid = d.refobjid AND x.extname = 'billing'
		WHERE d.deptype = 'e' AND obj_description(d.objid, d.classid::regclass::name) IS NULL
		AND NOT EXISTS (SELECT FROM pg_depend i WHERE i.classid = d.classid AND i.objid = d.objid AND i.deptype = 'i')$$,
	'and so has everything else, but what comes with a table by itself');
SELECT is_empty($$SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'billing'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'S')
	AND c.oid NOT IN (SELECT oid FROM relation) AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'i')$$,
	'everything in the schema belongs to the extension');

-- definers
SELECT is_empty($$SELECT name FROM routine WHERE prosecdef AND NOT COALESCE(proconfig @> ARRAY['search_path=pg_catalog, pg_temp'], false)$$,
	'every SECURITY DEFINER function pins its search_path');
SELECT is_empty($$SELECT name FROM routine WHERE prosecdef AND prokind = 'p'$$, 'no procedure is SECURITY DEFINER: it commits');
SELECT is_empty($$SELECT r.name FROM routine r JOIN pg_proc p USING (oid) WHERE p.provolatile = 'i' AND p.prosecdef$$, 'no immutable function is SECURITY DEFINER');
SELECT is_empty($$SELECT name FROM relation JOIN pg_class c USING (oid) WHERE relation.relkind = 'v'
	AND EXISTS (SELECT FROM pg_depend d JOIN pg_rewrite w ON w.oid = d.objid JOIN tenant t ON t.oid = d.refobjid WHERE w.ev_class = c.oid)
	AND NOT COALESCE(c.reloptions @> ARRAY['security_invoker=true'], false)$$,
	'every view of tenant data reads it as its caller');

-- dumps
SELECT set_eq(
	$$SELECT name FROM relation WHERE relkind = 'r' AND oid NOT IN (SELECT unnest(extconfig) FROM pg_extension WHERE extname = 'billing')$$,
	$$VALUES ('window_lineage'), ('worker_environment'), ('ledger_accounts')$$,
	'every table is dumped but the lineage and the leave to speak, which a restored database must not have, and the seeded accounts');
SELECT is_empty(
	$$SELECT c.relname FROM pg_class c WHERE c.relkind = 'S' AND c.relnamespace = 'billing'::regnamespace
		AND c.oid NOT IN (SELECT unnest(extconfig) FROM pg_extension WHERE extname = 'billing')$$,
	'every sequence is dumped');
SELECT is_empty($$SELECT c FROM pg_extension x, unnest(x.extcondition) c WHERE x.extname = 'billing' AND c <> ''$$, 'with all its rows');
SELECT is_empty($$SELECT t.tgname FROM pg_trigger t JOIN relation r ON r.oid = t.tgrelid WHERE NOT t.tgisinternal
		AND t.tgname NOT IN ('append_only', 'never_deleted', 'stamp_row')$$,
	'no trigger but the guards, and the digest, which leaves what billing does not write: so a restore writes nothing of its own');

-- row-level security
SELECT is_empty($$SELECT name FROM tenant WHERE NOT relrowsecurity$$, 'every table with a customer has row-level security');
SELECT is_empty($$SELECT name FROM tenant t WHERE NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = t.oid AND p.polname = 'house'
	AND p.polroles @> ARRAY['billing_service'::regrole, 'billing_admin'::regrole]::oid[])$$, 'and a policy for the house');
SELECT is_empty($$SELECT t.name FROM tenant t WHERE has_any_column_privilege('billing_customer', t.oid, 'SELECT') AND NOT EXISTS (SELECT FROM pg_policy p
	WHERE p.polrelid = t.oid AND p.polroles = ARRAY['billing_customer'::regrole]::oid[] AND p.polcmd = 'r'
	AND pg_get_expr(p.polqual, p.polrelid) LIKE '%current_customer()%')$$, 'what a customer may read has a policy for his own rows');
SELECT is_empty($$SELECT r.name, p.polname FROM relation r JOIN pg_policy p ON p.polrelid = r.oid WHERE p.polroles @> ARRAY[0::oid]$$, 'no policy is for PUBLIC');
SELECT is_empty($$SELECT r.name, p.polname FROM relation r JOIN pg_policy p ON p.polrelid = r.oid WHERE NOT r.relrowsecurity$$,
	'no policy is without effect');
SELECT set_eq(
	$$SELECT r.name, pg_get_expr(p.polqual, p.polrelid) FROM relation r JOIN pg_policy p ON p.polrelid = r.oid WHERE NOT p.polpermissive$$,
	$$VALUES ('invoice_headers', '(deleted_at IS NULL)'), ('payments', '(deleted_at IS NULL)'), ('refunds', '(deleted_at IS NULL)')$$,
	'what was deleted softly is kept from customers');

-- guards
SELECT set_has(
	$$SELECT r.name FROM relation r JOIN pg_trigger t ON t.tgrelid = r.oid WHERE t.tgname = 'append_only' AND t.tgenabled = 'A' AND t.tgtype::int & 58 = 58$$,
	$$VALUES ('ledger_transfers'), ('audit_entries'), ('document_numbers'), ('invoice_lines'), ('invoice_taxes'), ('pricing_snapshots'), ('tax_rates'),
		('pricing_plans'), ('order_items'), ('credit_applications'), ('credit_uses'), ('credit_notes'), ('credit_note_lines'), ('gateway_webhooks')$$,
	'append-only tables refuse UPDATE, DELETE and TRUNCATE always');
SELECT set_eq(
	$$SELECT name FROM relation r WHERE relkind = 'r' AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = r.oid
		AND t.tgname IN ('append_only', 'never_deleted') AND t.tgenabled = 'A' AND t.tgtype::int & 40 = 40)$$,
	$$VALUES ('unbilled_usage'), ('window_lineage'), ('worker_environment'), ('rejected_usage'), ('gateway_calls'), ('secrets'), ('outbox_0'), ('outbox_1'), ('outbox_2')$$,
	'every table refuses DELETE and TRUNCATE but marks, lineage, the leave to speak, refused events, open calls, secrets and slots that rotate');
SELECT is((SELECT evtenabled FROM pg_event_trigger WHERE evtname = 'billing_guard_drop'), 'A'::"char", 'the guard of the extension itself is on always');
SET LOCAL session_replication_role = replica;
SELECT throws_ok(format('%s billing.%I', command, name), 'ZB208', format('rows of table "%s" are never deleted', name),
	format('refused to a superuser, as a replica too: %s %s', command, name))
FROM relation r, unnest(ARRAY['DELETE FROM', 'TRUNCATE']) command
WHERE EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = r.oid AND t.tgname = 'never_deleted') ORDER BY name, command;
SELECT throws_ok(format('%s', statement), 'ZB208', NULL, 'refused to a superuser, as a replica too: ' || statement)
FROM unnest(ARRAY['UPDATE billing.ledger_transfers SET amount = 1', 'DELETE FROM billing.ledger_transfers', 'TRUNCATE billing.ledger_transfers',
	'UPDATE billing.audit_entries SET reason = NULL', 'DELETE FROM billing.audit_entries', 'TRUNCATE billing.audit_entries',
	'TRUNCATE billing.invoice_lines', 'DELETE FROM billing.pricing_plans']) statement;
SET LOCAL session_replication_role = origin;

-- states
CREATE FUNCTION pg_temp.states(of_constraint text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(m[1], ' ' ORDER BY m[1]) FROM pg_constraint c, regexp_matches(pg_get_constraintdef(c.oid), $r$'([A-Z_]+)'::text$r$, 'g') m
	WHERE c.conname = of_constraint
$$;
SELECT is(pg_temp.states(v.of_constraint), v.expected, v.of_constraint || ' allows ' || v.expected)
FROM (VALUES
	('invoice_headers_status', 'CANCELLED DRAFT ISSUED OVERDUE PAID'),
	('invoice_lines_kind', 'ADJUSTMENT LATE_USAGE ONE_OFF RECURRING USAGE'),
	('payments_status', 'APPROVED FAILED PENDING'),
	('payments_target', 'INVOICE ORDER TOP_UP'),
	('payments_method', 'BANK_TRANSFER CARD IAP WALLET'),
	('payment_attempts_status', 'APPROVED DECLINED NOT_SENT SENT UNKNOWN'),
	('payment_attempts_call', 'LOOKUP SEND'),
	('refund_attempts_status', 'APPROVED DECLINED NOT_SENT SENT UNKNOWN'),
	('refund_attempts_call', 'LOOKUP SEND'),
	('gateway_calls_action', 'LOOKUP SEND'),
	('gateway_calls_subject', 'PAYMENT REFUND'),
	('payment_methods_type', 'BANK_TRANSFER CARD IAP'),
	('orders_status', 'CANCELLED CREATED FAILED PAID REFUNDED'),
	('refunds_status', 'APPROVED COMPLETED FAILED REQUESTED'),
	('refunds_destination', 'CREDIT SOURCE WALLET'),
	('wallet_holds_status', 'CAPTURED EXPIRED OPEN RELEASED'),
	('credits_status', 'ACTIVE EXHAUSTED EXPIRED REVOKED'),
	('credits_type', 'COMPENSATION PREPAID PROMO REFUND_TO_CREDIT'),
	('settlement_runs_status', 'COMPLETED FAILED PENDING RUNNING'),
	('customers_collection', 'AUTOMATIC SEND_INVOICE'),
	('meter_definitions_aggregation', 'COUNT LAST MAX SUM'),
	('tax_rates_category', 'EXEMPT OUT_OF_SCOPE REDUCED REVERSE_CHARGE STANDARD ZERO'),
	('audit_entries_actor_type', 'EXTERNAL OPERATOR SYSTEM USER')
) AS v(of_constraint, expected);

-- errors
SELECT cmp_ok((SELECT count(*) FROM billing.error_codes), '>=', 23::bigint, 'there are errors');
SELECT is_empty($$SELECT sqlstate FROM billing.error_codes GROUP BY sqlstate HAVING count(*) > 1$$, 'each error has an SQLSTATE of its own');
SELECT is_empty($$SELECT symbol FROM billing.error_codes GROUP BY symbol HAVING count(*) > 1$$, 'and a symbol of its own');
SELECT is_empty($$SELECT sqlstate FROM billing.error_codes WHERE sqlstate !~ '^ZB[0-9A-Z]{3}$'$$, 'all of class ZB');
SELECT is_empty($$SELECT symbol FROM billing.error_codes WHERE http_status NOT BETWEEN 400 AND 599 OR api_code !~ '^[A-Z][A-Z_]+$' OR meaning = ''$$,
	'with an HTTP status, an API code and a meaning');
SELECT results_eq(
	$$SELECT symbol, sqlstate, api_code, http_status FROM billing.error_codes WHERE symbol IN ('INCOMPATIBLE_PARAMS', 'PERIOD_NOT_CLOSED', 'INVALID_CHARGE',
		'DUPLICATE_REQUEST', 'PAYMENT_IN_PROGRESS', 'FORBIDDEN') ORDER BY sqlstate$$,
	$$VALUES ('INVALID_CHARGE', 'ZB003', 'BAD_REQUEST', 400), ('PERIOD_NOT_CLOSED', 'ZB201', 'PERIOD_NOT_CLOSED', 409),
		('INCOMPATIBLE_PARAMS', 'ZB203', 'INCOMPATIBLE_PARAMS', 422), ('DUPLICATE_REQUEST', 'ZB204', 'DUPLICATE_REQUEST', 409),
		('PAYMENT_IN_PROGRESS', 'ZB205', 'PAYMENT_IN_PROGRESS', 409), ('FORBIDDEN', 'ZB401', 'FORBIDDEN', 403)$$,
	'errors that applications know never change');

-- the public contract: argument lists only ever grow at the end
SELECT ok(EXISTS (SELECT FROM pg_proc p WHERE p.pronamespace = 'billing'::regnamespace AND p.proname = v.name
		AND left(pg_get_function_arguments(p.oid), length(v.arguments)) = v.arguments
		AND substr(pg_get_function_arguments(p.oid), length(v.arguments) + 1) ~ '^(, (OUT .*|.* DEFAULT .*))?$'
		AND p.prorettype = v.result::regtype),
	format('%s(%s) -> %s', v.name, v.arguments, v.result))
FROM (VALUES
	('register_customer', 'customer_id text, name text DEFAULT NULL::text, currency text DEFAULT NULL::text, email text DEFAULT NULL::text, net_days integer DEFAULT NULL::integer, tax_code text DEFAULT NULL::text, legal_name text DEFAULT NULL::text, tax_id text DEFAULT NULL::text, address jsonb DEFAULT NULL::jsonb, country text DEFAULT NULL::text, time_zone text DEFAULT NULL::text, collection text DEFAULT NULL::text, metadata jsonb DEFAULT NULL::jsonb', 'billing.customers'),
	('register_meter', 'resource_type text, unit text, description text, aggregation text DEFAULT ''SUM''::text', 'void'),
	('register_tax_rate', 'code text, percentage numeric, category text DEFAULT ''STANDARD''::text, valid_from timestamp with time zone DEFAULT ''-infinity''::timestamp with time zone', 'void'),
	('create_pricing_plan', 'name text, currency text, charges jsonb, effective_from timestamp with time zone, customer_id text DEFAULT NULL::text, effective_until timestamp with time zone DEFAULT NULL::timestamp with time zone, idempotency_key text DEFAULT NULL::text, metadata jsonb DEFAULT NULL::jsonb', 'uuid'),
	('effective_plan', 'customer_id text, at timestamp with time zone', 'billing.pricing_plans'),
	('rate', 'charge jsonb, quantity numeric', 'numeric'),
	('round_money', 'amount numeric, currency text', 'numeric'),
	('snapshot_pricing', 'customer_id text, period text', 'jsonb'),
	('ingest_usage', 'event_id text, customer_id text, resource_type text, quantity numeric, occurred_at timestamp with time zone DEFAULT NULL::timestamp with time zone, properties jsonb DEFAULT NULL::jsonb', 'boolean'),
	('ingest_usage_batch', 'events jsonb, OUT accepted bigint, OUT duplicate bigint, OUT rejected bigint', 'record'),
	('ingest_usage_arrays', 'event_ids text[], customer_ids text[], resource_types text[], quantities numeric[], occurred_at timestamp with time zone[], OUT accepted bigint, OUT duplicate bigint, OUT rejected bigint', 'record'),
	('correct_usage', 'customer_id text, event_id text, reason text', 'billing.usage_events'),
	('aggregate_usage', '', 'bigint'),
	('usage_of', 'customer_id text, period text, OUT resource_type text, OUT quantity numeric, OUT event_count bigint', 'record'),
	('forecast_usage', 'customer_id text, OUT period text, OUT progress numeric, OUT resource_type text', 'record'),
	('run_settlement', 'INOUT customer_id text, INOUT period text, OUT invoice_id uuid, OUT already_processed boolean, OUT payment_succeeded boolean, OUT message text, OUT payment_status text, OUT failure_code text', 'record'),
	('preview_invoice', 'customer_id text, period text, charges jsonb DEFAULT NULL::jsonb', 'jsonb'),
	('invoice_document', 'invoice_id uuid', 'jsonb'),
	('pay_invoice', 'invoice_id uuid, method text DEFAULT NULL::text, payment_method_id uuid DEFAULT NULL::uuid, idempotency_key text DEFAULT NULL::text, metadata jsonb DEFAULT NULL::jsonb', 'billing.payments'),
	('cancel_invoice', 'invoice_id uuid, reason text, rebill boolean DEFAULT true', 'billing.invoices'),
	('mark_overdue_invoices', '', 'bigint'),
	('aged_receivables', 'as_of timestamp with time zone DEFAULT NULL::timestamp with time zone', 'record'),
	('apply_credit', 'customer_id text, invoice_id uuid, at_most numeric DEFAULT NULL::numeric, idempotency_key text DEFAULT NULL::text', 'numeric'),
	('cancel_order', 'order_id uuid, reason text', 'billing.orders'),
	('capture_hold', 'hold_id uuid, amount numeric DEFAULT NULL::numeric, idempotency_key text DEFAULT NULL::text', 'billing.wallet_movement'),
	('charge_wallet', 'customer_id text, amount numeric, currency text, reference_type text DEFAULT NULL::text, reference_id text DEFAULT NULL::text, idempotency_key text DEFAULT NULL::text, metadata jsonb DEFAULT NULL::jsonb, expected_version bigint DEFAULT NULL::bigint', 'billing.wallet_movement'),
	('expire_credits', 'batch integer DEFAULT 200', 'bigint'),
	('expire_holds', 'batch integer DEFAULT 200', 'bigint'),
	('fail_order', 'order_id uuid, reason text', 'billing.orders'),
	('grant_credit', 'customer_id text, type text, amount numeric, currency text, valid_from timestamp with time zone, valid_until timestamp with time zone DEFAULT NULL::timestamp with time zone, reason text DEFAULT NULL::text, idempotency_key text DEFAULT NULL::text, metadata jsonb DEFAULT NULL::jsonb', 'billing.credits'),
	('hold_wallet', 'customer_id text, amount numeric, currency text, reference_type text DEFAULT NULL::text, reference_id text DEFAULT NULL::text, idempotency_key text DEFAULT NULL::text, metadata jsonb DEFAULT NULL::jsonb, expected_version bigint DEFAULT NULL::bigint, expires_at timestamp with time zone DEFAULT NULL::timestamp with time zone', 'billing.wallet_holds'),
	('issue_credit_note', 'invoice_id uuid, lines jsonb, reason text, destination text DEFAULT NULL::text, idempotency_key text DEFAULT NULL::text', 'billing.credit_notes'),
	('open_wallet', 'customer_id text, currency text', 'billing.wallets'),
	('pay_order', 'order_id uuid, method text DEFAULT NULL::text, payment_method_id uuid DEFAULT NULL::uuid, idempotency_key text DEFAULT NULL::text, metadata jsonb DEFAULT NULL::jsonb', 'billing.payments'),
	('place_order', 'customer_id text, currency text, items jsonb, idempotency_key text DEFAULT NULL::text, metadata jsonb DEFAULT NULL::jsonb', 'billing.orders'),
	('record_payment', 'invoice_id uuid, amount numeric, method text DEFAULT ''BANK_TRANSFER''::text, reference text DEFAULT NULL::text, received_at timestamp with time zone DEFAULT NULL::timestamp with time zone, idempotency_key text DEFAULT NULL::text', 'billing.payments'),
	('refund_payment', 'payment_id uuid, amount numeric DEFAULT NULL::numeric, reason text DEFAULT NULL::text, destination text DEFAULT ''SOURCE''::text, idempotency_key text DEFAULT NULL::text, metadata jsonb DEFAULT NULL::jsonb', 'billing.refunds'),
	('register_payment_method', 'customer_id text, type text, provider text, token text, is_default boolean DEFAULT true, brand text DEFAULT NULL::text, last4 text DEFAULT NULL::text, expires_on date DEFAULT NULL::date, metadata jsonb DEFAULT NULL::jsonb', 'billing.payment_methods'),
	('release_hold', 'hold_id uuid, idempotency_key text DEFAULT NULL::text', 'billing.wallet_movement'),
	('request_top_up', 'customer_id text, amount numeric, currency text, method text DEFAULT ''CARD''::text, payment_method_id uuid DEFAULT NULL::uuid, idempotency_key text DEFAULT NULL::text, metadata jsonb DEFAULT NULL::jsonb', 'billing.payments'),
	('resolve_payment', 'payment_id uuid, outcome text, provider_reference text, reason text', 'billing.payments'),
	('resolve_refund', 'refund_id uuid, outcome text, provider_reference text, reason text', 'billing.refunds'),
	('revoke_credit', 'credit_id uuid, reason text', 'billing.credits'),
	('soft_delete', 'kind text, id uuid, reason text', 'boolean'),
	('top_up_wallet', 'customer_id text, amount numeric, currency text, reference_type text DEFAULT NULL::text, reference_id text DEFAULT NULL::text, idempotency_key text DEFAULT NULL::text, metadata jsonb DEFAULT NULL::jsonb, expected_version bigint DEFAULT NULL::bigint', 'billing.wallet_movement'),
	('verify', 'since timestamp with time zone DEFAULT NULL::timestamp with time zone', 'record')
) AS v(name, arguments, result);
SELECT ok(EXISTS (SELECT FROM pg_proc WHERE pronamespace = 'billing'::regnamespace AND proname = 'settle_period' AND prokind = 'p'
		AND pg_get_function_arguments(oid) = 'IN period text, IN workers integer DEFAULT 1'), 'settle_period(period text, workers int = 1) is a procedure');
SELECT is_empty(
	format($$SELECT c FROM regexp_split_to_table(%L, ' ') c WHERE NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = %L::regclass AND a.attname = c)$$,
		v.columns, v.name), v.name || ' has its public columns')
FROM (VALUES
	('billing.invoices', 'invoice_id customer_id number status period period_start period_end currency net tax total applied_credit amount_paid amount_credited amount_due issued_on issued_at due_at paid_at pricing_snapshot customer_snapshot replaces_invoice_id metadata'),
	('billing.invoice_lines', 'invoice_id line_no kind code resource_type description service_period quantity net tax_code tax plan_id'),
	('billing.settlement_runs', 'customer_id period status attempts started_at finished_at invoice_id failure_code failure_reason'),
	('billing.rejected_usage', 'customer_id event_id reason document received_at'),
	('billing.wallets', 'customer_id wallet_id currency wallet_code balance held available version'),
	('billing.wallet_holds', 'customer_id hold_id wallet_id currency amount captured status expires_at reference_type reference_id'),
	('billing.orders', 'customer_id order_id currency total net tax tax_code tax_percentage status payment_id refunded metadata'),
	('billing.order_items', 'customer_id order_id item_no sku quantity unit_price amount'),
	('billing.payments', 'customer_id payment_id target_type target_id amount excess currency method payment_method_id status failure_code failure_message credit_id reference'),
	('billing.payment_methods', 'customer_id payment_method_id type provider token brand last4 expires_on is_default'),
	('billing.refunds', 'customer_id refund_id payment_id amount currency tax destination status failure_code failure_message reason credit_note_id credit_id'),
	('billing.credits', 'customer_id credit_id type currency granted balance valid_from valid_until status reason'),
	('billing.credit_applications', 'customer_id application_id invoice_id amount currency applied_at'),
	('billing.credit_uses', 'customer_id application_id use_no credit_id amount'),
	('billing.credit_notes', 'customer_id credit_note_id invoice_id number currency net tax total tax_code reason issued_on issued_at'),
	('billing.credit_note_lines', 'customer_id credit_note_id line_no invoice_line_no description net tax'),
	('billing.audit_log', 'position audit_id customer_id actor_type actor_id action target_type target_id before after reason trace_id occurred_at'),
	('billing.outbox', 'id aggregatetype aggregateid type payload position schema_version customer_id trace_id idempotency_key')
) AS v(name, columns);

-- time and identity
SELECT is(billing.business_now(), now(), 'business time is the start of the transaction');
SET LOCAL billing.now = '2026-06-02T00:00:00Z';
SELECT is(billing.business_now(), '2026-06-02T00:00:00Z'::timestamptz, 'unless a test sets it');
SELECT throws_ok($$SET LOCAL billing.now = 'yesteryear'; SELECT billing.business_now()$$, NULL, NULL, 'to a time');
SELECT is((SELECT extversion FROM pg_extension WHERE extname = 'billing'), billing.version(), 'the library has the version of the extension');
SELECT is((SELECT count(DISTINCT billing.bucket_of('c' || i)) FROM generate_series(1, 2000) i), 64::bigint, 'customers are spread over 64 buckets');

SELECT * FROM finish();
ROLLBACK;
