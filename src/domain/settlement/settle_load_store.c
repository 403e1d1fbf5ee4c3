/*
 * settle_load_store.c
 *	  What settlement knows of its customers before it rates them, set by set.
 *
 * Guarantees: all of it is read in one snapshot. A fold moves usage from the tail to the folded days
 * and marks its month; read in two, usage would be found in neither, or in a month that is not known
 * to have any. What a fold brings after it raises the count of changes of a mark, so that its month is
 * looked at again. Locks nothing.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/args.h"
#include "core/errors.h"
#include "core/numeric.h"
#include "core/spi.h"
#include "domain/settlement/settlement.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

static Stmt select_customers = {
	.name = "settle_customers",
	.sql =
		"SELECT c.customer_id, c.currency, c.currency_fixed_at IS NOT NULL AS currency_fixed, c.time_zone, c.tax_code, c.net_days,"
		" c.collection = 'AUTOMATIC' AS automatic, c.auto_apply_credit,"
		" pg_catalog.jsonb_build_object('customerId', c.customer_id, 'name', c.name,"
		" 'legalName', c.legal_name, 'taxId', c.tax_id, 'email', c.email, 'address', c.address,"
		" 'country', c.country)::text AS snapshot"
		" FROM unnest($1) k(customer_id)"
		" JOIN billing.customers c ON c.customer_id = k.customer_id",
	.expect = SPI_OK_SELECT,
	.nargs = 1,
	.argtypes = {TEXTARRAYOID},
	.read_only = true,
	.by_index = true,
};

/* The live invoice of the period, and the last that was cancelled to be billed again. */
static Stmt select_invoices = {
	.name = "settle_invoices",
	.sql = "SELECT k.customer_id, h.invoice_id::text AS invoice_id, true AS live"
		   " FROM unnest($1) k(customer_id) JOIN billing.invoice_headers h"
		   " ON h.customer_id = k.customer_id AND h.period = $2 AND h.status <> 'CANCELLED'"
		   " UNION ALL SELECT k.customer_id, r.invoice_id::text, false"
		   " FROM unnest($1) k(customer_id) CROSS JOIN LATERAL (SELECT h.invoice_id"
		   " FROM billing.invoice_headers h WHERE h.customer_id = k.customer_id AND h.period = $2"
		   " AND h.rebilled ORDER BY h.cancelled_at DESC LIMIT 1) r",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTARRAYOID, TEXTOID},
	.read_only = true,
	.by_index = true,
};

static Stmt select_marks = {
	.name = "settle_marks",
	.sql = "SELECT u.customer_id, u.month, u.changes FROM unnest($1) k(customer_id)"
		   " JOIN billing.unbilled_usage u ON u.customer_id = k.customer_id AND u.month <= $2",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTARRAYOID, DATEOID},
	.read_only = true,
	.by_index = true,
};

static Stmt select_usage = {
	.name = "settle_usage",
	.sql = "SELECT u.customer_id, u.month, u.resource_type, u.quantity, u.event_count"
		   " FROM billing.usage_by_month($1, $2, $3) u",
	.expect = SPI_OK_SELECT,
	.nargs = 3,
	.argtypes = {TEXTARRAYOID, DATEOID, DATEOID},
	.read_only = true,
	.by_index = true,
};

/* The same without a look at the tail, for customers who have none. */
static Stmt select_folded = {
	.name = "settle_folded",
	.sql = "SELECT a.customer_id, pg_catalog.date_trunc('month', a.day)::date AS month,"
		   " a.resource_type, CASE m.aggregation WHEN 'MAX' THEN pg_catalog.max(a.quantity)"
		   " WHEN 'LAST' THEN COALESCE((pg_catalog.array_agg(a.quantity"
		   " ORDER BY a.last_at DESC, a.last_position DESC)"
		   " FILTER (WHERE m.aggregation = 'LAST' AND a.last_at IS NOT NULL))[1], 0)"
		   " ELSE pg_catalog.sum(a.quantity) END AS quantity,"
		   " pg_catalog.sum(a.event_count)::bigint AS event_count"
		   " FROM unnest($1) k(customer_id)"
		   " JOIN billing.aggregated_usage a ON a.customer_id = k.customer_id"
		   " JOIN billing.meter_definitions m ON m.resource_type = a.resource_type"
		   " WHERE a.day >= $2 AND a.day < $3 GROUP BY 1, 2, 3, m.aggregation",
	.expect = SPI_OK_SELECT,
	.nargs = 3,
	.argtypes = {TEXTARRAYOID, DATEOID, DATEOID},
	.read_only = true,
	.by_index = true,
};

/* Whether any of the customers has usage that is not folded; asked by bucket. */
static Stmt has_tail = {
	.name = "settle_has_tail",
	.sql = "SELECT 1 FROM (SELECT DISTINCT billing.bucket_of(k.customer_id) AS bucket"
		   " FROM unnest($1) k(customer_id)) b"
		   " LEFT JOIN billing.window_cursors w ON w.consumer = 'usage' AND w.bucket = b.bucket"
		   " CROSS JOIN LATERAL (SELECT e.customer_id FROM billing.usage_events e"
		   " WHERE e.bucket = b.bucket AND (e.era, e.xid) >= (COALESCE(w.era, 0),"
		   " COALESCE(pg_catalog.pg_snapshot_xmax(w.snapshot), '1'::xid8)) OFFSET 0) e"
		   " WHERE e.customer_id = ANY ($1)"
		   " UNION ALL SELECT 1 FROM (SELECT DISTINCT billing.bucket_of(k.customer_id) AS bucket"
		   " FROM unnest($1) k(customer_id)) b"
		   " JOIN billing.window_cursors w ON w.consumer = 'usage' AND w.bucket = b.bucket"
		   " CROSS JOIN LATERAL pg_catalog.pg_snapshot_xip(w.snapshot) x"
		   " CROSS JOIN LATERAL (SELECT e.customer_id FROM billing.usage_events e"
		   " WHERE e.bucket = b.bucket AND e.era = w.era AND e.xid = x OFFSET 0) e"
		   " WHERE e.customer_id = ANY ($1)",
	.expect = SPI_OK_SELECT,
	.nargs = 1,
	.argtypes = {TEXTARRAYOID},
	.read_only = true,
	.by_index = true,
};

static Stmt select_billed = {
	.name = "settle_billed",
	.sql = "SELECT l.customer_id, l.service_period, l.code, pg_catalog.sum(l.quantity) AS quantity,"
		   " pg_catalog.sum(l.net) AS net FROM unnest($1) k(customer_id)"
		   " CROSS JOIN unnest($2) m(period)"
		   " JOIN billing.invoice_lines l"
		   " ON l.customer_id = k.customer_id AND l.service_period = m.period"
		   " JOIN billing.invoice_headers h"
		   " ON h.customer_id = l.customer_id AND h.invoice_id = l.invoice_id AND NOT h.rebilled"
		   " WHERE l.kind <> 'ADJUSTMENT' GROUP BY l.customer_id, l.service_period, l.code",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTARRAYOID, TEXTARRAYOID},
	.read_only = true,
	.by_index = true,
};

static Stmt select_carried = {
	.name = "settle_carried",
	.sql = "SELECT l.customer_id, pg_catalog.sum(l.net) AS net FROM unnest($1) k(customer_id)"
		   " JOIN billing.invoice_lines l ON l.customer_id = k.customer_id"
		   " JOIN billing.invoice_headers h"
		   " ON h.customer_id = l.customer_id AND h.invoice_id = l.invoice_id AND NOT h.rebilled"
		   " WHERE l.kind = 'ADJUSTMENT' AND l.code = 'CARRY' GROUP BY l.customer_id",
	.expect = SPI_OK_SELECT,
	.nargs = 1,
	.argtypes = {TEXTARRAYOID},
	.read_only = true,
	.by_index = true,
};

static int
item_compare(const void *key, const void *item)
{
	return strcmp((const char *) key, ((const SettleItem *) item)->customer_id);
}

static SettleItem *
item_of(Settlement *settlement, Rows *rows)
{
	char *customer_id = row_text(rows, "customer_id");
	SettleItem *item = bsearch(customer_id, settlement->items, settlement->count,
							   sizeof(SettleItem), item_compare);

	Ensure(item != NULL, "customer \"%s\" was not asked for", customer_id);
	pfree(customer_id);
	return item;
}

/* The ids of the customers, as one argument. */
void
settlement_arg_customers(StmtArgs *args, const Settlement *settlement)
{
	char **ids = palloc(sizeof(char *) * Max(settlement->count, 1));

	for (int i = 0; i < settlement->count; i++)
		ids[i] = unconstify(char *, settlement->items[i].customer_id);
	arg_text_array(args, ids, settlement->count);
}

static Period
row_month(Rows *rows, const char *column)
{
	bool isnull;

	return period_of_day(DatumGetDateADT(row_datum(rows, column, DATEOID, &isnull)));
}

static void
load_customers(Settlement *settlement)
{
	StmtArgs args = {0};
	Rows rows;

	settlement_arg_customers(&args, settlement);
	rows = stmt_run(&select_customers, &args);
	while (row_next(&rows))
	{
		SettleItem *item = item_of(settlement, &rows);
		char *currency = row_text_or_null(&rows, "currency");

		item->found = true;
		item->currency = currency != NULL ? currency_require(currency) : NULL;
		item->currency_fixed = row_bool(&rows, "currency_fixed");
		item->time_zone = row_text(&rows, "time_zone");
		item->tax_code = row_text_or_null(&rows, "tax_code");
		item->net_days = row_int32(&rows, "net_days");
		item->automatic = row_bool(&rows, "automatic");
		item->auto_apply_credit = row_bool(&rows, "auto_apply_credit");
		item->snapshot = row_text(&rows, "snapshot");
		item->bounds = period_bounds(settlement->period, item->time_zone);
	}
}

static void
load_invoices(Settlement *settlement)
{
	StmtArgs args = {0};
	char period[PERIOD_TEXT_SIZE];
	Rows rows;

	settlement_arg_customers(&args, settlement);
	arg_text(&args, period_print(settlement->period, period));
	rows = stmt_run(&select_invoices, &args);
	while (row_next(&rows))
	{
		SettleItem *item = item_of(settlement, &rows);

		if (row_bool(&rows, "live"))
			item->invoice_id = row_text(&rows, "invoice_id");
		else
			item->replaces_invoice_id = row_text(&rows, "invoice_id");
	}
}

static void
add_dirty(SettleItem *item, SettleDirty found)
{
	SettleDirty *dirty = palloc(sizeof(SettleDirty));

	*dirty = found;
	item->dirty = lappend(item->dirty, dirty);
}

/* Months marked by the fold; answers the first that has to be read. */
static Period
load_marks(Settlement *settlement)
{
	Period first = settlement->period;
	StmtArgs args = {0};
	Rows rows;

	settlement_arg_customers(&args, settlement);
	arg_datum(&args, DateADTGetDatum(period_first_day(settlement->period)));
	rows = stmt_run(&select_marks, &args);
	while (row_next(&rows))
	{
		Period month = row_month(&rows, "month");

		add_dirty(item_of(settlement, &rows),
				  (SettleDirty){month, true, row_int64(&rows, "changes")});
		if (period_compare(month, first) < 0)
			first = month;
	}
	return first;
}

static void
add_usage(SettleItem *item, Rows *rows)
{
	SettleUsage *usage = palloc(sizeof(SettleUsage));

	usage->month = row_month(rows, "month");
	usage->resource_type = row_text(rows, "resource_type");
	usage->quantity = row_decimal(rows, "quantity");
	usage->events = row_int64(rows, "event_count");
	item->usage = lappend(item->usage, usage);
}

/*
 * Reads usage from `first` on, and which months have usage that is not folded. Answers the first of
 * those: when it is before `first`, the usage has to be read again from there.
 */
static Period
load_usage(Settlement *settlement, Period first, bool tail)
{
	Period earliest = first;
	StmtArgs args = {0};
	Rows rows;

	settlement_arg_customers(&args, settlement);
	arg_datum(&args, DateADTGetDatum(period_first_day(first)));
	arg_datum(&args, DateADTGetDatum(period_first_day(period_next(settlement->period))));
	rows = stmt_run(tail ? &select_usage : &select_folded, &args);
	while (row_next(&rows))
	{
		SettleItem *item = item_of(settlement, &rows);
		Period month = row_month(&rows, "month");

		if (row_text_or_null(&rows, "resource_type") != NULL)
			add_usage(item, &rows);
		else
			add_dirty(item, (SettleDirty){month, false, 0});
		if (period_compare(month, earliest) < 0)
			earliest = month;
	}
	return earliest;
}

static bool
any_tail(Settlement *settlement)
{
	StmtArgs args = {0};

	settlement_arg_customers(&args, settlement);
	return stmt_run(&has_tail, &args).count > 0;
}

static void
forget_usage(Settlement *settlement)
{
	for (int i = 0; i < settlement->count; i++)
		settlement->items[i].usage = NIL;
}

static void
load_billed(Settlement *settlement, Period first)
{
	StmtArgs args = {0};
	List *months = NIL;
	char **texts;
	Rows rows;

	for (Period month = first; period_compare(month, settlement->period) <= 0;
		 month = period_next(month))
		months = lappend(months, period_print(month, palloc(PERIOD_TEXT_SIZE)));
	texts = palloc(sizeof(char *) * list_length(months));
	for (int i = 0; i < list_length(months); i++)
		texts[i] = list_nth(months, i);
	settlement_arg_customers(&args, settlement);
	arg_text_array(&args, texts, list_length(months));
	rows = stmt_run(&select_billed, &args);
	while (row_next(&rows))
	{
		SettleItem *item = item_of(settlement, &rows);
		SettleBilled *billed = palloc(sizeof(SettleBilled));

		billed->month = period_parse(row_text(&rows, "service_period"));
		billed->code = row_text(&rows, "code");
		billed->quantity = row_decimal(&rows, "quantity");
		billed->net = row_decimal(&rows, "net");
		item->billed = lappend(item->billed, billed);
	}
}

static void
load_carried(Settlement *settlement)
{
	StmtArgs args = {0};
	Rows rows;

	settlement_arg_customers(&args, settlement);
	rows = stmt_run(&select_carried, &args);
	while (row_next(&rows))
		item_of(settlement, &rows)->carried = row_decimal(&rows, "net");
}

/* Reads all that rating needs. Needs spi_begin(), and for a real settlement the locks. */
void
settlement_load(Settlement *settlement)
{
	Period first;
	Period earliest;
	bool tail;

	PushActiveSnapshot(GetTransactionSnapshot());
	load_customers(settlement);
	load_invoices(settlement);
	first = load_marks(settlement);
	tail = any_tail(settlement);
	while (period_compare(earliest = load_usage(settlement, first, tail), first) < 0)
	{
		forget_usage(settlement);
		first = earliest;
	}
	load_billed(settlement, first);
	load_carried(settlement);
	PopActiveSnapshot();
}

static int
text_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

Settlement *
settlement_new(Period period, char **customer_ids, int count)
{
	Settlement *settlement = palloc0(sizeof(Settlement));

	settlement->period = period;
	settlement->count = count;
	settlement->items = palloc0(sizeof(SettleItem) * Max(count, 1));
	qsort(customer_ids, count, sizeof(char *), text_compare);
	for (int i = 0; i < count; i++)
	{
		settlement->items[i].customer_id = customer_ids[i];
		settlement->items[i].carried = decimal_zero();
	}
	return settlement;
}
