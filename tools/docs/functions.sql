-- docs/reference/functions.md, from the catalog.
DO $$
BEGIN
	IF EXISTS (SELECT FROM doc_notes n WHERE NOT EXISTS (SELECT FROM pg_proc p
		WHERE p.pronamespace = 'billing'::regnamespace AND p.proname = n.name))
	THEN
		RAISE EXCEPTION 'function_notes.md has a note on a function that does not exist: %',
			(SELECT string_agg(n.name, ', ') FROM doc_notes n WHERE NOT EXISTS (SELECT FROM pg_proc p
				WHERE p.pronamespace = 'billing'::regnamespace AND p.proname = n.name));
	END IF;
	IF EXISTS (SELECT FROM pg_proc p WHERE p.pronamespace = 'billing'::regnamespace
		AND NOT EXISTS (SELECT FROM doc_objects o WHERE o.name = p.proname))
	THEN
		RAISE EXCEPTION 'the installed extension is not that of this tree: run make install';
	END IF;
END;
$$;

CREATE FUNCTION pg_temp.shorter(signature text) RETURNS text LANGUAGE sql AS $$
	SELECT replace(regexp_replace(replace(replace(signature, 'timestamp with time zone', 'timestamptz'),
		'character varying', 'varchar'), '(DEFAULT (NULL|''[^'']*''))::[a-z_]+(\[\])?', '\1', 'g'), 'IN period', 'period')
$$;

SELECT $text$# Functions

Made by `tools/docs/generate` from the catalog and `tools/docs/function_notes.md`. Do not edit.

Everything is in schema `billing`. Conventions:

- Amounts are `numeric` in major units (12.50 USD) beside an ISO 4217 currency; what is stored has
  the scale of the currency. Quantities and unit prices are exact decimals.
- A month is `YYYY-MM`, in the time zone of the customer.
- `idempotency_key` (at most 128 characters) and `metadata` (a JSON object, at most 16 KiB) come last.
  Argument lists only grow at the end: pass optional arguments by name.
- Errors are named by their symbol; SQLSTATEs and HTTP statuses are in [errors.md](errors.md).
  Any call may also fail with 40001 or 40P01: repeat the transaction.
- Nothing may be called by `PUBLIC`. "Runs as" says whether a function runs with the rights of
  its owner (`billing_owner`) or of its caller. A call is for `billing_service` and `billing_admin`;
  `billing_customer` may call where it says so, and then sees and does only what is his.$text$;

WITH f AS (
	SELECT o.module_no, o.module, p.*, n.note,
		format('%s(%s)', p.proname, pg_temp.shorter(pg_get_function_arguments(p.oid))) AS signature,
		COALESCE(pg_temp.shorter(pg_get_function_result(p.oid)), '') AS result,
		COALESCE(obj_description(p.oid, 'pg_proc'), '') AS comment,
		CASE p.provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' ELSE 'volatile' END AS volatility,
		(SELECT string_agg(format('`%s`', pg_get_userbyid(a.grantee)), ', ' ORDER BY pg_get_userbyid(a.grantee) COLLATE "C")
		 FROM aclexplode(p.proacl) a WHERE a.privilege_type = 'EXECUTE' AND a.grantee <> p.proowner) AS callers
	FROM pg_proc p
	JOIN doc_objects o ON o.name = p.proname
	LEFT JOIN doc_notes n ON n.name = p.proname
	WHERE p.pronamespace = 'billing'::regnamespace
),
items AS (
	SELECT f.module_no, 0 AS part, '' COLLATE "C" AS name, '' AS key,
		format(E'\n## %s%s\n', upper(left(f.module, 1)), substr(f.module, 2)) AS text
	FROM f GROUP BY f.module_no, f.module
	UNION ALL
	SELECT f.module_no, 1, f.proname::text COLLATE "C", f.signature,
		format(E'### %s\n\n```sql\n%s%s%s\n```\n\n%s\n\n%s%s',
			f.proname,
			CASE f.prokind WHEN 'p' THEN 'CALL ' ELSE '' END, f.signature,
			CASE WHEN f.prokind = 'p' OR f.result IN ('', 'record') THEN '' ELSE format(E'\n→ %s', f.result) END,
			f.comment,
			CASE WHEN f.note IS NULL THEN '' ELSE f.note || E'\n\n' END,
			format(E'*%s; runs as %s; callers: %s.*\n', f.volatility,
				CASE WHEN f.prosecdef THEN 'the owner' ELSE 'the caller' END, COALESCE(f.callers, 'none')))
	FROM f
)
SELECT text FROM items ORDER BY module_no, part, name, key COLLATE "C";
