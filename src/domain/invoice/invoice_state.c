/*
 * invoice_state.c
 *	  The states of an invoice as a table. Pure C.
 */
#include "postgres.h"

#include "core/errors.h"
#include "domain/invoice/invoice_state.h"

static const char *const status_names[INVOICE_STATUS_COUNT] = {
	[INVOICE_DRAFT] = "DRAFT", [INVOICE_ISSUED] = "ISSUED",       [INVOICE_OVERDUE] = "OVERDUE",
	[INVOICE_PAID] = "PAID",   [INVOICE_CANCELLED] = "CANCELLED",
};

typedef struct InvoiceTransition
{
	InvoiceStatus from;
	InvoiceStatus to;
	const char *why;
} InvoiceTransition;

static const InvoiceTransition transitions[] = {
	{INVOICE_DRAFT, INVOICE_ISSUED, "it got its number and date"},
	{INVOICE_DRAFT, INVOICE_CANCELLED, "it will not be issued"},
	{INVOICE_ISSUED, INVOICE_PAID, "nothing is due any more"},
	{INVOICE_ISSUED, INVOICE_OVERDUE, "its due date has come"},
	{INVOICE_ISSUED, INVOICE_CANCELLED, "it was corrected"},
	{INVOICE_OVERDUE, INVOICE_PAID, "nothing is due any more"},
	{INVOICE_OVERDUE, INVOICE_CANCELLED, "it was corrected"},
};

const char *
invoice_status_name(InvoiceStatus status)
{
	return status_names[status];
}

InvoiceStatus
invoice_status_of(const char *name)
{
	for (int i = 0; i < INVOICE_STATUS_COUNT; i++)
	{
		if (strcmp(name, status_names[i]) == 0)
			return (InvoiceStatus) i;
	}
	Ensure(false, "unknown invoice status \"%s\"", name);
	return INVOICE_DRAFT; /* not reached */
}

bool
invoice_may_become(InvoiceStatus from, InvoiceStatus to)
{
	for (size_t i = 0; i < lengthof(transitions); i++)
	{
		if (transitions[i].from == from && transitions[i].to == to)
			return true;
	}
	return false;
}

void
invoice_require_transition(InvoiceStatus from, InvoiceStatus to)
{
	if (!invoice_may_become(from, to))
		billing_error(ILLEGAL_STATE, errmsg("invoice cannot become %s", status_names[to]),
					  errdetail("It is %s.", status_names[from]));
}
