-- Secrets at rest: what is stored, under which key, for how long; files of keys; who may do what.
BEGIN;
SELECT plan(62);
\ir include/callers.sql
\ir ../sql/include/webhook.sql

-- what a call raises: its SQLSTATE, detail and hint
CREATE FUNCTION pg_temp.refusal(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
	hint text;
	message text;
BEGIN
	EXECUTE statement;
	RETURN 'none';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT, message = MESSAGE_TEXT;
	RETURN concat_ws(' | ', SQLSTATE, message, NULLIF(detail, ''), NULLIF(left(hint, 25), ''));
END
$$;
-- whether the server still knows a value of the secret for webhooks: what it signs passes
CREATE FUNCTION pg_temp.is_live(value text) RETURNS boolean LANGUAGE sql AS $$
	SELECT pg_temp.deliver(convert_to(format('{"id": "%s", "type": "ping"}', gen_random_uuid()), 'UTF8'), value) = 'IGNORED'
$$;

-- ---- files of keys --------------------------------------------------------------------------------------------
SET LOCAL billing.secret_key_file = '';
SELECT is(pg_temp.refusal($$SELECT billing.set_secret('gateway_webhook', 'one')$$),
	'ZB202 | there is no file of secret keys | Set billing.secret_key_fi', 'without a file of keys a secret is refused, with a hint');
SELECT is(pg_temp.refusal('SELECT billing.rotate_secrets()'), 'ZB202 | there is no file of secret keys | Set billing.secret_key_fi', 'and nothing is rotated');
SET LOCAL billing.secret_key_file = 'billing_tap_keys_not_there';
SELECT is(pg_temp.refusal($$SELECT billing.set_secret('gateway_webhook', 'one')$$),
	'ZB202 | could not read the file of secret keys: No such file or directory | billing.secret_key_file m', 'a file that is not there is refused');
SET LOCAL billing.secret_key_file = '.';
SELECT alike(pg_temp.refusal($$SELECT billing.set_secret('gateway_webhook', 'one')$$),
	'ZB202 | file of secret keys is refused | It is not a regular file.%', 'so is a folder');
SET LOCAL billing.secret_key_file = 'billing_tap_keys';
CREATE TEMP TABLE bad_mode AS SELECT unnest(ARRAY['640', '604', '620', '602', '610', '601', '644', '666']) AS mode;
CREATE FUNCTION pg_temp.refusal_of_mode(mode text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	CALL pg_temp.write_keys(pg_temp.key_line('k1', '11'), mode);
	RETURN pg_temp.refusal($s$SELECT billing.set_secret('gateway_webhook', 'one')$s$);
END
$$;
SELECT is_empty($$SELECT mode FROM bad_mode WHERE pg_temp.refusal_of_mode(mode) NOT LIKE 'ZB202 | file of secret keys is refused | Others than the user%'$$,
	'a file that others may read, write or run is refused');
SELECT is(pg_temp.refusal_of_mode('400'), 'none', 'one for the server alone is taken');
CREATE FUNCTION pg_temp.refusal_of_keys(content text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	CALL pg_temp.write_keys(content);
	RETURN pg_temp.refusal($s$SELECT billing.set_secret('gateway_webhook', 'one')$s$);
END
$$;
SELECT alike(pg_temp.refusal_of_keys(''), 'ZB202 | file of secret keys is malformed | It has no key.%', 'an empty file is malformed');
SELECT alike(pg_temp.refusal_of_keys(pg_temp.key_line('k1', '11') || '|k2 abcdef'), 'ZB202 | file of secret keys is malformed | Line 2: The key is not 64%',
	'a malformed line is named by its number');
SELECT unalike(pg_temp.refusal_of_keys('k2 abcdef'), '%abcdef%', 'and not shown');
SELECT alike(pg_temp.refusal_of_keys(repeat('#', 20000) || '|' || pg_temp.key_line('k1', '11')), '%It is too large.%', 'a file has at most 16 KiB');

-- ---- what is stored -------------------------------------------------------------------------------------------
CALL pg_temp.write_keys(pg_temp.key_line('k1', '11'));
SELECT billing.drop_secret('gateway_webhook');
SELECT billing.set_secret('gateway_webhook', 'the value');
SELECT is(pg_temp.is_live('the value'), true, 'a secret that was set counts');
SELECT is(pg_temp.is_live('another'), false, 'and no other');
SELECT is((SELECT format('%s %s %s', key_id, octet_length(nonce), octet_length(ciphertext)) FROM billing.secrets), 'k1 12 25', 'it is stored with its key, a nonce and a tag');
SELECT is((SELECT position('the value'::bytea IN ciphertext) FROM billing.secrets), 0, 'encrypted');
SELECT is_empty($$SELECT t FROM billing.audit_entries t WHERE t::text LIKE '%the value%' UNION ALL SELECT NULL FROM billing.outbox t WHERE t::text LIKE '%the value%'$$,
	'no value is in the audit log or an event');
SELECT results_eq($$SELECT action, target_type, target_id, after FROM billing.audit_entries WHERE target_type = 'Secret' ORDER BY position DESC LIMIT 2$$,
	$$VALUES ('SECRET_SET', 'Secret', 'gateway_webhook', '{"keyId": "k1"}'::jsonb), ('SECRET_DROPPED', 'Secret', 'gateway_webhook', NULL)$$, 'but who set and dropped it');
SELECT billing.set_secret('a', 'same'), billing.set_secret('b', 'same');
SELECT is((SELECT format('%s %s', count(DISTINCT nonce), count(DISTINCT ciphertext)) FROM billing.secrets WHERE name IN ('a', 'b')), '2 2',
	'the same value twice is not seen to be the same');
SELECT lives_ok($$SELECT billing.set_secret('long', repeat('x', 4096)), billing.set_secret('wide', repeat(U&'\D55C', 1365))$$, 'a value has up to 4 KiB');
SELECT throws_ok($$SELECT billing.set_secret('wide', repeat(U&'\D55C', 1366))$$, 'ZB001', 'value is too long', 'of bytes, not of characters');

-- ---- overlap --------------------------------------------------------------------------------------------------
SELECT billing.set_secret('gateway_webhook', 'second');
SELECT is(ARRAY[pg_temp.is_live('the value'), pg_temp.is_live('second')], ARRAY[true, true], 'what is replaced stays live');
SELECT is((SELECT retires_at - created_at BETWEEN '23:59' AND '24:10' FROM billing.stored_secrets WHERE name = 'gateway_webhook' AND retires_at IS NOT NULL), true, 'for a day');
SELECT billing.set_secret('gateway_webhook', 'third', '1 hour');
SELECT is(ARRAY[pg_temp.is_live('the value'), pg_temp.is_live('second'), pg_temp.is_live('third')], ARRAY[false, true, true], 'at most two values are live');
SELECT is((SELECT count(*) FROM billing.secrets WHERE name = 'gateway_webhook'), 2::bigint, 'and no more are kept');
SELECT billing.set_secret('gateway_webhook', 'fourth', '0');
SELECT is(ARRAY[pg_temp.is_live('third'), pg_temp.is_live('fourth')], ARRAY[false, true], 'without overlap the old value is dead at once');
SELECT is((SELECT count(*) FROM billing.secrets WHERE name = 'gateway_webhook'), 1::bigint, 'and gone');
SELECT billing.set_secret('gateway_webhook', 'fifth');
UPDATE billing.secrets SET retires_at = clock_timestamp() - interval '1 second' WHERE retires_at IS NOT NULL;
SELECT is(ARRAY[pg_temp.is_live('fourth'), pg_temp.is_live('fifth')], ARRAY[false, true], 'an overlap ends by itself');

-- ---- rotation -------------------------------------------------------------------------------------------------
SELECT is(billing.rotate_secrets(), 0::bigint, 'what is under the current key is not rotated');
SELECT is((SELECT count(*) FROM billing.secrets WHERE name = 'gateway_webhook'), 1::bigint, 'what has retired is deleted');
SELECT billing.set_secret('gateway_webhook', 'sixth');
CALL pg_temp.write_keys(pg_temp.key_line('k2', '22') || '|' || pg_temp.key_line('k1', '11'));
SELECT is(ARRAY[pg_temp.is_live('fifth'), pg_temp.is_live('sixth')], ARRAY[true, true], 'a new key leaves what is under an older one readable');
SELECT is(billing.rotate_secrets(), (SELECT count(*) FROM billing.secrets), 'rotation encrypts every row anew');
SELECT is((SELECT string_agg(DISTINCT key_id, ' ') FROM billing.stored_secrets), 'k2', 'under the current key');
SELECT is(billing.rotate_secrets(), 0::bigint, 'once');
SELECT is((SELECT after FROM billing.audit_entries WHERE action = 'SECRETS_ROTATED'), '{"keyId": "k2"}'::jsonb, 'audited');
CALL pg_temp.write_keys(pg_temp.key_line('k2', '22'));
SELECT is(ARRAY[pg_temp.is_live('fifth'), pg_temp.is_live('sixth')], ARRAY[true, true], 'the values are as they were without the old key');
SELECT is((SELECT violations FROM billing.verify_row_digests(NULL)), 0::bigint, 'and the digests are those of the new rows');

-- ---- what is not as it was written ----------------------------------------------------------------------------
-- Undone: what a delivery raises once the statement has damaged a row or the file.
CREATE FUNCTION pg_temp.refusal_after(damage text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	body bytea := '{"id": "damaged", "type": "ping"}';
	result text;
BEGIN
	EXECUTE damage;
	result := pg_temp.refusal(format('SELECT billing.receive_gateway_webhook(''http'', %L, %L)', pg_temp.headers(body, 'sixth'), body));
	RAISE SQLSTATE 'TAP00' USING MESSAGE = result;
EXCEPTION WHEN SQLSTATE 'TAP00' THEN
	RETURN SQLERRM;
END
$$;
SELECT is(pg_temp.refusal_after('SELECT 1'), 'none', 'what is sound passes');
SELECT is(left(pg_temp.refusal_after(v.damage), 58), 'XX001 | secret "gateway_webhook" cannot be decrypted | Its', v.what || ' is an error, and never another value')
FROM (VALUES
	('a changed ciphertext', $$UPDATE billing.secrets SET ciphertext = set_byte(ciphertext, 0, get_byte(ciphertext, 0) # 1)$$),
	('a changed tag', $$UPDATE billing.secrets SET ciphertext = set_byte(ciphertext, length(ciphertext) - 1, get_byte(ciphertext, length(ciphertext) - 1) # 128)$$),
	('a ciphertext that is cut', $$UPDATE billing.secrets SET ciphertext = substr(ciphertext, 1, length(ciphertext) - 1)$$),
	('no ciphertext', $$UPDATE billing.secrets SET ciphertext = ''$$),
	('a changed nonce', $$UPDATE billing.secrets SET nonce = set_byte(nonce, 0, get_byte(nonce, 0) # 1)$$),
	('another id', $$UPDATE billing.secrets SET secret_id = gen_random_uuid() WHERE retires_at IS NULL$$),
	('the row of another name', $$DELETE FROM billing.secrets WHERE name = 'gateway_webhook'; UPDATE billing.secrets SET name = 'gateway_webhook' WHERE name = 'a'$$),
	('the other value''s ciphertext', $$UPDATE billing.secrets s SET ciphertext = o.ciphertext, nonce = o.nonce FROM billing.secrets o
		WHERE s.name = 'gateway_webhook' AND o.name = s.name AND o.secret_id <> s.secret_id$$)) v(what, damage);
SELECT alike(pg_temp.refusal_after($$UPDATE billing.secrets SET key_id = 'k9'$$), 'ZB202 | secret "gateway_webhook" cannot be decrypted | Its key "k9" is not in%',
	'a key that is not in the file is named');
SAVEPOINT damaged;
UPDATE billing.secrets SET nonce = set_byte(nonce, 0, get_byte(nonce, 0) # 1) WHERE name = 'a';
SELECT is((SELECT detail #>> '{0,key,name}' FROM billing.verify() WHERE NOT ok AND check_name = 'row_digests'), 'a', 'verify() tells a row that was changed');
ROLLBACK TO damaged;
CALL pg_temp.write_keys(pg_temp.key_line('k2', '23'));
SELECT alike(pg_temp.refusal_after('SELECT 1'), 'XX001 %', 'another key of that id is an error');
SELECT alike(pg_temp.refusal_after('SELECT billing.rotate_secrets()'), 'XX001 %', 'which nothing hides');
SELECT lives_ok($$SELECT billing.set_secret('gateway_webhook', 'whsec', '0')$$, 'what cannot be decrypted can be set anew');
SELECT is(pg_temp.is_live('whsec'), true, 'and counts');

-- ---- who ------------------------------------------------------------------------------------------------------
SELECT is(pg_temp.as_service('SELECT ciphertext FROM billing.secrets'), '42501', 'the service may not read the table');
SELECT is(pg_temp.act('tap_admin', 'tap_admin', NULL, 'SELECT ciphertext FROM billing.secrets'), '42501', 'nor may the admin');
SELECT is(pg_temp.as_service('SELECT count(*) > 0 FROM billing.stored_secrets'), 'true', 'the house sees what is stored');
SELECT hasnt_column('billing', 'stored_secrets', 'ciphertext', 'without values');
SELECT is(pg_temp.as_service($$SELECT billing.set_secret('a', 'b')$$), 'ZB401', 'the service sets no secret');
SELECT is(pg_temp.as_service($$SELECT billing.drop_secret('a')$$), 'ZB401', 'nor drops one');
SELECT is(pg_temp.as_service($$SELECT billing.rotate_secrets()$$), 'ZB401', 'nor rotates');
SELECT is(pg_temp.act('tap_admin', 'tap_admin', NULL, $$SELECT billing.set_secret('a', 'b') IS NOT NULL$$), 'true', 'the admin does');
SELECT is(pg_temp.as_service('SHOW billing.secret_key_file'), '42501', 'where the keys are is for superusers to see');
SELECT is(pg_temp.act('tap_admin', 'tap_admin', NULL, $$SET billing.secret_key_file = '/tmp/mine'$$), '42501', 'and to set');
SELECT is(billing.drop_secret('a'), true, 'drop_secret() says that there was one');
SELECT is(billing.drop_secret('a'), false, 'and that there is none');

SELECT * FROM finish();
ROLLBACK;
