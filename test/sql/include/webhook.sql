-- A file of secret keys, and deliveries as the payment provider signs them. For \ir in a test.
-- The HMAC is computed here by its definition (RFC 2104), with nothing of billing.
CREATE PROCEDURE pg_temp.write_keys(content text, mode text DEFAULT '600') LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('COPY (SELECT regexp_split_to_table(%L, ''\|'')) TO PROGRAM %L', content,
		format('rm -f billing_tap_keys; umask 077; cat > billing_tap_keys; chmod %s billing_tap_keys', mode));
END
$$;
CREATE FUNCTION pg_temp.key_line(id text, hex text) RETURNS text LANGUAGE sql AS $$ SELECT id || ' ' || repeat(hex, 32) $$;

CREATE FUNCTION pg_temp.hmac(secret bytea, message bytea) RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE
	inner_key bytea := decode(repeat('36', 64), 'hex');
	outer_key bytea := decode(repeat('5c', 64), 'hex');
BEGIN
	IF length(secret) > 64 THEN
		secret := sha256(secret);
	END IF;
	FOR i IN 0 .. length(secret) - 1 LOOP
		inner_key := set_byte(inner_key, i, get_byte(inner_key, i) # get_byte(secret, i));
		outer_key := set_byte(outer_key, i, get_byte(outer_key, i) # get_byte(secret, i));
	END LOOP;
	RETURN sha256(outer_key || sha256(inner_key || message));
END
$$;

-- the headers of a delivery `age` ago
CREATE FUNCTION pg_temp.headers(body bytea, secret text DEFAULT 'whsec', age interval DEFAULT '0') RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	at text := floor(extract(epoch FROM clock_timestamp() - age))::bigint::text;
BEGIN
	RETURN jsonb_build_object('X-Webhook-Timestamp', at, 'X-Webhook-Signature',
		'sha256=' || encode(pg_temp.hmac(convert_to(secret, 'UTF8'), convert_to(at || '.', 'UTF8') || body), 'hex'));
END
$$;
CREATE FUNCTION pg_temp.event(id text, type text, key text, reference text DEFAULT 'pg-1', code text DEFAULT NULL) RETURNS bytea LANGUAGE sql AS $$
	SELECT convert_to(jsonb_strip_nulls(jsonb_build_object('id', id, 'type', type, 'idempotencyKey', key, 'pgReferenceId', reference, 'errorCode', code,
		'errorMessage', 'message of ' || code))::text, 'UTF8')
$$;
-- "result", or "result again", or the SQLSTATE
CREATE FUNCTION pg_temp.deliver(body bytea, secret text DEFAULT 'whsec', age interval DEFAULT '0', headers jsonb DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer record;
BEGIN
	SELECT * INTO answer FROM billing.receive_gateway_webhook('http', COALESCE(headers, pg_temp.headers(body, secret, age)), body);
	RETURN answer.result || CASE WHEN answer.duplicate THEN ' again' ELSE '' END;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END
$$;
CREATE FUNCTION pg_temp.deliver(id text, type text, key text, reference text DEFAULT 'pg-1', code text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
	SELECT pg_temp.deliver(pg_temp.event(id, type, key, reference, code))
$$;
