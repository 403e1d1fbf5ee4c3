-- The outside services: circuit breakers and bulkheads. Both live in shared memory.

CREATE FUNCTION billing.circuit_breaker_states(OUT name text, OUT state text, OUT calls int, OUT failures int,
	OUT slow_calls int, OUT opened_at timestamptz, OUT probes_left int, OUT retry_at timestamptz, OUT refused bigint)
	RETURNS SETOF record LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'billing_circuit_breaker_states';
COMMENT ON FUNCTION billing.circuit_breaker_states() IS
'The rows of circuit_breakers, from shared memory.';

CREATE VIEW billing.circuit_breakers WITH (security_invoker = true) AS
	SELECT b.name, b.state, b.calls, b.failures, b.slow_calls,
		CASE WHEN b.calls > 0 THEN pg_catalog.round(100.0 * b.failures / b.calls, 1) END AS failure_rate,
		b.opened_at, b.probes_left, b.retry_at, b.refused
	FROM billing.circuit_breaker_states() b;
COMMENT ON VIEW billing.circuit_breakers IS
'One row for each outside service. state: CLOSED; OPEN until retry_at; HALF_OPEN, when probes_left calls may still try; FORCED_OPEN by an operator. calls, failures, slow_calls and failure_rate (percent) are of the last billing.breaker_window calls; refused counts since the start of the server. Empty without preload.';

CREATE FUNCTION billing.open_circuit_breaker(name text) RETURNS void
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_open_circuit_breaker';
COMMENT ON FUNCTION billing.open_circuit_breaker(text) IS
'Stops all calls to an outside service until reset_circuit_breaker() or a start of the server. Counts at once, even when the transaction fails; the calls wait. For what must last: disable_workers(). For billing_admin. Errors: INVALID_ARGUMENT, ILLEGAL_STATE without preload.';

CREATE FUNCTION billing.reset_circuit_breaker(name text) RETURNS void
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_reset_circuit_breaker';
COMMENT ON FUNCTION billing.reset_circuit_breaker(text) IS
'Closes a circuit breaker and forgets the calls that it has seen. Counts at once, even when the transaction fails. For billing_admin. Errors: INVALID_ARGUMENT, ILLEGAL_STATE without preload.';

CREATE FUNCTION billing.bulkhead_states(OUT name text, OUT in_flight int, OUT refused_in_flight bigint,
	OUT refused_queue bigint)
	RETURNS SETOF record LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'billing_bulkhead_states';
COMMENT ON FUNCTION billing.bulkhead_states() IS
'What bulkheads shows of shared memory.';

CREATE VIEW billing.bulkheads WITH (security_invoker = true) AS
	SELECT b.name, b.in_flight, pg_catalog.current_setting('billing.gateway_max_in_flight', true)::int AS max_in_flight,
		q.queued, pg_catalog.current_setting('billing.gateway_max_queued', true)::int AS max_queued,
		b.refused_in_flight, b.refused_queue
	FROM billing.bulkhead_states() b
	CROSS JOIN LATERAL (
		SELECT pg_catalog.count(*) AS queued FROM billing.gateway_calls c WHERE c.priority = 0 AND c.sends = 0
	) q;
COMMENT ON VIEW billing.bulkheads IS
'One row for each outside service: calls in flight, and interactive calls that were never sent, with the most of both and how often they were reached since the start of the server. Beyond max_queued a call is refused with BULKHEAD_FULL; beyond max_in_flight it waits. Empty without preload.';
