-- Collection of declined invoices: functions.

CREATE FUNCTION billing.collect_invoices(batch int DEFAULT 100) RETURNS bigint
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_collect_invoices';
COMMENT ON FUNCTION billing.collect_invoices(int) IS
'Charges invoices whose next try is due (collections.next_attempt_at), oldest first, at most batch (1 to 10000) of them, and answers how many it looked at. A try is a new payment of operation collection, by the customer''s default payment method of now; while its outcome is not known the collection waits. What is paid, cancelled, has nothing due or is SEND_INVOICE is STOPPED. Invoices that another session has locked are left for the next call. For a scheduler. Errors: INVALID_ARGUMENT, FORBIDDEN.';

CREATE FUNCTION billing.replay_dead_letter(dead_letter_id uuid, reason text) RETURNS billing.dead_letters
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_replay_dead_letter';
COMMENT ON FUNCTION billing.replay_dead_letter(uuid, text) IS
'Begins anew what an OPEN dead letter tells of: an invoice is charged at the next collect_invoices(), and on the whole schedule again if that is declined. A second call answers the row unchanged. For members of billing_admin. Errors: INVALID_ARGUMENT, DEAD_LETTER_NOT_FOUND, ILLEGAL_STATE (it is DISCARDED), FORBIDDEN.';

CREATE FUNCTION billing.discard_dead_letter(dead_letter_id uuid, reason text) RETURNS billing.dead_letters
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_discard_dead_letter';
COMMENT ON FUNCTION billing.discard_dead_letter(uuid, text) IS
'Ends an OPEN dead letter; what it tells of stays as it is: an invoice stays ISSUED or OVERDUE, and is not charged by billing any more. A second call answers the row unchanged. For members of billing_admin. Errors: INVALID_ARGUMENT, DEAD_LETTER_NOT_FOUND, ILLEGAL_STATE (it is REPLAYED), FORBIDDEN.';
