-- Every fact of the catalogs about the extension billing, a line each, as <subject> <fact>.
--
-- Two databases that have the same extension give the same lines: names stand for OIDs, columns are
-- counted without dropped ones, sets are sorted. Left out is what a table's storage alone knows, as
-- pg_attver, a stamp that some minor releases put on each column.
-- A kind of member that this query does not describe makes a line "not described".

SET search_path = pg_catalog;

CREATE FUNCTION pg_temp.name_of(class regclass, object oid) RETURNS text
BEGIN ATOMIC
	SELECT (pg_identify_object(class, object, 0)).identity;
END;

CREATE FUNCTION pg_temp.rights(acl aclitem[]) RETURNS text[]
BEGIN ATOMIC
	SELECT array_agg(a::text ORDER BY a::text COLLATE "C") FROM unnest(acl) a;
END;

CREATE TEMP VIEW member AS
	SELECT d.classid, d.objid, d.objsubid FROM pg_depend d
	JOIN pg_extension x ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = x.oid
	WHERE d.deptype = 'e' AND x.extname = 'billing';

-- tables, views and sequences; a member's indexes belong to it
CREATE TEMP VIEW relation AS
	SELECT c.*, c.oid::regclass::text AS name FROM pg_class c
	JOIN member m ON m.classid = 'pg_class'::regclass AND m.objid = c.oid;

CREATE TEMP VIEW member_index AS
	SELECT i.*, r.name AS table_name FROM pg_index i JOIN relation r ON i.indrelid = r.oid;

CREATE TEMP VIEW object_constraint AS
	SELECT c.*, coalesce(r.name, t.typname) AS parent FROM pg_constraint c
	LEFT JOIN relation r ON r.oid = c.conrelid
	LEFT JOIN member m ON m.classid = 'pg_type'::regclass AND m.objid = c.contypid
	LEFT JOIN pg_type t ON t.oid = m.objid
	WHERE r.oid IS NOT NULL OR m.objid IS NOT NULL;

-- whatever can carry a comment, rights at its creation or a label
CREATE TEMP VIEW subject AS
	SELECT classid, objid FROM member
	UNION SELECT 'pg_class'::regclass, indexrelid FROM member_index
	UNION SELECT 'pg_constraint'::regclass, oid FROM object_constraint
	UNION SELECT 'pg_trigger'::regclass, t.oid FROM pg_trigger t JOIN relation r ON r.oid = t.tgrelid
	UNION SELECT 'pg_policy'::regclass, p.oid FROM pg_policy p JOIN relation r ON r.oid = p.polrelid
	UNION SELECT 'pg_rewrite'::regclass, w.oid FROM pg_rewrite w JOIN relation r ON r.oid = w.ev_class
	UNION SELECT 'pg_namespace'::regclass, oid FROM pg_namespace WHERE nspname = 'billing'
	UNION SELECT 'pg_extension'::regclass, oid FROM pg_extension WHERE extname = 'billing';

CREATE TEMP VIEW fact (subject, fact) AS
	SELECT 'extension billing', jsonb_build_object('version', extversion, 'owner', extowner::regrole,
		'schema', extnamespace::regnamespace, 'relocatable', extrelocatable) FROM pg_extension WHERE extname = 'billing'
	UNION ALL
	SELECT 'dumped ' || pg_temp.name_of('pg_class', d.oid), to_jsonb(d.condition)
	FROM pg_extension, unnest(extconfig, extcondition) d(oid, condition) WHERE extname = 'billing'
	UNION ALL
	SELECT 'schema billing', jsonb_build_object('owner', nspowner::regrole, 'rights', pg_temp.rights(nspacl))
	FROM pg_namespace WHERE nspname = 'billing'
	UNION ALL
	SELECT 'default rights in billing', jsonb_build_object('role', defaclrole::regrole, 'kind', defaclobjtype,
		'rights', pg_temp.rights(defaclacl))
	FROM pg_default_acl WHERE defaclnamespace = to_regnamespace('billing')
	UNION ALL
	SELECT 'member ' || pg_describe_object(classid, objid, objsubid), 'true'
	FROM member
	UNION ALL
	SELECT 'not described: ' || pg_describe_object(m.classid, m.objid, m.objsubid), 'true'
	FROM member m LEFT JOIN relation r ON r.oid = m.objid AND m.classid = 'pg_class'::regclass
	LEFT JOIN pg_proc p ON p.oid = m.objid AND m.classid = 'pg_proc'::regclass
	WHERE m.classid NOT IN ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_type'::regclass, 'pg_event_trigger'::regclass)
	OR r.relkind NOT IN ('r', 'p', 'v', 'm', 'S') OR p.prokind = 'a'
	UNION ALL
	SELECT 'relation ' || r.name, jsonb_build_object('kind', r.relkind, 'owner', r.relowner::regrole,
		'rights', pg_temp.rights(r.relacl), 'persistence', r.relpersistence, 'options', r.reloptions,
		'method', a.amname, 'tablespace', s.spcname, 'identity', r.relreplident, 'row security', r.relrowsecurity,
		'forced', r.relforcerowsecurity, 'key', pg_get_partkeydef(r.oid), 'bound', pg_get_expr(r.relpartbound, r.oid),
		'parents', (SELECT jsonb_agg(inhparent::regclass ORDER BY inhseqno) FROM pg_inherits WHERE inhrelid = r.oid),
		'toast options', (SELECT t.reloptions FROM pg_class t WHERE t.oid = r.reltoastrelid))
	FROM relation r LEFT JOIN pg_am a ON a.oid = r.relam LEFT JOIN pg_tablespace s ON s.oid = r.reltablespace
	UNION ALL
	SELECT 'column ' || r.name || '.' || a.attname, jsonb_build_object(
		'place', (SELECT count(*) FROM pg_attribute b WHERE b.attrelid = r.oid AND b.attnum BETWEEN 1 AND a.attnum
			AND NOT b.attisdropped),
		'type', format_type(a.atttypid, a.atttypmod), 'not null', a.attnotnull, 'identity', a.attidentity,
		'generated', a.attgenerated, 'default', pg_get_expr(d.adbin, d.adrelid), 'storage', a.attstorage,
		'compression', a.attcompression, 'collation', pg_temp.name_of('pg_collation', nullif(a.attcollation, 0)),
		'statistics', nullif(a.attstattarget, -1), 'rights', pg_temp.rights(a.attacl), 'options', (SELECT jsonb_agg(o) FROM unnest(a.attoptions) o WHERE o !~ '^pg_attver='),
		'local', a.attislocal, 'inherited', a.attinhcount, 'comment', col_description(r.oid, a.attnum))
	FROM relation r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
	LEFT JOIN pg_attrdef d ON d.adrelid = r.oid AND d.adnum = a.attnum
	UNION ALL
	SELECT 'view ' || name, to_jsonb(pg_get_viewdef(oid)) FROM relation WHERE relkind IN ('v', 'm')
	UNION ALL
	SELECT 'sequence ' || r.name, to_jsonb(s) - 'seqrelid' || jsonb_build_object('seqtypid', s.seqtypid::regtype,
		'of', (SELECT jsonb_agg(pg_describe_object(refclassid, refobjid, refobjsubid)) FROM pg_depend
			WHERE classid = 'pg_class'::regclass AND objid = r.oid AND deptype IN ('a', 'i')))
	FROM relation r JOIN pg_sequence s ON s.seqrelid = r.oid
	UNION ALL
	SELECT 'index ' || pg_temp.name_of('pg_class', i.indexrelid), jsonb_build_object('on', i.table_name,
		'definition', pg_get_indexdef(i.indexrelid), 'valid', i.indisvalid, 'ready', i.indisready,
		'clustered', i.indisclustered, 'identity', i.indisreplident, 'owner', c.relowner::regrole,
		'of', (SELECT inhparent::regclass FROM pg_inherits WHERE inhrelid = i.indexrelid))
	FROM member_index i JOIN pg_class c ON c.oid = i.indexrelid
	UNION ALL
	SELECT 'constraint ' || parent || '.' || conname, jsonb_build_object('definition', pg_get_constraintdef(oid),
		'validated', convalidated, 'local', conislocal, 'inherited', coninhcount,
		'index', nullif(conindid, 0)::regclass)
	FROM object_constraint
	UNION ALL
	SELECT 'trigger ' || r.name || '.' || t.tgname, jsonb_build_object('definition', pg_get_triggerdef(t.oid),
		'enabled', t.tgenabled)
	FROM pg_trigger t JOIN relation r ON r.oid = t.tgrelid WHERE NOT t.tgisinternal
	UNION ALL
	SELECT 'event trigger ' || e.evtname, jsonb_build_object('event', e.evtevent, 'owner', e.evtowner::regrole,
		'function', e.evtfoid::regprocedure, 'enabled', e.evtenabled, 'tags', e.evttags)
	FROM pg_event_trigger e JOIN member m ON m.classid = 'pg_event_trigger'::regclass AND m.objid = e.oid
	UNION ALL
	SELECT 'policy ' || r.name || '.' || p.polname, jsonb_build_object('command', p.polcmd, 'permissive', p.polpermissive,
		'roles', (SELECT jsonb_agg(o::regrole ORDER BY o::regrole::text COLLATE "C") FROM unnest(p.polroles) o),
		'using', pg_get_expr(p.polqual, p.polrelid), 'check', pg_get_expr(p.polwithcheck, p.polrelid))
	FROM pg_policy p JOIN relation r ON r.oid = p.polrelid
	UNION ALL
	SELECT 'rule ' || r.name || '.' || w.rulename, jsonb_build_object('definition', pg_get_ruledef(w.oid),
		'enabled', w.ev_enabled)
	FROM pg_rewrite w JOIN relation r ON r.oid = w.ev_class WHERE w.rulename <> '_RETURN'
	UNION ALL
	SELECT 'routine ' || pg_temp.name_of('pg_proc', p.oid), jsonb_build_object('definition', pg_get_functiondef(p.oid),
		'owner', p.proowner::regrole, 'rights', pg_temp.rights(p.proacl), 'source', p.prosrc)
	FROM pg_proc p JOIN member m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid WHERE p.prokind <> 'a'
	UNION ALL
	SELECT 'type ' || pg_temp.name_of('pg_type', t.oid), jsonb_build_object('kind', t.typtype, 'owner', t.typowner::regrole,
		'rights', pg_temp.rights(t.typacl), 'length', t.typlen, 'category', t.typcategory, 'preferred', t.typispreferred,
		'of', nullif(format_type(t.typbasetype, t.typtypmod), '-'), 'not null', t.typnotnull, 'default', t.typdefault,
		'collation', pg_temp.name_of('pg_collation', nullif(t.typcollation, 0)), 'input', t.typinput, 'output', t.typoutput,
		'receive', t.typreceive, 'send', t.typsend, 'labels', (SELECT jsonb_agg(enumlabel ORDER BY enumsortorder)
			FROM pg_enum WHERE enumtypid = t.oid))
	FROM pg_type t LEFT JOIN relation r ON r.oid = t.typrelid
	LEFT JOIN member m ON m.classid = 'pg_type'::regclass AND m.objid = t.oid
	WHERE r.oid IS NOT NULL OR m.objid IS NOT NULL
	UNION ALL
	SELECT 'comment on ' || pg_describe_object(s.classid, s.objid, 0), to_jsonb(d.description)
	FROM subject s JOIN pg_description d ON d.classoid = s.classid AND d.objoid = s.objid AND d.objsubid = 0
	UNION ALL
	SELECT 'first rights on ' || pg_describe_object(i.classoid, i.objoid, i.objsubid),
		jsonb_build_object('kind', i.privtype, 'rights', pg_temp.rights(i.initprivs))
	FROM subject s JOIN pg_init_privs i ON i.classoid = s.classid AND i.objoid = s.objid
	UNION ALL
	SELECT 'label on ' || pg_describe_object(l.classoid, l.objoid, l.objsubid), to_jsonb(l) - '{objoid,classoid,objsubid}'::text[]
	FROM subject s JOIN pg_seclabel l ON l.classoid = s.classid AND l.objoid = s.objid;

SELECT subject || ' ' || fact AS line FROM fact ORDER BY (subject || ' ' || fact) COLLATE "C";
