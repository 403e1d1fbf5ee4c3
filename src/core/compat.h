/*
 * compat.h
 *	  The only place that asks which PostgreSQL this is.
 *
 * Shims carry the newest signature, so that dropping an old major deletes lines.
 */
#ifndef BILLING_COMPAT_H
#define BILLING_COMPAT_H

#if PG_VERSION_NUM < 150000 || PG_VERSION_NUM >= 190000
#error "billing supports PostgreSQL 15 to 18"
#endif

/* 16: what is known of varlena values has a header of its own */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* 16: a setting's record is found by name; before, it is in the list of all */
#include "utils/guc_tables.h"
static inline struct config_generic *
guc_record(const char *name)
{
#if PG_VERSION_NUM >= 160000
	return find_option(name, false, true, WARNING);
#else
	struct config_generic **records = get_guc_variables();

	for (int i = 0; i < GetNumConfigOptions(); i++)
	{
		if (strcmp(records[i]->name, name) == 0)
			return records[i];
	}
	return NULL;
#endif
}

/* 18: the module's name and version are shown by pg_get_loaded_modules() */
#if PG_VERSION_NUM >= 180000
#define BILLING_MODULE_MAGIC PG_MODULE_MAGIC_EXT(.name = "billing", .version = BILLING_VERSION)
#else
#define BILLING_MODULE_MAGIC PG_MODULE_MAGIC
#endif

#endif
