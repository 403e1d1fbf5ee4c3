/*
 * settle_issue_store.c
 *	  Numbering, writing and paying the invoices of a settlement: with credits, then by a charge.
 *
 * Guarantees: an invoice is written once, with what pays it, in one transaction; what credits pay is
 * not charged. Locks, in this order: customer rows (first invoice only); usable credits, by
 * customer; the number series; keys of the new rows.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/batch.h"
#include "core/clock.h"
#include "core/errors.h"
#include "core/ids.h"
#include "domain/collection/collection.h"
#include "domain/credit/credit.h"
#include "domain/invoice/invoice_state.h"
#include "domain/invoice/invoice_store.h"
#include "domain/payment/payment.h"
#include "domain/settlement/settlement.h"
#include "utils/timestamp.h"

static Stmt fix_currencies = {
	.name = "fix_currencies",
	.sql = "UPDATE billing.customers c SET currency = f.currency, currency_fixed_at = $4"
		   " FROM unnest($1, $2, $3) f(customer_id, currency, seen_currency)"
		   " WHERE c.customer_id = f.customer_id"
		   " AND c.currency IS NOT DISTINCT FROM f.seen_currency AND c.currency_fixed_at IS NULL",
	.expect = SPI_OK_UPDATE,
	.nargs = 4,
	.argtypes = {TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TIMESTAMPTZOID},
	.by_index = true,
};

typedef struct Issue
{
	SettleItem **items; /* that get an invoice */
	Invoice **invoices; /* theirs */
	int count;
	CreditDemand *demands; /* of those who use credits */
	Invoice **demanding;   /* theirs */
	int demand_count;
	Payment *payments;
	SettleItem **charged; /* whose payments they are */
	int payment_count;
} Issue;

/* The first invoice fixes the currency of its customer, unless he got another in the meantime. */
static void
fix_customer_currencies(SettleItem **items, int count)
{
	static const Oid types[] = {TEXTOID, TEXTOID, TEXTOID};
	Batch *batch = batch_new(types, lengthof(types));
	StmtArgs args = {0};

	for (int i = 0; i < count; i++)
	{
		if (items[i]->currency_fixed)
			continue;
		batch_row(batch);
		batch_text(batch, items[i]->customer_id);
		batch_text(batch, items[i]->invoice->currency->code);
		batch_text(batch, items[i]->currency != NULL ? items[i]->currency->code : NULL);
	}
	if (batch->rows == 0)
		return;
	batch_args(batch, &args);
	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	if (stmt_run(&fix_currencies, &args).count != (uint64) batch->rows)
		billing_retry(errmsg("the currency of a customer changed while he was settled"));
}

static Money
invoice_due(const Invoice *invoice)
{
	return money_subtract(invoice->total, invoice->applied_credit);
}

/* Takes the customers to be invoiced; a total of 0 is left out when such invoices are not wanted. */
static void
issue_select(Issue *issue, Settlement *settlement)
{
	for (int i = 0; i < settlement->count; i++)
	{
		SettleItem *item = &settlement->items[i];

		if (item->invoice == NULL)
			continue;
		if (money_is_zero(item->invoice->total) && settlement_skips_zero())
		{
			item->invoice = NULL;
			item->skipped = true;
			continue;
		}
		issue->items[issue->count] = item;
		issue->invoices[issue->count++] = item->invoice;
	}
}

/* Reserves the credits of customers who let them be applied. */
static void
issue_reserve_credits(Issue *issue)
{
	int n = 0;

	for (int i = 0; i < issue->count; i++)
	{
		Invoice *invoice = issue->invoices[i];

		if (!issue->items[i]->auto_apply_credit || money_is_zero(invoice->total))
			continue;
		issue->demanding[n] = invoice;
		issue->demands[n++] = (CreditDemand){
			.customer_id = invoice->customer_id,
			.due = invoice->total,
			.at_most = invoice->total,
		};
	}
	if (n > 0)
		credits_reserve(issue->demands, n);
	for (int i = 0; i < n; i++)
		issue->demanding[i]->applied_credit = issue->demands[i].applied;
	issue->demand_count = n;
}

static void
issue_book_credits(Issue *issue)
{
	for (int i = 0; i < issue->demand_count; i++)
		issue->demands[i].invoice_id = issue->demanding[i]->invoice_id;
	credits_book(issue->demands, issue->demand_count);
}

/*
 * Asks for the money of customers with automatic collection, before the invoices are written, so
 * that each is written once; what has nothing due is paid without a charge.
 */
static void
issue_charge(Issue *issue)
{
	int n = 0;

	for (int i = 0; i < issue->count; i++)
	{
		Invoice *invoice = issue->invoices[i];

		invoice->paid = money_is_zero(invoice_due(invoice));
		if (invoice->paid || !issue->items[i]->automatic)
			continue;
		issue->charged[n] = issue->items[i];
		issue->payments[n++] = (Payment){
			.customer_id = invoice->customer_id,
			.operation = "settlement",
			.target_type = TARGET_INVOICE,
			.target_id = invoice->invoice_id,
			.amount = invoice_due(invoice),
		};
	}
	payments_authorize(issue->payments, n);
	for (int i = 0; i < n; i++)
	{
		issue->charged[i]->invoice->paid = issue->payments[i].answer.outcome == PROVIDER_APPROVED;
		issue->charged[i]->payment_id = id_text(issue->payments[i].payment_id);
		issue->charged[i]->payment_failure = issue->payments[i].answer.failure_code;
	}
	issue->payment_count = n;
}

/* What was captured is the amount of the event: 0 where credits paid all. */
static void
issue_announce_paid(const Issue *issue)
{
	InvoicePaid *paid = palloc0(sizeof(InvoicePaid) * issue->count);
	int n = 0;

	for (int i = 0; i < issue->count; i++)
	{
		Invoice *invoice = issue->invoices[i];

		if (invoice->paid)
			paid[n++] =
				(InvoicePaid){invoice->customer_id, id_text(invoice->invoice_id), invoice->number,
							  invoice_due(invoice), issue->items[i]->payment_id};
	}
	invoices_announce_paid(paid, n);
}

/* Numbers, writes and pays the composed invoices. Needs spi_begin() and the locks. */
void
settlement_issue(Settlement *settlement)
{
	int most = Max(settlement->count, 1);
	Issue issue = {
		.items = palloc(sizeof(SettleItem *) * most),
		.invoices = palloc(sizeof(Invoice *) * most),
		.demands = palloc(sizeof(CreditDemand) * most),
		.demanding = palloc(sizeof(Invoice *) * most),
		.payments = palloc(sizeof(Payment) * most),
		.charged = palloc(sizeof(SettleItem *) * most),
	};

	issue_select(&issue, settlement);
	if (issue.count == 0)
		return;
	fix_customer_currencies(issue.items, issue.count);
	issue_reserve_credits(&issue);
	invoices_number(issue.invoices, issue.count);
	issue_charge(&issue);
	invoices_issue(issue.invoices, issue.count);
	issue_book_credits(&issue);
	(void) payments_record(issue.payments, issue.payment_count); /* without keys */
	collections_note(issue.payments, issue.payment_count);
	issue_announce_paid(&issue);
}
