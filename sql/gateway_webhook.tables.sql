-- What the payment provider told by itself.

CREATE TABLE billing.gateway_webhooks (
	provider text COLLATE "C" NOT NULL,
	event_id text COLLATE "C" NOT NULL,
	type text NOT NULL,
	provider_key text COLLATE "C",
	subject text,
	subject_id uuid,
	customer_id text COLLATE "C",
	result text NOT NULL,
	received_at timestamptz NOT NULL,
	body_digest bytea NOT NULL,
	row_digest bigint NOT NULL DEFAULT 0,
	CONSTRAINT gateway_webhooks_pkey PRIMARY KEY (provider, event_id),
	CONSTRAINT gateway_webhooks_subject CHECK (subject IN ('PAYMENT', 'REFUND')),
	CONSTRAINT gateway_webhooks_found CHECK ((subject IS NULL) = (subject_id IS NULL)
		AND (subject IS NULL) = (customer_id IS NULL)),
	CONSTRAINT gateway_webhooks_result CHECK (result IN ('APPLIED', 'ALREADY', 'LATE', 'IGNORED'))
);
SELECT pg_catalog.pg_extension_config_dump('billing.gateway_webhooks', '');
COMMENT ON TABLE billing.gateway_webhooks IS
'Events that the payment provider told by webhook, each once, written in the transaction of its effect. result: APPLIED (it ended the payment or refund), ALREADY (that had ended), LATE (approved after it had FAILED), IGNORED (a type or key that is not known here). Append-only; purge_gateway_webhooks() deletes old ones.';
CREATE INDEX gateway_webhooks_received ON billing.gateway_webhooks (received_at);
