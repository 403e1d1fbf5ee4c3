-- The cases of waiting for a payment: part of bad_input.sql, in its transaction.

INSERT INTO good (fn, arg, expr) VALUES
('wait_for_payment', 'payment_id', '(SELECT payment_id FROM the_payment)'),
('wait_for_payment', 'timeout', $$'0'$$);

CALL pg_temp.add_id('wait_for_payment', 'payment_id', 'PAYMENT_NOT_FOUND');
CALL pg_temp.add('wait_for_payment', 'timeout',
	'null', 'NULL', 'INVALID_ARGUMENT', 'negative', $$'-1 ms'$$, 'INVALID_ARGUMENT',
	'10 minutes', $$'10 min'$$, 'OK', 'a moment more', $$'10 min 0.000001 s'$$, 'INVALID_ARGUMENT',
	'a day', $$'1 day'$$, 'INVALID_ARGUMENT', 'a month', $$'1 mon'$$, 'INVALID_ARGUMENT',
	'a day back and forth', $$'1 day -24:00:00'$$, 'INVALID_ARGUMENT');
