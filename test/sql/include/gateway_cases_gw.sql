-- The cases of calls to the payment gateway: part of bad_input.sql, in its transaction.
SET LOCAL billing.gateway_url = 'http://127.0.0.1:9';
CREATE TEMP TABLE the_call AS SELECT payment_id FROM billing.request_top_up('bad_input', 70, 'KRW', idempotency_key => 'by_gateway');
SET LOCAL billing.gateway_url = '';

INSERT INTO good (fn, arg, expr) VALUES
('retry_gateway_call', 'subject_id', '(SELECT payment_id FROM the_call)'),
('report_stuck_payments', 'batch', '10');
INSERT INTO cases (fn, label, expected)
SELECT fn, 'good arguments', 'OK' FROM good g WHERE NOT EXISTS (SELECT FROM cases c WHERE c.fn = g.fn) GROUP BY fn ORDER BY min(position);

CALL pg_temp.add_id('retry_gateway_call', 'subject_id', 'PAYMENT_NOT_FOUND');
CALL pg_temp.add_batch('report_stuck_payments');
