-- The cases of secrets and of the provider's webhooks: part of bad_input.sql, in its transaction.
\set cases :tests /sql/include/webhook.sql
\set ECHO none
\i :cases
\set ECHO all
CALL pg_temp.write_keys(pg_temp.key_line('k1', '11'));
SET LOCAL billing.secret_key_file = 'billing_tap_keys';
SELECT count(billing.set_secret('gateway_webhook', 'whsec'));

INSERT INTO good (fn, arg, expr) VALUES
('set_secret', 'name', $$'bad_input'$$),
('set_secret', 'value', $$'a value'$$),
('drop_secret', 'name', $$'gateway_webhook'$$),
('receive_gateway_webhook', 'provider', $$'http'$$),
('receive_gateway_webhook', 'headers', $$pg_temp.headers('{"id": "e", "type": "ping"}')$$),
('receive_gateway_webhook', 'body', $$'{"id": "e", "type": "ping"}'$$),
('purge_gateway_webhooks', 'before', $$'2026-01-01'$$);
INSERT INTO cases (fn, label, expected)
SELECT fn, 'good arguments', 'OK' FROM good g WHERE NOT EXISTS (SELECT FROM cases c WHERE c.fn = g.fn) GROUP BY fn ORDER BY min(position);

CALL pg_temp.add_text('set_secret', 'name', 64, true);
CALL pg_temp.add_text('drop_secret', 'name', 64, true);
CALL pg_temp.add('set_secret', 'name',
	'capital', $$'Name'$$, 'INVALID_ARGUMENT',
	'dash', $$'a-b'$$, 'INVALID_ARGUMENT',
	'newline after', $$E'name\n'$$, 'INVALID_ARGUMENT',
	'wide letter', $$U&'\D55C'$$, 'INVALID_ARGUMENT',
	'at the limit', $$repeat('x', 64)$$, 'OK');
CALL pg_temp.add('drop_secret', 'name',
	'capital', $$'Name'$$, 'INVALID_ARGUMENT',
	'unknown', $$'nothing'$$, 'OK');
CALL pg_temp.add('set_secret', 'value',
	'null', 'NULL', 'INVALID_ARGUMENT',
	'empty', $$''$$, 'INVALID_ARGUMENT',
	'blank', $$'   '$$, 'INVALID_ARGUMENT',
	'at the limit', $$repeat('x', 4096)$$, 'OK',
	'one byte too long', $$repeat('x', 4097)$$, 'INVALID_ARGUMENT',
	'one byte too long of wide characters', $$repeat(U&'\D55C', 1366)$$, 'INVALID_ARGUMENT',
	'a megabyte', $$repeat('x', 1000000)$$, 'INVALID_ARGUMENT');
CALL pg_temp.add('set_secret', 'overlap',
	'null', 'NULL', 'INVALID_ARGUMENT',
	'negative', $$'-1 second'$$, 'INVALID_ARGUMENT',
	'none', $$'0'$$, 'OK',
	'at the limit', $$'366 days'$$, 'OK',
	'above the limit', $$'366 days 1 second'$$, 'INVALID_ARGUMENT',
	'greatest', $$'178000000 years'$$, 'INVALID_ARGUMENT',
	'least', $$'-178000000 years'$$, 'INVALID_ARGUMENT');

CALL pg_temp.add('receive_gateway_webhook', 'provider',
	'null', 'NULL', 'INVALID_ARGUMENT',
	'empty', $$''$$, 'INVALID_ARGUMENT',
	'upper case', $$'HTTP'$$, 'INVALID_ARGUMENT',
	'space after', $$'http '$$, 'INVALID_ARGUMENT',
	'another', $$'mock'$$, 'INVALID_ARGUMENT',
	'a megabyte', $$repeat('x', 1000000)$$, 'INVALID_ARGUMENT');
CALL pg_temp.add('receive_gateway_webhook', 'headers',
	'null', 'NULL', 'INVALID_ARGUMENT',
	'JSON null', $$'null'$$, 'MALFORMED_DOCUMENT',
	'JSON text', $$'"x"'$$, 'MALFORMED_DOCUMENT',
	'array', $$'[{}]'$$, 'MALFORMED_DOCUMENT',
	'none', $$'{}'$$, 'INVALID_SIGNATURE',
	'nulls', $$'{"X-Webhook-Timestamp": null, "X-Webhook-Signature": null}'$$, 'INVALID_SIGNATURE',
	'objects', $$'{"X-Webhook-Timestamp": {}, "X-Webhook-Signature": []}'$$, 'INVALID_SIGNATURE',
	'a signature of a megabyte', $$jsonb_build_object('X-Webhook-Timestamp', '1', 'X-Webhook-Signature', repeat('x', 1000000))$$, 'LIMIT_EXCEEDED',
	'a signature of 60 kB', $$jsonb_build_object('X-Webhook-Timestamp', '1', 'X-Webhook-Signature', repeat('sha256=,', 7500))$$, 'INVALID_SIGNATURE',
	'of another secret', $$pg_temp.headers('{"id": "e", "type": "ping"}', 'another')$$, 'INVALID_SIGNATURE',
	'an hour old', $$pg_temp.headers('{"id": "e", "type": "ping"}', age => '1 hour')$$, 'INVALID_SIGNATURE');
CALL pg_temp.add('receive_gateway_webhook', 'body',
	'null', 'NULL', 'INVALID_ARGUMENT',
	'empty', $$''$$, 'INVALID_SIGNATURE',
	'another', $$'{"id": "f", "type": "ping"}'$$, 'INVALID_SIGNATURE',
	'at the limit', $$convert_to(repeat('x', 65536), 'UTF8')$$, 'INVALID_SIGNATURE',
	'one byte above the limit', $$convert_to(repeat('x', 65537), 'UTF8')$$, 'LIMIT_EXCEEDED',
	'ten megabytes', $$convert_to(repeat('x', 10000000), 'UTF8')$$, 'LIMIT_EXCEEDED');
CALL pg_temp.add('purge_gateway_webhooks', 'before',
	'null', 'NULL', 'INVALID_ARGUMENT',
	'infinity', $$'infinity'$$, 'INVALID_ARGUMENT',
	'minus infinity', $$'-infinity'$$, 'INVALID_ARGUMENT',
	'now', 'clock_timestamp()', 'INVALID_ARGUMENT',
	'within a week', $$clock_timestamp() - interval '6 days 23 hours'$$, 'INVALID_ARGUMENT',
	'end of time', $$'294276-12-31 23:59:59.999999'$$, 'INVALID_ARGUMENT',
	'beginning of time', $$'4714-11-24 BC'$$, 'OK');
