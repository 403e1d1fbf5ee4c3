-- The ledger: its chart of accounts, its two views, and that nobody changes what is booked.
BEGIN;
SELECT plan(45);
SET LOCAL billing.now = '2026-06-02T00:00:00Z';
SET LOCAL billing.actor = 'SYSTEM:closing';

-- the SQLSTATE with which a statement is refused, or 'accepted'
CREATE FUNCTION pg_temp.refusal(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END;
$$;

-- the same as another role; what the statement did is undone
CREATE FUNCTION pg_temp.refusal_as(role text, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text := 'accepted';
BEGIN
	BEGIN
		EXECUTE format('SET LOCAL ROLE %I', role);
		EXECUTE statement;
		RAISE EXCEPTION USING ERRCODE = 'P0099';
	EXCEPTION
		WHEN SQLSTATE 'P0099' THEN NULL;
		WHEN OTHERS THEN answer := SQLSTATE;
	END;
	RETURN answer;
END;
$$;

-- the same with triggers switched off as replication does
CREATE FUNCTION pg_temp.refusal_as_replica(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text := 'accepted';
BEGIN
	BEGIN
		SET LOCAL session_replication_role = replica;
		EXECUTE statement;
		RAISE EXCEPTION USING ERRCODE = 'P0099';
	EXCEPTION
		WHEN SQLSTATE 'P0099' THEN NULL;
		WHEN OTHERS THEN answer := SQLSTATE;
	END;
	RETURN answer;
END;
$$;

-- the chart of accounts
SELECT results_eq(
	'SELECT code COLLATE "default", type, normal_side FROM billing.ledger_accounts ORDER BY code',
	$$VALUES ('bad_debt', 'EXPENSE', 'DEBIT'), ('bank', 'ASSET', 'DEBIT'), ('breakage_revenue', 'REVENUE', 'CREDIT'),
		('credit', 'LIABILITY', 'CREDIT'), ('funding_clearing', 'ASSET', 'DEBIT'), ('gateway_clearing', 'ASSET', 'DEBIT'),
		('promotion', 'CONTRA_REVENUE', 'DEBIT'), ('receivable', 'ASSET', 'DEBIT'), ('refund_clearing', 'ASSET', 'DEBIT'),
		('revenue', 'REVENUE', 'CREDIT'), ('tax_payable', 'LIABILITY', 'CREDIT'), ('wallet', 'LIABILITY', 'CREDIT')$$,
	'the chart has every account of the rules, each on its normal side');
SELECT is_empty('SELECT code FROM billing.ledger_accounts WHERE description !~ ''\w''', 'every account says what it is for');
SELECT is_empty(
	$$SELECT code FROM billing.ledger_accounts
		WHERE normal_side <> CASE WHEN type IN ('ASSET', 'EXPENSE', 'CONTRA_REVENUE') THEN 'DEBIT' ELSE 'CREDIT' END$$,
	'assets, expenses and contra revenue grow by debits, the others by credits');

-- three customers: paid with tax, unpaid without tax, cancelled with tax
DO $$ BEGIN
	PERFORM billing.register_tax_rate('VAT', 10);
	PERFORM billing.register_customer('paid', currency => 'KRW', tax_code => 'VAT');
	PERFORM billing.register_customer('owing', currency => 'KRW', collection => 'SEND_INVOICE');
	PERFORM billing.register_customer('cancelled', currency => 'USD', tax_code => 'VAT', collection => 'SEND_INVOICE');
	PERFORM billing.create_pricing_plan('won', 'KRW', '[{"resourceType":"API_CALL","model":"per_unit","unitPrice":10}]',
		'2026-01-01T00:00:00Z');
	PERFORM billing.create_pricing_plan('dollar', 'USD', '[{"resourceType":"API_CALL","model":"per_unit","unitPrice":0.25}]',
		'2026-01-01T00:00:00Z');
	PERFORM billing.ingest_usage(c || '-1', c, 'API_CALL', 101, '2026-05-15T12:00:00Z')
		FROM unnest(ARRAY['paid', 'owing', 'cancelled']) c;
	PERFORM billing.run_settlement(c, '2026-05') FROM unnest(ARRAY['paid', 'owing', 'cancelled']) c;
	SET LOCAL billing.now = '2026-06-05T00:00:00Z';
	PERFORM billing.cancel_invoice((SELECT invoice_id FROM billing.invoices WHERE customer_id = 'cancelled'), 'wrong');
END $$;
SELECT results_eq(
	$$SELECT t.kind, t.debit_account COLLATE "default", t.credit_account COLLATE "default", t.amount, t.currency COLLATE "default", t.tax_code COLLATE "default", t.reference_type
		FROM billing.ledger_transfers t WHERE t.customer_id = 'paid' ORDER BY t.position$$,
	$$VALUES ('INVOICE_ISSUED', 'receivable', 'revenue', 1010::numeric, 'KRW', NULL, 'INVOICE'),
		('INVOICE_ISSUED', 'receivable', 'tax_payable', 101, 'KRW', 'VAT', 'INVOICE'),
		('PAYMENT_CAPTURED', 'gateway_clearing', 'receivable', 1111, 'KRW', NULL, 'PAYMENT')$$,
	'an invoice is booked by its net and its tax, a capture by its amount');
SELECT results_eq(
	$$SELECT t.kind, t.debit_account COLLATE "default", t.credit_account COLLATE "default", t.amount
		FROM billing.ledger_transfers t WHERE t.customer_id = 'owing' ORDER BY t.position$$,
	$$VALUES ('INVOICE_ISSUED', 'receivable', 'revenue', 1010::numeric)$$,
	'a tax of 0 is not booked');
SELECT results_eq(
	$$SELECT t.kind, t.debit_account COLLATE "default", t.credit_account COLLATE "default", t.amount, t.tax_code COLLATE "default", t.effective_on
		FROM billing.ledger_transfers t WHERE t.customer_id = 'cancelled' ORDER BY t.position$$,
	$$VALUES ('INVOICE_ISSUED', 'receivable', 'revenue', 25.25, NULL, '2026-06-02'::date),
		('INVOICE_ISSUED', 'receivable', 'tax_payable', 2.53, 'VAT', '2026-06-02'),
		('CREDIT_NOTE_ISSUED', 'revenue', 'receivable', 25.25, NULL, '2026-06-05'),
		('CREDIT_NOTE_ISSUED', 'tax_payable', 'receivable', 2.53, 'VAT', '2026-06-05')$$,
	'a cancelled invoice is reversed on its own day by the transfers of its credit note');
SELECT results_eq(
	$$SELECT t.customer_id COLLATE "default", t.kind, count(DISTINCT t.journal_id) FROM billing.ledger_transfers t
		WHERE t.kind <> 'PAYMENT_CAPTURED' GROUP BY 1, 2 ORDER BY 1, 2$$,
	$$VALUES ('cancelled', 'CREDIT_NOTE_ISSUED', 1::bigint), ('cancelled', 'INVOICE_ISSUED', 1), ('owing', 'INVOICE_ISSUED', 1),
		('paid', 'INVOICE_ISSUED', 1)$$,
	'all transfers of one business event share a journal');
SELECT is((SELECT count(DISTINCT t.journal_id) FROM billing.ledger_transfers t), 5::bigint,
	'two business events never share a journal');
SELECT is_empty(
	$$SELECT t.transfer_id FROM billing.ledger_transfers t WHERE t.actor_type <> 'SYSTEM' OR t.actor_id <> 'closing'
		OR t.posted_at <> CASE WHEN t.kind = 'CREDIT_NOTE_ISSUED' THEN '2026-06-05T00:00Z' ELSE '2026-06-02T00:00Z' END::timestamptz$$,
	'a transfer says who made it and when, by the clock of the house');

-- ledger_entries
SELECT is((SELECT count(*) FROM billing.ledger_entries), 2 * (SELECT count(*) FROM billing.ledger_transfers),
	'there are two entries a transfer');
SELECT is_empty(
	$$SELECT t.transfer_id FROM billing.ledger_transfers t WHERE (SELECT array_agg((e.side, e.account, e.debit, e.credit, e.currency)
			ORDER BY e.side) FROM billing.ledger_entries e
			WHERE e.customer_id = t.customer_id AND e.transfer_id = t.transfer_id)
		IS DISTINCT FROM ARRAY[('CREDIT'::text, t.credit_account, 0::numeric, t.amount, t.currency), ('DEBIT'::text, t.debit_account, t.amount, 0::numeric, t.currency)]$$,
	'the entries of a transfer are its debit and its credit, of one amount');

-- trial_balance
SELECT results_eq(
	'SELECT currency COLLATE "default", account COLLATE "default", debit, credit, balance FROM billing.trial_balance ORDER BY 1, 2',
	$$VALUES ('KRW', 'gateway_clearing', 1111::numeric, 0::numeric, 1111::numeric), ('KRW', 'receivable', 2121, 1111, 1010),
		('KRW', 'revenue', 0, 2020, 2020), ('KRW', 'tax_payable', 0, 101, 101),
		('USD', 'receivable', 27.78, 27.78, 0), ('USD', 'revenue', 25.25, 25.25, 0), ('USD', 'tax_payable', 2.53, 2.53, 0)$$,
	'the trial balance has the sums of each account and currency, and its balance on the normal side');
SELECT results_eq(
	'SELECT currency COLLATE "default", sum(debit) - sum(credit) FROM billing.trial_balance GROUP BY 1 ORDER BY 1',
	$$VALUES ('KRW', 0::numeric), ('USD', 0)$$,
	'the trial balance is zero in every currency');

-- what the row itself refuses
CREATE FUNCTION pg_temp.transfer(debit text, credit text, amount text) RETURNS text LANGUAGE sql AS $$
	SELECT pg_temp.refusal(format('INSERT INTO billing.ledger_transfers (transfer_id, journal_id, customer_id, debit_account,'
		' credit_account, amount, currency, kind, reference_type, reference_id, effective_on, posted_at, actor_type, actor_id)'
		' VALUES (gen_random_uuid(), gen_random_uuid(), ''paid'', %L, %L, %L, ''KRW'', ''TEST'', ''TEST'', ''1'','
		' ''2026-06-05'', ''2026-06-05'', ''SYSTEM'', ''test'')', debit, credit, amount))
$$;
SELECT is(pg_temp.transfer('bank', 'bank', '1'), '23514', 'a transfer between an account and itself is refused');
SELECT is(pg_temp.transfer('bank', 'wallet', '0'), '23514', 'a transfer of 0 is refused');
SELECT is(pg_temp.transfer('bank', 'wallet', '-1'), '23514', 'a transfer of less than 0 is refused');
SELECT is(pg_temp.transfer('bank', 'wallet', 'NaN'), '23514', 'a transfer of no number is refused');
SELECT is(pg_temp.transfer('bank', 'wallet', 'Infinity'), '23514', 'a transfer of infinity is refused');

-- append-only, whoever asks and however
CREATE TEMP TABLE ledger_before AS SELECT * FROM billing.ledger_transfers;
CREATE TEMP TABLE audit_before AS SELECT * FROM billing.audit_log;
SELECT is(pg_temp.refusal('UPDATE billing.ledger_transfers SET amount = 1'), 'ZB208', 'a superuser cannot change transfers');
SELECT is(pg_temp.refusal('DELETE FROM billing.ledger_transfers'), 'ZB208', 'a superuser cannot delete transfers');
SELECT is(pg_temp.refusal('TRUNCATE billing.ledger_transfers'), 'ZB208', 'a superuser cannot empty the ledger');
SELECT is(pg_temp.refusal('TRUNCATE billing.ledger_transfers, billing.audit_entries CASCADE'), 'ZB208',
	'a superuser cannot empty the ledger together with others');
SELECT is(pg_temp.refusal('UPDATE billing.ledger_transfers SET amount = 1 WHERE false'), 'ZB208',
	'an update of no transfer is refused, too');
SELECT is(pg_temp.refusal('MERGE INTO billing.ledger_transfers t USING (SELECT 1) s ON true WHEN MATCHED THEN DELETE'), 'ZB208',
	'a merge cannot delete transfers');
SELECT is(pg_temp.refusal('UPDATE billing.audit_entries SET actor_id = ''me'''), 'ZB208', 'a superuser cannot change the audit log');
SELECT is(pg_temp.refusal('DELETE FROM billing.audit_entries'), 'ZB208', 'a superuser cannot delete from the audit log');
SELECT is(pg_temp.refusal('TRUNCATE billing.audit_entries'), 'ZB208', 'a superuser cannot empty the audit log');
SELECT is(pg_temp.refusal_as_replica('UPDATE billing.ledger_transfers SET amount = 1'), 'ZB208',
	'session_replication_role = replica does not let transfers be changed');
SELECT is(pg_temp.refusal_as_replica('DELETE FROM billing.ledger_transfers'), 'ZB208',
	'session_replication_role = replica does not let transfers be deleted');
SELECT is(pg_temp.refusal_as_replica('TRUNCATE billing.ledger_transfers'), 'ZB208',
	'session_replication_role = replica does not let the ledger be emptied');
SELECT is(pg_temp.refusal_as_replica('UPDATE billing.audit_entries SET actor_id = ''me'''), 'ZB208',
	'session_replication_role = replica does not let the audit log be changed');
SELECT is(pg_temp.refusal_as_replica('DELETE FROM billing.audit_entries'), 'ZB208',
	'session_replication_role = replica does not let the audit log be deleted from');
SELECT is(pg_temp.refusal_as_replica('TRUNCATE billing.audit_entries'), 'ZB208',
	'session_replication_role = replica does not let the audit log be emptied');
SELECT is(pg_temp.refusal_as('billing_owner', 'UPDATE billing.ledger_transfers SET amount = 1'), 'ZB208',
	'the owner cannot change transfers');
SELECT is(pg_temp.refusal_as('billing_owner', 'DELETE FROM billing.ledger_transfers'), 'ZB208', 'the owner cannot delete transfers');
SELECT is(pg_temp.refusal_as('billing_owner', 'TRUNCATE billing.ledger_transfers'), 'ZB208', 'the owner cannot empty the ledger');
SELECT is(pg_temp.refusal_as('billing_owner', 'DELETE FROM billing.audit_entries'), 'ZB208',
	'the owner cannot delete from the audit log');
SELECT is(pg_temp.refusal_as(role, 'INSERT INTO billing.ledger_transfers OVERRIDING SYSTEM VALUE SELECT * FROM billing.ledger_transfers'), '42501',
	role || ' books through functions only')
	FROM unnest(ARRAY['billing_service', 'billing_admin', 'billing_customer']) role;
SELECT is(pg_temp.refusal_as('billing_service', 'DELETE FROM billing.ledger_transfers'), '42501',
	'billing_service has no right to delete transfers');
SELECT throws_ok('DELETE FROM billing.ledger_transfers', 'ZB208', 'table "ledger_transfers" is append-only',
	'the refusal names the table');
SELECT is(pg_temp.refusal_as('billing_service', 'SELECT count(*) FROM billing.ledger_entries, billing.trial_balance'), 'accepted',
	'billing_service reads the ledger');
SELECT results_eq('SELECT * FROM billing.ledger_transfers ORDER BY position', 'SELECT * FROM ledger_before ORDER BY position',
	'after all attempts the ledger is what it was');
SELECT results_eq('SELECT * FROM billing.audit_log ORDER BY position', 'SELECT * FROM audit_before ORDER BY position',
	'after all attempts the audit log is what it was');

SELECT * FROM finish();
ROLLBACK;
