-- Credit notes: functions.

CREATE FUNCTION billing.issue_credit_note(invoice_id uuid, lines jsonb, reason text, destination text DEFAULT NULL,
	idempotency_key text DEFAULT NULL)
	RETURNS billing.credit_notes LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_issue_credit_note';
COMMENT ON FUNCTION billing.issue_credit_note(uuid, jsonb, text, text, text) IS
'Takes back a part of an ISSUED, OVERDUE or PAID invoice: lines is an array of {"lineNo", "net", "description"} (net above 0, in the invoice''s currency; description may be left out), or null for all that is not credited yet. The tax follows the net. It lowers what is due first; what was paid goes back to destination: SOURCE, WALLET or CREDIT, the newest payment first, SOURCE not for payments through a gateway that is outside, since the money would not be back yet: refund_payment() writes the note when it is; credit that was applied comes back as one of type REFUND_TO_CREDIT. The credit notes of a line never exceed it. Errors: INVALID_ARGUMENT, MALFORMED_DOCUMENT, LIMIT_EXCEEDED, INVOICE_NOT_FOUND, ILLEGAL_STATE (also: something was paid, and no destination), CREDIT_NOTE_EXCEEDS_INVOICE, PAYMENT_IN_PROGRESS, INCOMPATIBLE_PARAMS, DUPLICATE_REQUEST.';
