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

/* 18: the module's name and version are shown by pg_get_loaded_modules() */
#if PG_VERSION_NUM >= 180000
#define BILLING_MODULE_MAGIC PG_MODULE_MAGIC_EXT(.name = "billing", .version = BILLING_VERSION)
#else
#define BILLING_MODULE_MAGIC PG_MODULE_MAGIC
#endif

#endif
