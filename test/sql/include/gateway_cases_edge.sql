-- The cases of circuit breakers: part of bad_input.sql, in its transaction.

INSERT INTO good (fn, arg, expr) VALUES
('open_circuit_breaker', 'name', $$'gateway'$$),
('reset_circuit_breaker', 'name', $$'gateway'$$);

CALL pg_temp.add_text('open_circuit_breaker', 'name', 64, true);
CALL pg_temp.add('open_circuit_breaker', 'name',
	'unknown', $$'nowhere'$$, 'INVALID_ARGUMENT', 'upper case', $$'GATEWAY'$$, 'INVALID_ARGUMENT', 'known', $$'gateway'$$, 'OK');
CALL pg_temp.add_text('reset_circuit_breaker', 'name', 64, true);
CALL pg_temp.add('reset_circuit_breaker', 'name',
	'unknown', $$'nowhere'$$, 'INVALID_ARGUMENT', 'upper case', $$'GATEWAY'$$, 'INVALID_ARGUMENT', 'known', $$'gateway'$$, 'OK');
