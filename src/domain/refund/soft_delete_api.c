/*
 * soft_delete_api.c
 *	  soft_delete(): hides an invoice, a payment or a refund that moved no money from normal reading.
 *
 * Guarantees: the row stays, with its number and its key; it is hidden once. Locks: the row.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/actor.h"
#include "core/args.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/errors.h"
#include "core/ids.h"
#include "core/spi.h"
#include "domain/pending/pending.h"
#include "domain/refund/refund_lock.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

/* The customer of what has the id, in the table of the kind; what is deleted is found too. */
static Stmt find_deletable = {
	.name = "find_deletable",
	.sql =
		"SELECT h.customer_id FROM billing.invoice_headers h WHERE $1 = 'INVOICE' AND h.invoice_id = $2"
		" UNION ALL SELECT p.customer_id FROM billing.payments p WHERE $1 = 'PAYMENT' AND p.payment_id = $2"
		" UNION ALL SELECT r.customer_id FROM billing.refunds r WHERE $1 = 'REFUND' AND r.refund_id = $2",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTOID, UUIDOID},
	.by_index = true,
};

/* The locks answer whether the row may go, whether it is gone, and what the audit log says of it. */
static Stmt lock_invoice = {
	.name = "lock_deleted_invoice",
	.sql =
		"SELECT h.status, h.status IN ('DRAFT', 'CANCELLED') AS allowed,"
		" h.deleted_at IS NOT NULL AS gone,"
		" pg_catalog.jsonb_build_object('id', h.invoice_id, 'customerId', h.customer_id, 'number', h.number,"
		" 'period', h.period, 'status', h.status, 'total', h.total, 'currency', h.currency) AS summary"
		" FROM billing.invoice_headers h WHERE h.customer_id = $1 AND h.invoice_id = $2 FOR NO KEY UPDATE",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTOID, UUIDOID},
	.by_index = true,
};

static Stmt lock_payment = {
	.name = "lock_deleted_payment",
	.sql =
		"SELECT CASE WHEN p.late_captured_at IS NULL THEN p.status ELSE 'captured late' END AS status,"
		" p.status = 'FAILED' AND p.late_captured_at IS NULL AS allowed,"
		" p.deleted_at IS NOT NULL AS gone,"
		" pg_catalog.jsonb_build_object('id', p.payment_id, 'targetType', p.target_type,"
		" 'targetId', p.target_id, 'amount', p.amount, 'currency', p.currency, 'status', p.status,"
		" 'providerReference', p.provider_reference) AS summary"
		" FROM billing.payments p WHERE p.customer_id = $1 AND p.payment_id = $2 FOR NO KEY UPDATE",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTOID, UUIDOID},
	.by_index = true,
};

static Stmt lock_refund = {
	.name = "lock_deleted_refund",
	.sql =
		"SELECT r.status, r.status = 'FAILED' AS allowed,"
		" r.deleted_at IS NOT NULL AS gone,"
		" pg_catalog.jsonb_build_object('id', r.refund_id, 'paymentId', r.payment_id,"
		" 'amount', r.amount, 'currency', r.currency, 'status', r.status,"
		" 'providerReference', r.provider_reference) AS summary"
		" FROM billing.refunds r WHERE r.customer_id = $1 AND r.refund_id = $2 FOR NO KEY UPDATE",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTOID, UUIDOID},
	.by_index = true,
};

static Stmt hide_invoice = {
	.name = "hide_invoice",
	.sql = "UPDATE billing.invoice_headers SET deleted_at = $3, deleted_by = $4"
		   " WHERE customer_id = $1 AND invoice_id = $2",
	.expect = SPI_OK_UPDATE,
	.nargs = 4,
	.argtypes = {TEXTOID, UUIDOID, TIMESTAMPTZOID, TEXTOID},
	.by_index = true,
};

static Stmt hide_payment = {
	.name = "hide_payment",
	.sql = "UPDATE billing.payments SET deleted_at = $3, deleted_by = $4"
		   " WHERE customer_id = $1 AND payment_id = $2",
	.expect = SPI_OK_UPDATE,
	.nargs = 4,
	.argtypes = {TEXTOID, UUIDOID, TIMESTAMPTZOID, TEXTOID},
	.by_index = true,
};

static Stmt hide_refund = {
	.name = "hide_refund",
	.sql = "UPDATE billing.refunds SET deleted_at = $3, deleted_by = $4"
		   " WHERE customer_id = $1 AND refund_id = $2",
	.expect = SPI_OK_UPDATE,
	.nargs = 4,
	.argtypes = {TEXTOID, UUIDOID, TIMESTAMPTZOID, TEXTOID},
	.by_index = true,
};

/* What can be deleted, and when. */
typedef struct DeletedKind
{
	const char *name;
	const char *noun;
	const char *aggregate; /* of the audit log */
	const char *states;    /* in which it may be deleted */
	Stmt *lock;
	Stmt *hide;
} DeletedKind;

static const DeletedKind kinds[] = {
	{"INVOICE", "invoice", "Invoice", "DRAFT or CANCELLED", &lock_invoice, &hide_invoice},
	{"PAYMENT", "payment", "Payment", "FAILED", &lock_payment, &hide_payment},
	{"REFUND", "refund", "Refund", "FAILED", &lock_refund, &hide_refund},
};

static const DeletedKind *
kind_from_args(FunctionCallInfo fcinfo)
{
	static const char *const names[] = {"INVOICE", "PAYMENT", "REFUND", NULL};
	char *name = arg_choice_optional(fcinfo, 0, "kind", names);

	text_check(name, "kind", MAX_NAME);
	for (size_t i = 0; i < lengthof(kinds); i++)
	{
		if (strcmp(name, kinds[i].name) == 0)
			return &kinds[i];
	}
	Ensure(false, "unknown kind \"%s\"", name);
	return NULL; /* not reached */
}

static char *
customer_of(const DeletedKind *kind, Datum id)
{
	StmtArgs args = {0};
	Rows rows;

	arg_text(&args, kind->name);
	arg_datum(&args, id);
	rows = stmt_run(&find_deletable, &args);
	if (row_next(&rows))
		return row_text(&rows, "customer_id");
	if (kind->lock == &lock_invoice)
		billing_error(INVOICE_NOT_FOUND, errmsg("invoice %s does not exist", id_text(id)));
	if (kind->lock == &lock_payment)
		billing_error(PAYMENT_NOT_FOUND, errmsg("payment %s does not exist", id_text(id)));
	billing_error(REFUND_NOT_FOUND, errmsg("refund %s does not exist", id_text(id)));
	return NULL; /* not reached */
}

/* Locks the row; false when it is deleted already. Raises unless it may be deleted. */
static bool
row_lock(const DeletedKind *kind, StmtArgs *key, AuditEntry *entry)
{
	Rows rows = stmt_run(kind->lock, key);
	bool isnull;

	Ensure(row_next(&rows), "%s vanished", kind->noun);
	if (row_bool(&rows, "gone"))
		return false;
	if (kind->lock == &lock_invoice)
		pending_require_none(entry->customer_id, key->values[1],
							 psprintf("invoice %s", entry->target_id),
							 "Wait for its outcome, or end it with resolve_payment().");
	if (!row_bool(&rows, "allowed"))
		billing_error(ILLEGAL_STATE,
					  errmsg("%s %s cannot be deleted", kind->noun, entry->target_id),
					  errdetail("It is %s, not %s.", row_text(&rows, "status"), kind->states));
	entry->before = row_datum(&rows, "summary", JSONBOID, &isnull);
	return true;
}

static void
row_hide(const DeletedKind *kind, const StmtArgs *key)
{
	StmtArgs args = *key;

	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	arg_text(&args, actor_current().id); /* at most 128 bytes */
	stmt_run(kind->hide, &args);
}

/* soft_delete(kind text, id uuid, reason text) -> boolean */
PG_FUNCTION_INFO_V1(billing_soft_delete);
Datum
billing_soft_delete(PG_FUNCTION_ARGS)
{
	const DeletedKind *kind = kind_from_args(fcinfo);
	Datum id = arg_required(fcinfo, 1, "id");
	AuditEntry entry = {
		.action = "SOFT_DELETED",
		.target_type = kind->aggregate,
		.reason = arg_text_required(fcinfo, 2, "reason", MAX_REASON),
	};
	StmtArgs key = {0};
	bool deleted;

	actor_require_service();
	spi_begin();
	entry.customer_id = customer_of(kind, id);
	entry.target_id = id_text(id);
	arg_text(&key, entry.customer_id);
	arg_datum(&key, id);
	deleted = row_lock(kind, &key, &entry);
	if (deleted)
	{
		row_hide(kind, &key);
		audit_append(&entry, 1);
	}
	spi_end();
	PG_RETURN_BOOL(deleted);
}
