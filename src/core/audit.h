/*
 * audit.h
 *	  Appending to the audit log, in the transaction of what it records.
 */
#ifndef BILLING_AUDIT_H
#define BILLING_AUDIT_H

typedef struct AuditEntry
{
	const char *customer_id; /* NULL: the house */
	const char *action;
	const char *target_type;
	const char *target_id;
	Datum before; /* jsonb, 0 at creation */
	Datum after;  /* jsonb, 0 at deletion */
	const char *reason;
} AuditEntry;

extern void audit_append(const AuditEntry *entries, int count);

#endif
