/*
 * preview_api.c
 *	  preview_invoice() and snapshot_pricing(): what a settlement would make, by the same code, and
 *	  nothing written.
 */
#include "postgres.h"

#include "core/actor.h"
#include "core/args.h"
#include "core/clock.h"
#include "core/errors.h"
#include "core/json.h"
#include "core/spi.h"
#include "domain/customer/customer.h"
#include "domain/invoice/invoice_document.h"
#include "domain/settlement/settle_plan.h"
#include "domain/settlement/settlement.h"
#include "utils/builtins.h"

/* A customer with nothing to bill has a preview without lines, in the currency of his plan. */
static Invoice *
empty_invoice(Settlement *settlement, const MonthPlan *own)
{
	SettleItem *item = &settlement->items[0];
	Invoice *invoice = palloc0(sizeof(Invoice));

	if (own->plan == NULL)
		billing_error(PLAN_NOT_FOUND,
					  errmsg("no pricing plan for customer \"%s\"", item->customer_id),
					  errhint("Create one with create_pricing_plan()."));
	invoice->customer_id = item->customer_id;
	invoice->customer_snapshot = item->snapshot;
	invoice->currency = own->plan->currency;
	invoice->period = settlement->period;
	invoice->bounds = item->bounds;
	invoice->tax_rate = tax_rate_at(item->tax_code, item->bounds.end);
	invoice->snapshot = snapshot_make(own->plan, item->bounds, &invoice->tax_rate);
	invoice->net = invoice->tax = invoice->total = money_zero(invoice->currency);
	return invoice;
}

static InvoiceState
preview_state(const Invoice *invoice)
{
	return (InvoiceState){
		.status = "PREVIEW",
		.captured_at = clock_now(),
		.applied_credit = money_zero(invoice->currency),
		.amount_paid = money_zero(invoice->currency),
		.amount_credited = money_zero(invoice->currency),
		.amount_due = invoice->total,
	};
}

static const MonthPlan *
own_month(Settlement *settlement)
{
	List *months = NIL;

	settlement_months(settlement, &months);
	return linitial(months);
}

/* A preview shows the whole month, also when it is invoiced already. */
static Settlement *
settlement_of_customer(char *customer_id, Period period)
{
	Settlement *settlement = settlement_new(period, &customer_id, 1);

	customer_require(customer_id);
	settlement_load(settlement);
	settlement->items[0].whole = settlement->items[0].invoice_id != NULL;
	settlement->items[0].invoice_id = NULL;
	plans_begin();
	return settlement;
}

static void
raise_failure(const SettleItem *item)
{
	if (item->error != NULL)
		ReThrowError(item->error);
}

/* preview_invoice(customer_id text, period text, charges jsonb) -> jsonb */
PG_FUNCTION_INFO_V1(billing_preview_invoice);
Datum
billing_preview_invoice(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	char *customer_id = arg_text_required(fcinfo, 0, "customer_id", MAX_CUSTOMER_ID);
	Period period = period_parse(PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1)));
	Settlement *settlement;
	const MonthPlan *own;
	Invoice *invoice;
	InvoiceState state;
	Datum result;

	actor_require_customer(customer_id);
	spi_begin();
	settlement = settlement_of_customer(customer_id, period);
	own = own_month(settlement);
	if (!PG_ARGISNULL(2))
	{
		const Currency *currency = settlement->items[0].currency;

		if (currency == NULL && own->plan != NULL)
			currency = own->plan->currency;
		if (currency == NULL)
			billing_error(PLAN_NOT_FOUND, errmsg("customer \"%s\" has no currency", customer_id),
						  errhint("Register the customer with a currency."));
		settlement->override = plan_of_charges(PG_GETARG_DATUM(2), currency);
	}
	settlement_compose(settlement);
	raise_failure(&settlement->items[0]);
	invoice = settlement->items[0].invoice;
	if (invoice == NULL)
		invoice = empty_invoice(settlement, own_month(settlement));
	state = preview_state(invoice);
	MemoryContextSwitchTo(caller);
	result = invoice_to_jsonb(invoice, &state);
	spi_end();
	return result;
}

/* snapshot_pricing(customer_id text, period text) -> jsonb */
PG_FUNCTION_INFO_V1(billing_snapshot_pricing);
Datum
billing_snapshot_pricing(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	char *customer_id = arg_text_required(fcinfo, 0, "customer_id", MAX_CUSTOMER_ID);
	Period period = period_parse(PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1)));
	Settlement *settlement;
	Invoice *invoice;
	JsonWriter json;
	Datum result;

	actor_require_customer(customer_id);
	spi_begin();
	settlement = settlement_of_customer(customer_id, period);
	invoice = empty_invoice(settlement, own_month(settlement));
	MemoryContextSwitchTo(caller);
	json_init(&json);
	json_open(&json, '{');
	json_key(&json, "capturedAt");
	json_timestamp(&json, clock_now());
	json_members(&json, invoice->snapshot.document);
	json_close(&json, '}');
	result = json_to_jsonb(&json);
	spi_end();
	return result;
}
