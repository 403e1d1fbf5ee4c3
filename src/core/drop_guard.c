/*
 * drop_guard.c
 *	  The extension is not dropped while it holds data, whichever command would do it: DROP
 *	  EXTENSION, DROP SCHEMA or DROP OWNED ... CASCADE, a column that takes a view with it.
 *
 * Guarantees: when the first of its tables would go, every table whose rows a dump takes is looked
 * at; a row in any of them refuses the whole command, unless billing.allow_drop is on. PostgreSQL
 * has locked them all by then, so no other session can write what this look does not see.
 *
 * The hook is there once the library is loaded. An event trigger on the commands that can drop the
 * extension calls a function of the library, so it is loaded in every session that tries. DROP
 * DATABASE looks into no table and is not guarded; nor is the script of an update.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "core/drop_guard.h"
#include "core/errors.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#define EXTENSION "billing"

static bool allow_drop = false;
static object_access_hook_type next_object_access = NULL;

/* Whether a table has a row, for a snapshot that is taken now. What is gone already has none. */
static bool
table_has_row(Relation table)
{
	Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
	TupleTableSlot *slot = table_slot_create(table, NULL);
	TableScanDesc scan = table_beginscan(table, snapshot, 0, NULL);
	bool found = table_scan_getnextslot(scan, ForwardScanDirection, slot);

	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	UnregisterSnapshot(snapshot);
	return found;
}

/* Appends the names of those relations that are tables with rows. */
static void
append_tables_with_rows(StringInfo names, ArrayType *relations)
{
	Datum *oids;
	int count;

	deconstruct_array(relations, OIDOID, sizeof(Oid), true, TYPALIGN_INT, &oids, NULL, &count);
	for (int i = 0; i < count; i++)
	{
		Relation relation = try_relation_open(DatumGetObjectId(oids[i]), AccessShareLock);

		if (relation == NULL)
			continue;
		if (relation->rd_rel->relkind == RELKIND_RELATION && table_has_row(relation))
			appendStringInfo(names, "%s%s", names->len == 0 ? "" : ", ",
							 RelationGetRelationName(relation));
		relation_close(relation, AccessShareLock);
	}
}

/* The tables with rows that a fresh install has not: of those whose rows a dump takes. */
static char *
tables_with_data(Oid extension)
{
	Relation catalog = table_open(ExtensionRelationId, AccessShareLock);
	StringInfoData names;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	initStringInfo(&names);
	ScanKeyInit(&key, Anum_pg_extension_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(extension));
	scan = systable_beginscan(catalog, ExtensionOidIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		bool isnull;
		Datum dumped =
			heap_getattr(tuple, Anum_pg_extension_extconfig, RelationGetDescr(catalog), &isnull);

		if (!isnull)
			append_tables_with_rows(&names, DatumGetArrayTypeP(dumped));
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return names.data;
}

/*
 * Called before each object of a drop goes, dependent ones first: so it is a member of the
 * extension that tells that the extension is about to go. A member on its own cannot be dropped.
 */
static void
guard_object(ObjectAccessType access, Oid class_id, Oid object_id, int sub_id, void *arg)
{
	Oid extension;
	char *names;

	if (next_object_access != NULL)
		next_object_access(access, class_id, object_id, sub_id, arg);
	if (access != OAT_DROP || class_id != RelationRelationId || sub_id != 0 || allow_drop)
		return;
	extension = getExtensionOfObject(class_id, object_id);
	if (!OidIsValid(extension) || extension != get_extension_oid(EXTENSION, true) ||
		(creating_extension && CurrentExtensionObject == extension))
		return;
	names = tables_with_data(extension);
	if (names[0] != '\0')
		billing_error(
			DROP_REFUSED, errmsg("cannot drop extension \"%s\" because it holds data", EXTENSION),
			errdetail("These tables have rows: %s.", names),
			errhint("Take a dump; then a superuser may SET billing.allow_drop = on and repeat."));
}

void
drop_guard_init(void)
{
	DefineCustomBoolVariable("billing.allow_drop",
							 "Allows to drop the extension while it holds data.", NULL, &allow_drop,
							 false, PGC_SUSET, GUC_NOT_IN_SAMPLE, NULL, NULL, NULL);
	next_object_access = object_access_hook;
	object_access_hook = guard_object;
}

/* Event trigger. It does nothing: that it is called has loaded the library, and with it the hook. */
PG_FUNCTION_INFO_V1(billing_guard_drop);
Datum
billing_guard_drop(PG_FUNCTION_ARGS)
{
	PG_RETURN_VOID();
}
