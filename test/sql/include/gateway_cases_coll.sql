-- The cases of collections and dead letters: part of bad_input.sql, in its transaction.

-- one invoice that was declined for good
SELECT count(billing.register_customer('FATAL_bad_input', time_zone => 'UTC', currency => 'KRW'));
SELECT count(billing.create_pricing_plan('plan', 'KRW', '[{"model": "per_unit", "resourceType": "API_CALL", "unitPrice": 1}]',
	'2026-01-01', 'FATAL_bad_input'));
SELECT billing.ingest_usage('april', 'FATAL_bad_input', 'API_CALL', 100, '2026-04-10');
SELECT message FROM billing.run_settlement('FATAL_bad_input', '2026-04');
CREATE TEMP TABLE the_letter AS SELECT dead_letter_id FROM billing.dead_letters;

INSERT INTO good (fn, arg, expr) VALUES
('collect_invoices', 'batch', '10'),
('replay_dead_letter', 'dead_letter_id', '(SELECT dead_letter_id FROM the_letter)'),
('replay_dead_letter', 'reason', $$'the bank was down'$$),
('discard_dead_letter', 'dead_letter_id', '(SELECT dead_letter_id FROM the_letter)'),
('discard_dead_letter', 'reason', $$'he left'$$);
INSERT INTO cases (fn, label, expected) SELECT fn, 'good arguments', 'OK' FROM good
	g WHERE NOT EXISTS (SELECT FROM cases c WHERE c.fn = g.fn) GROUP BY fn ORDER BY min(position);

CALL pg_temp.add_batch('collect_invoices');
CALL pg_temp.add_id('replay_dead_letter', 'dead_letter_id', 'DEAD_LETTER_NOT_FOUND');
CALL pg_temp.add_text('replay_dead_letter', 'reason', 512, true);
CALL pg_temp.add_id('discard_dead_letter', 'dead_letter_id', 'DEAD_LETTER_NOT_FOUND');
CALL pg_temp.add_text('discard_dead_letter', 'reason', 512, true);
