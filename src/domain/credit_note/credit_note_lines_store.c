/*
 * credit_note_lines_store.c
 *	  The lines of a credit note: what of an invoice it takes back.
 *
 * Guarantees: nothing is taken back twice, of a line or of the invoice. Reads only; the caller has
 * locked the invoice.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/errors.h"
#include "core/ids.h"
#include "core/numeric.h"
#include "core/spi.h"
#include "domain/credit_note/credit_note.h"
#include "domain/credit_note/credit_note_rules.h"
#include "domain/tax/tax.h"
#include "utils/builtins.h"

static Stmt select_credited = {
	.name = "select_credited",
	.sql =
		"SELECT h.number::text AS number, h.currency, h.net, h.tax,"
		" (SELECT t.tax_code FROM billing.invoice_taxes t"
		" WHERE t.customer_id = $1 AND t.invoice_id = $2 LIMIT 1) AS tax_code,"
		" COALESCE(pg_catalog.sum(n.net), 0) AS credited_net, COALESCE(pg_catalog.sum(n.tax), 0) AS credited_tax"
		" FROM billing.invoice_headers h LEFT JOIN billing.credit_notes n"
		" ON n.customer_id = $1 AND n.invoice_id = $2"
		" WHERE h.customer_id = $1 AND h.invoice_id = $2 GROUP BY h.customer_id, h.invoice_id",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTOID, UUIDOID},
	.by_index = true,
};

static Stmt select_lines = {
	.name = "select_creditable_lines",
	.sql =
		"SELECT l.line_no, l.description, l.net - COALESCE(c.net, 0) AS net"
		" FROM billing.invoice_lines l LEFT JOIN (SELECT x.invoice_line_no, pg_catalog.sum(x.net) AS net"
		" FROM billing.credit_notes n JOIN billing.credit_note_lines x"
		" ON x.customer_id = n.customer_id AND x.credit_note_id = n.credit_note_id"
		" WHERE n.customer_id = $1 AND n.invoice_id = $2 AND x.invoice_line_no IS NOT NULL"
		" GROUP BY x.invoice_line_no) c ON c.invoice_line_no = l.line_no"
		" WHERE l.customer_id = $1 AND l.invoice_id = $2 ORDER BY l.line_no",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTOID, UUIDOID},
	.by_index = true,
};

static void
invoice_args(const CreditNote *note, StmtArgs *args)
{
	arg_text(args, note->customer_id);
	arg_datum(args, note->invoice_id);
}

static CreditedInvoice
credited_load(CreditNote *note)
{
	CreditedInvoice invoice;
	StmtArgs args = {0};
	const Currency *currency;
	const char *tax_code;
	Rows rows;

	invoice_args(note, &args);
	rows = stmt_run(&select_credited, &args);
	Ensure(row_next(&rows), "invoice vanished");
	currency = currency_require(row_text(&rows, "currency"));
	tax_code = row_text_or_null(&rows, "tax_code");
	note->tax_code = tax_code != NULL ? tax_code : TAX_NONE;
	note->credit_note_id = id_new();
	invoice.net = row_money(&rows, "net", currency);
	invoice.tax = row_money(&rows, "tax", currency);
	invoice.credited_net = row_money(&rows, "credited_net", currency);
	invoice.credited_tax = row_money(&rows, "credited_tax", currency);
	return invoice;
}

static void
refuse_more(Money asked, Money left, const char *what)
{
	billing_error(CREDIT_NOTE_EXCEEDS_INVOICE,
				  errmsg("the credit note is more than what is left of %s", what),
				  errdetail("Asked are %s, left are %s.", money_text(asked), money_text(left)));
}

void
credit_note_of_amount(CreditNote *note, Money amount)
{
	CreditedInvoice invoice = credited_load(note);
	Money left = money_add(credited_left_net(&invoice), credited_left_tax(&invoice));
	CreditNoteLine *line = palloc0(sizeof(CreditNoteLine));

	if (money_compare(amount, left) > 0)
		refuse_more(amount, left, "the invoice");
	line->description = note->reason;
	line->tax = credited_tax_of_amount(&invoice, amount);
	line->net = money_subtract(amount, line->tax);
	note->line_count = 1;
	note->lines = line;
	note->net = line->net;
	note->tax = line->tax;
}

/* Taxes the lines of a note together, and spreads the tax over them. */
static void
lines_tax(CreditNote *note, const CreditedInvoice *invoice)
{
	int64 *weights = palloc(sizeof(int64) * note->line_count);
	Money *parts = palloc(sizeof(Money) * note->line_count);

	note->net = money_zero(invoice->net.currency);
	for (int i = 0; i < note->line_count; i++)
	{
		weights[i] = note->lines[i].net.minor;
		note->net = money_add(note->net, note->lines[i].net);
	}
	if (money_compare(note->net, credited_left_net(invoice)) > 0)
		refuse_more(note->net, credited_left_net(invoice), "the invoice without its tax");
	note->tax = credited_tax_of_net(invoice, note->net);
	money_allocate(note->tax, weights, note->line_count, parts);
	for (int i = 0; i < note->line_count; i++)
		note->lines[i].tax = parts[i];
}

/* What is left of each line of the invoice, by line number; one of nothing ends the array. */
static CreditNoteLine *
lines_left(const CreditNote *note, const Currency *currency, int *count)
{
	CreditNoteLine *left;
	StmtArgs args = {0};
	Rows rows;

	invoice_args(note, &args);
	rows = stmt_run(&select_lines, &args);
	left = palloc0(sizeof(CreditNoteLine) * (rows.count + 1));
	*count = 0;
	while (row_next(&rows))
	{
		left[*count].invoice_line_no = row_int32(&rows, "line_no");
		left[*count].description = row_text(&rows, "description");
		left[(*count)++].net = row_money(&rows, "net", currency);
	}
	return left;
}

static int
line_compare(const void *a, const void *b)
{
	return ((const CreditNoteLine *) a)->invoice_line_no -
		   ((const CreditNoteLine *) b)->invoice_line_no;
}

void
credit_note_of_lines(CreditNote *note)
{
	CreditedInvoice invoice = credited_load(note);
	int count;
	CreditNoteLine *left = lines_left(note, invoice.net.currency, &count);

	for (int i = 0; i < note->line_count; i++)
	{
		CreditNoteLine *line = &note->lines[i];
		CreditNoteLine *of = bsearch(line, left, count, sizeof(CreditNoteLine), line_compare);

		if (of == NULL)
			billing_error(INVALID_ARGUMENT,
						  errmsg("the invoice has no line %d", line->invoice_line_no));
		if (money_compare(line->net, of->net) > 0)
			refuse_more(line->net, of->net, psprintf("line %d", line->invoice_line_no));
		of->net = money_subtract(of->net, line->net);
		if (line->description == NULL)
			line->description = of->description;
	}
	lines_tax(note, &invoice);
}

void
credit_note_of_rest(CreditNote *note)
{
	CreditedInvoice invoice = credited_load(note);
	Money rest = credited_left_net(&invoice);
	Money sum = money_zero(rest.currency);
	int count;

	note->lines = lines_left(note, rest.currency, &count);
	note->line_count = 0;
	for (int i = 0; i < count; i++)
	{
		sum = money_add(sum, note->lines[i].net);
		if (!money_is_zero(note->lines[i].net))
			note->lines[note->line_count++] = note->lines[i];
	}
	if (note->line_count > 0 && money_compare(sum, rest) == 0)
		lines_tax(note, &invoice);
	else
		credit_note_of_amount(note, money_add(rest, credited_left_tax(&invoice)));
}
