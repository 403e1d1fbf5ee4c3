/*
 * wait_api.c
 *	  wait_for_payment(): sleeps until a payment is decided.
 *
 * Guarantees: it answers as soon as the payment ends, whoever ends it, and at the latest when the
 * time is over; no end is missed between a look and the sleep. Each look sees what is committed
 * then, in every isolation level, and is undone: asleep, the session holds no lock of ours. It is
 * woken by the commit that ends the payment. A commit that can wake nobody (COMMIT PREPARED, a
 * replayed one on a standby) is seen after LOOK_AGAIN_MS.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/actor.h"
#include "core/args.h"
#include "core/errors.h"
#include "core/ids.h"
#include "core/isolate.h"
#include "core/spi.h"
#include "core/wake.h"
#include "portability/instr_time.h"
#include "utils/snapmgr.h"

#define MAX_WAIT (10 * USECS_PER_MINUTE)
#define LOOK_AGAIN_MS INT64CONST(10000)

typedef struct PaymentLook
{
	Datum payment_id;
	Datum row;
	bool decided;
} PaymentLook;

static Stmt look_at_payment = {
	.name = "look_at_payment",
	.sql = "SELECT p AS payment, p.customer_id, p.status <> 'PENDING' AS decided"
		   " FROM billing.payments p WHERE p.payment_id = $1 AND p.deleted_at IS NULL",
	.expect = SPI_OK_SELECT,
	.nargs = 1,
	.argtypes = {UUIDOID},
	.read_only = true,
	.by_index = true,
};

/* Looks with a snapshot of its own: that of the transaction can be old. */
static void
payment_look(void *argument)
{
	PaymentLook *look = argument;
	StmtArgs args = {0};
	Rows rows;

	PushActiveSnapshot(GetLatestSnapshot());
	spi_begin();
	arg_datum(&args, look->payment_id);
	rows = stmt_run(&look_at_payment, &args);
	if (!row_next(&rows))
		billing_error(PAYMENT_NOT_FOUND,
					  errmsg("payment %s does not exist", id_text(look->payment_id)));
	actor_require_customer(row_text(&rows, "customer_id"));
	look->decided = row_bool(&rows, "decided");
	look->row = row_composite(&rows, "payment");
	spi_end();
	PopActiveSnapshot();
}

/* An interval of at most MAX_WAIT, in ms; its days and months are beyond that whatever they mean. */
static int64
timeout_ms(const Interval *timeout)
{
	if (timeout->month != 0 || timeout->day != 0 || timeout->time < 0 || timeout->time > MAX_WAIT)
		billing_error(INVALID_ARGUMENT, errmsg("timeout must be between 0 and 10 minutes"));
	return timeout->time / 1000;
}

static int64
elapsed_ms(instr_time start)
{
	instr_time now;

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, start);
	return (int64) INSTR_TIME_GET_MICROSEC(now) / 1000;
}

static void
require_wakes(void)
{
	if (!wake_can_wait())
		billing_error(ILLEGAL_STATE, errmsg("the payment is not decided, and nobody can wait"),
					  errdetail("The library is not in shared_preload_libraries."),
					  errhint("Add billing to shared_preload_libraries and restart the server."));
}

/* Answers the last look: at the payment as it ended, or as it is when the time is over. */
static Datum
payment_wait(Datum payment_id, int64 most_ms)
{
	PaymentLook look = {.payment_id = payment_id};
	instr_time start;

	INSTR_TIME_SET_CURRENT(start);
	for (;;)
	{
		uint64 told = wake_told(payment_id);
		ErrorData *error = run_undone(payment_look, &look);
		int64 left = most_ms - elapsed_ms(start);

		if (error != NULL)
			ReThrowError(error);
		if (look.decided)
			return look.row;
		require_wakes();
		if (left <= 0)
			return look.row;
		wake_wait(payment_id, told, (long) Min(left, LOOK_AGAIN_MS));
	}
}

/* wait_for_payment(payment_id uuid, timeout interval) -> billing.payments */
PG_FUNCTION_INFO_V1(billing_wait_for_payment);
Datum
billing_wait_for_payment(PG_FUNCTION_ARGS)
{
	Datum payment_id = arg_required(fcinfo, 0, "payment_id");
	int64 most_ms = timeout_ms(DatumGetIntervalP(arg_required(fcinfo, 1, "timeout")));

	return actor_visible_row(payment_wait(payment_id, most_ms));
}
