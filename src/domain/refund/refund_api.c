/*
 * refund_api.c
 *	  refund_payment(): gives a captured payment back, or a part of it.
 *
 * Idempotency: the key and its fingerprint are columns of the refund. Locks: the invoice or the order,
 * the payment, the wallet, the number series; callers with one key meet on the first.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/actor.h"
#include "core/args.h"
#include "core/digest.h"
#include "core/errors.h"
#include "core/idempotency.h"
#include "core/ids.h"
#include "core/json.h"
#include "core/numeric.h"
#include "domain/pending/pending.h"
#include "domain/refund/refund_lock.h"
#include "domain/refund/refund_rows.h"

static Stmt find_by_key = {
	.name = "find_refund_by_key",
	.sql = "SELECT r AS refund, r.fingerprint = $3 AS same FROM billing.refunds r"
		   " WHERE r.customer_id = $1 AND r.idempotency_key = $2",
	.expect = SPI_OK_SELECT,
	.nargs = 3,
	.argtypes = {TEXTOID, TEXTOID, BYTEAOID},
	.by_index = true,
};

static void
refund_from_args(FunctionCallInfo fcinfo, Refund *refund)
{
	refund->reason = arg_text_optional(fcinfo, 2, "reason", MAX_REASON);
	refund->destination = arg_choice_optional(fcinfo, 3, "destination", refund_destinations);
	if (refund->destination == NULL)
		refund->destination = DESTINATION_SOURCE;
	refund->idempotency_key = arg_text_optional(fcinfo, 4, "idempotency_key", MAX_IDEMPOTENCY_KEY);
	refund->metadata = arg_json_optional(fcinfo, 5, "metadata", MAX_METADATA_BYTES);
}

/* A null amount is all that is left: told apart from that amount, since a repeat finds less. */
static Datum
refund_fingerprint(const Refund *refund, bool all)
{
	JsonWriter json;

	json_init(&json);
	json_open(&json, '[');
	json_string(&json, "refund_payment");
	json_string(&json, id_text(refund->payment.payment_id));
	if (all)
		json_raw(&json, NULL);
	else
		json_money(&json, refund->amount);
	json_string(&json, refund->reason);
	json_string(&json, refund->destination);
	json_raw(&json, refund->metadata);
	json_close(&json, ']');
	return digest_text(json.text.data);
}

/* The refund that the key made, or false when it made none. */
static bool
refund_replay(const Refund *refund, Datum *result)
{
	StmtArgs args = {0};
	Rows rows;

	if (refund->idempotency_key == NULL)
		return false;
	arg_text(&args, refund->customer_id);
	arg_text(&args, refund->idempotency_key);
	arg_datum(&args, refund->fingerprint);
	rows = stmt_run(&find_by_key, &args);
	if (!row_next(&rows))
		return false;
	key_require_same(refund->idempotency_key, row_bool(&rows, "same"));
	*result = row_composite(&rows, "refund");
	return true;
}

static void
require_refundable(Refund *refund, bool all)
{
	const LockedPayment *payment = &refund->payment;
	char *id = id_text(payment->payment_id);
	Money left;

	if (payment->status != PAYMENT_APPROVED && !payment->late)
		billing_error(ILLEGAL_STATE, errmsg("payment %s cannot be refunded", id),
					  errdetail("It is %s, not APPROVED.", payment_status_name(payment->status)));
	if (payment->late && strcmp(refund->destination, DESTINATION_SOURCE) != 0)
		billing_error(ILLEGAL_STATE, errmsg("payment %s can only be refunded to its source", id),
					  errdetail("It was captured after it had FAILED, and paid for nothing."));
	if (strcmp(payment->target_type, TARGET_TOP_UP) == 0 &&
		strcmp(refund->destination, DESTINATION_SOURCE) != 0)
		billing_error(ILLEGAL_STATE, errmsg("payment %s can only be refunded to its source", id),
					  errdetail("It filled a wallet, and its money is there."));
	if (!payment->late)
		pending_require_none(refund->customer_id, payment->target_id,
							 psprintf("what payment %s paid", id),
							 "Wait for its outcome, or end it with resolve_payment().");
	left = refund_left(refund);
	if (money_is_zero(left))
		billing_error(REFUND_ALREADY_REQUESTED, errmsg("nothing is left of payment %s", id),
					  errdetail("All of it is refunded or being refunded."));
	if (all)
		refund->amount = left;
	if (money_compare(refund->amount, left) > 0)
		billing_error(REFUND_EXCEEDS_PAYMENT,
					  errmsg("the refund is more than what is left of payment %s", id),
					  errdetail("Asked are %s, left are %s.", money_text(refund->amount),
								money_text(left)));
}

static void
refund_amount(FunctionCallInfo fcinfo, Refund *refund)
{
	if (PG_ARGISNULL(1))
		return;
	refund->amount =
		numeric_to_money(PG_GETARG_DATUM(1), refund->payment.amount.currency, "amount");
	if (money_is_negative(refund->amount) || money_is_zero(refund->amount))
		billing_error(INVALID_ARGUMENT, errmsg("amount must be above 0"));
}

/* refund_payment(payment_id uuid, amount numeric, reason text, destination text, key, meta) -> billing.refunds */
PG_FUNCTION_INFO_V1(billing_refund_payment);
Datum
billing_refund_payment(PG_FUNCTION_ARGS)
{
	Datum payment_id = arg_required(fcinfo, 0, "payment_id");
	bool all = PG_ARGISNULL(1);
	Refund refund = {0};
	PaymentTarget target;
	Datum result;

	refund_from_args(fcinfo, &refund);
	actor_require_service();
	spi_begin();
	target = payment_require_target(payment_id);
	refund_lock(&refund, &target, payment_id);
	refund_amount(fcinfo, &refund);
	refund.fingerprint =
		refund.idempotency_key != NULL ? refund_fingerprint(&refund, all) : (Datum) 0;
	if (!refund_replay(&refund, &result))
	{
		require_refundable(&refund, all);
		refund_split(&refund);
		refund_request(&refund);
		refund_decide(&refund);
		result = refund_row(&refund);
	}
	spi_end();
	return result;
}
