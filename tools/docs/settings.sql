-- docs/reference/settings.md, from pg_settings.
LOAD 'billing';
SELECT $text$# Settings

Made by `tools/docs/generate` from `pg_settings`. Do not edit.

Set them in `postgresql.conf`, with `ALTER SYSTEM`, `ALTER DATABASE`, `ALTER ROLE` or `SET`. "Who" is *superuser*
(a superuser, or a role that was granted SET on the setting) or *user* (everybody). They take effect at once, in
sessions that start or reload after the change. A session knows them once the library is loaded: at its first call of a billing
function, or from the start with `shared_preload_libraries = 'billing'` or `session_preload_libraries = 'billing'`.
Those of "server start" exist with `shared_preload_libraries` only.

| setting | default | unit | values | who | what it does |
|---|---|---|---|---|---|$text$;
SELECT format('| `%s` | %s | %s | %s | %s | %s%s |', s.name,
	CASE WHEN s.boot_val = '' THEN 'empty' ELSE format('`%s`', s.boot_val) END,
	CASE s.unit WHEN 'min' THEN 'minutes' WHEN 's' THEN 'seconds' WHEN 'ms' THEN 'milliseconds' ELSE COALESCE(s.unit, '') END,
	CASE s.vartype WHEN 'bool' THEN 'on, off' WHEN 'enum' THEN array_to_string(s.enumvals, ', ')
		WHEN 'string' THEN 'text' ELSE format('%s to %s', s.min_val, s.max_val) END,
	CASE s.context WHEN 'postmaster' THEN 'server start' WHEN 'sighup' THEN 'reload' ELSE s.context END,
	s.short_desc, COALESCE(' ' || s.extra_desc, ''))
FROM pg_settings s WHERE s.name LIKE 'billing.%' ORDER BY s.name COLLATE "C";
SELECT $text$
The time zone of the house is data, not a setting: `set_house_time_zone()` writes it into `billing_settings`, so that a
dump carries it. The zone of a customer is a column of `customers`.$text$;
