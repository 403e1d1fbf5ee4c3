-- Waiting for what the payment gateway's worker decides, and looking at the workers.

CREATE FUNCTION billing.wait_for_payment(payment_id uuid, timeout interval DEFAULT '30 seconds')
	RETURNS billing.payments LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_wait_for_payment';
COMMENT ON FUNCTION billing.wait_for_payment(uuid, interval) IS
'Waits until a payment is not PENDING and answers it, or answers it as it is when the time is over: 0 to 10 minutes. It sleeps without a lock and sees what others commit, in every isolation level; a payment of the own transaction that is not committed cannot be decided meanwhile. A customer waits for his own. Without shared_preload_libraries only a decided payment is answered. Errors: INVALID_ARGUMENT, PAYMENT_NOT_FOUND, ILLEGAL_STATE, FORBIDDEN.';

CREATE FUNCTION billing.worker_states(OUT kind text, OUT number int, OUT pid int, OUT state text, OUT since timestamptz,
	OUT in_flight int, OUT starts bigint, OUT transactions bigint, OUT started bigint, OUT recorded bigint,
	OUT errors bigint, OUT last_error text, OUT last_error_at timestamptz)
	RETURNS SETOF record LANGUAGE c VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_worker_states';
COMMENT ON FUNCTION billing.worker_states() IS
'The rows of workers, from shared memory.';

CREATE VIEW billing.workers WITH (security_invoker = true) AS
	SELECT w.kind, w.number, w.pid, w.state, w.since, w.in_flight, w.starts, w.transactions, w.started, w.recorded,
		w.errors, w.last_error, w.last_error_at
	FROM billing.worker_states() w;
COMMENT ON VIEW billing.workers IS
'One row for each background worker of the server, of whichever database billing.database names. state: STARTING; RUNNING; NO_EXTENSION or OTHER_VERSION, while the database has not what the library is of; FAILING, while it waits after an error; STOPPED, until the server starts it again. started and recorded count calls to the outside. All counts are since the start of the server. Whether the workers may speak says workers_allowed(). Empty without preload.';
