-- docs/reference/tables.md, from the catalog.
SELECT $text$# Tables and views

Made by `tools/docs/generate` from the catalog. Do not edit.

Everything is in schema `billing` and belongs to `billing_owner`. Members of `billing_service` and
`billing_admin` may read all of it; `billing_customer` reads, under row-level security, his own rows
of what says so. Nobody writes but through the functions. "Dumped" says whether `pg_dump` takes the
rows. Applications should read the views where there are any.$text$;

WITH t AS (
	SELECT o.module_no, o.module, c.oid, c.relname, c.relkind,
		COALESCE(obj_description(c.oid, 'pg_class'), '') AS comment,
		(SELECT count(*) FROM pg_inherits i WHERE i.inhparent = c.oid) AS partitions,
		CASE WHEN c.relkind = 'p' THEN EXISTS (SELECT FROM pg_inherits i, pg_extension x
				WHERE i.inhparent = c.oid AND x.extname = 'billing' AND i.inhrelid = ANY (x.extconfig))
			ELSE EXISTS (SELECT FROM pg_extension x WHERE x.extname = 'billing' AND c.oid = ANY (x.extconfig)) END AS dumped,
		EXISTS (SELECT FROM pg_trigger g WHERE g.tgrelid = c.oid AND NOT g.tgisinternal
			AND g.tgname LIKE '%append_only') AS append_only,
		EXISTS (SELECT FROM pg_trigger g WHERE g.tgrelid = c.oid AND g.tgname = 'never_deleted') AS never_deleted,
		has_any_column_privilege('billing_customer', c.oid, 'SELECT') AS customer,
		(SELECT string_agg(format('`%s`', a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a
			WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
			AND NOT has_column_privilege('billing_customer', c.oid, a.attnum, 'SELECT')) AS hidden
	FROM pg_class c JOIN doc_objects o ON o.name = c.relname
	WHERE c.relnamespace = 'billing'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition
),
columns AS (
	SELECT t.oid, string_agg(format('| %s | %s | %s | %s |', a.attname,
			replace(format_type(a.atttypid, a.atttypmod), 'timestamp with time zone', 'timestamptz'),
			CASE WHEN a.attnotnull THEN 'no' WHEN t.relkind = 'v' THEN '' ELSE 'yes' END,
			CASE WHEN a.attidentity <> '' THEN 'identity'
				WHEN a.attgenerated <> '' THEN format('generated: `%s`', pg_get_expr(d.adbin, d.adrelid))
				WHEN d.adbin IS NOT NULL THEN format('`%s`', pg_get_expr(d.adbin, d.adrelid))
				ELSE '' END
			|| COALESCE(' ' || col_description(t.oid, a.attnum), '')), E'\n' ORDER BY a.attnum) AS rows
	FROM t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
	LEFT JOIN pg_attrdef d ON d.adrelid = t.oid AND d.adnum = a.attnum
	GROUP BY t.oid
),
keys AS (
	SELECT k.oid, string_agg(k.line, E'\n' ORDER BY k.part, k.name COLLATE "C") AS rows
	FROM (
		SELECT t.oid, 1 AS part, c.conname::text AS name,
			format('- `%s`: %s', c.conname, pg_get_constraintdef(c.oid)) AS line
		FROM t JOIN pg_constraint c ON c.conrelid = t.oid AND c.contype IN ('p', 'u', 'f', 'c')
		UNION ALL
		SELECT t.oid, 2, i.relname, format('- `%s`: %s%s', i.relname,
			CASE WHEN x.indisunique THEN 'unique ' ELSE '' END,
			substring(pg_get_indexdef(i.oid) FROM 'USING (.*)$'))
		FROM t JOIN pg_index x ON x.indrelid = t.oid JOIN pg_class i ON i.oid = x.indexrelid
		WHERE NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.oid AND c.conrelid = t.oid)
	) k GROUP BY k.oid
),
items AS (
	SELECT t.module_no, 0 AS part, '' COLLATE "C" AS name,
		format(E'\n## %s%s\n', upper(left(t.module, 1)), substr(t.module, 2)) AS text
	FROM t GROUP BY t.module_no, t.module
	UNION ALL
	SELECT t.module_no, CASE t.relkind WHEN 'v' THEN 2 ELSE 1 END, t.relname::text,
		format(E'### %s%s\n\n%s\n\n%s\n\n| column | type | null | default |\n|---|---|---|---|\n%s\n%s',
			t.relname, CASE t.relkind WHEN 'v' THEN ' (view)' ELSE '' END, t.comment,
			concat_ws(' ',
				CASE WHEN t.relkind = 'p' THEN format('%s partitions.', t.partitions) END,
				CASE WHEN t.relkind <> 'v' THEN CASE WHEN t.dumped THEN 'Dumped.' ELSE 'Not dumped.' END END,
				CASE WHEN t.append_only THEN 'Append-only by trigger.' WHEN t.never_deleted THEN 'Never deleted, by trigger.' END,
				CASE WHEN t.customer AND t.relkind <> 'v' AND (SELECT relrowsecurity FROM pg_class WHERE oid = t.oid)
						THEN 'Customers read their own rows' || COALESCE(', without ' || t.hidden, '') || '.'
					WHEN t.customer THEN 'Customers may read it.'
					ELSE 'Customers may not read it.' END),
			c.rows, COALESCE(E'\n' || k.rows || E'\n', ''))
	FROM t JOIN columns c ON c.oid = t.oid LEFT JOIN keys k ON k.oid = t.oid
)
SELECT text FROM items ORDER BY module_no, part, name;
