-- Declined invoices that end in every way there is: an event of every type of theirs. For \ir in a test.
CREATE FUNCTION pg_temp.open_letter(customer text) RETURNS uuid LANGUAGE sql AS $$
	SELECT dead_letter_id FROM billing.dead_letters WHERE customer_id = customer AND status = 'OPEN'
$$;
CREATE PROCEDURE pg_temp.collect_declined() LANGUAGE plpgsql AS $$
DECLARE
	before text := current_setting('billing.now');
BEGIN
	PERFORM set_config('billing.now', '2027-03-02T00:00:00Z', false);
	PERFORM billing.register_customer(c, currency => 'KRW', time_zone => 'UTC'), billing.create_pricing_plan('declined', 'KRW',
			'[{"resourceType": "API_CALL", "model": "per_unit", "unitPrice": 1}]', '2027-01-01T00:00:00Z', c),
		billing.register_payment_method(c, 'CARD', 'mock', 'FAIL_' || c), billing.ingest_usage('declined', c, 'API_CALL', 100, '2027-02-10T00:00:00Z'),
		billing.run_settlement(c, '2027-02') FROM unnest(ARRAY['mended', 'stopped', 'lost']) c;
	PERFORM billing.register_payment_method('mended', 'CARD', 'mock', 'mended');
	PERFORM billing.register_customer('stopped', collection => 'SEND_INVOICE');
	PERFORM billing.register_payment_method('lost', 'CARD', 'mock', 'expired', expires_on => '2027-02-28');
	PERFORM set_config('billing.now', '2027-03-03T00:00:00Z', false);
	PERFORM billing.collect_invoices();
	PERFORM billing.replay_dead_letter(pg_temp.open_letter('lost'), 'another card');
	PERFORM billing.collect_invoices();
	PERFORM billing.discard_dead_letter(pg_temp.open_letter('lost'), 'no other card');
	PERFORM set_config('billing.now', before, false);
END;
$$;
