-- Webhooks of the payment provider: functions.

CREATE FUNCTION billing.receive_gateway_webhook(provider text, headers jsonb, body bytea, OUT event_id text,
	OUT duplicate boolean, OUT subject text, OUT subject_id uuid, OUT result text)
	RETURNS record LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_receive_gateway_webhook';
COMMENT ON FUNCTION billing.receive_gateway_webhook(text, jsonb, bytea) IS
'Takes an event of the payment provider as it came: provider http, the HTTP headers as a JSON object (names in any case), the body byte by byte, at most 64 KiB. It counts when X-Webhook-Signature holds sha256= and the HMAC-SHA256 of X-Webhook-Timestamp, a full stop and the body under a live value of the secret gateway_webhook, and the timestamp is within billing.gateway_webhook_tolerance. The body: {"id", "type": payment.approved | payment.rejected | refund.approved | refund.rejected, "idempotencyKey", "pgReferenceId" (of an approval always), "errorCode", "errorMessage"}. Answers APPLIED, ALREADY (it had ended; nothing changed), LATE (approved after it had FAILED: the money goes back) or IGNORED (unknown type or key); the same event again answers the same, with duplicate. For members of billing_service. Errors: INVALID_ARGUMENT, INVALID_SIGNATURE, MALFORMED_DOCUMENT, LIMIT_EXCEEDED, INCOMPATIBLE_PARAMS, ILLEGAL_STATE.';

CREATE FUNCTION billing.purge_gateway_webhooks(before timestamptz) RETURNS bigint
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_purge_gateway_webhooks';
COMMENT ON FUNCTION billing.purge_gateway_webhooks(timestamptz) IS
'Deletes events of the payment provider that were received before, at most 10000 a call, and answers how many; repeat until 0. before is at least 7 days ago, by when the signature of a delivery is stale. For billing_admin. Error: INVALID_ARGUMENT.';

CREATE FUNCTION billing.webhook_append_only() RETURNS trigger
	LANGUAGE c AS 'MODULE_PATHNAME', 'billing_webhook_append_only';
COMMENT ON FUNCTION billing.webhook_append_only() IS
'Trigger that refuses UPDATE, DELETE and TRUNCATE of events of the provider, but the DELETE of purge_gateway_webhooks(). Error: APPEND_ONLY.';
