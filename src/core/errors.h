/*
 * errors.h
 *	  The registry of errors: SQLSTATE of class ZB, the code that the REST face answers, its
 *	  HTTP status and one sentence of meaning. billing.error_codes and docs/reference/errors.md
 *	  are made from this list.
 *
 * Groups: ZB0 arguments, ZB1 missing objects, ZB2 state, ZB3 limits, ZB4 access.
 */
#ifndef BILLING_ERRORS_H
#define BILLING_ERRORS_H

/* X(symbol, three characters after ZB, API code, HTTP status, meaning) */
#define BILLING_ERRORS(X)                                                                          \
	X(INVALID_ARGUMENT, '0', '0', '1', "BAD_REQUEST", 400,                                         \
	  "An argument is null, empty, too long, out of range or not of the allowed values")           \
	X(MALFORMED_DOCUMENT, '0', '0', '2', "MALFORMED_REQUEST", 400,                                 \
	  "A JSON document has not the expected shape")                                                \
	X(INVALID_CHARGE, '0', '0', '3', "BAD_REQUEST", 400,                                           \
	  "A charge of a pricing plan is refused; the detail names the place in the document")         \
	X(UNKNOWN_CURRENCY, '0', '0', '4', "BAD_REQUEST", 400,                                         \
	  "The currency is not an ISO 4217 code with a minor unit")                                    \
	X(CURRENCY_MISMATCH, '0', '0', '5', "BAD_REQUEST", 400, "Two currencies met in one operation") \
	X(AMOUNT_OVERFLOW, '0', '0', '6', "BAD_REQUEST", 400,                                          \
	  "An amount or a quantity is beyond the supported range")                                     \
	X(INVALID_PERIOD, '0', '0', '7', "BAD_REQUEST", 400, "A period is not YYYY-MM")                \
	X(CUSTOMER_NOT_FOUND, '1', '0', '1', "NOT_FOUND", 404, "The customer does not exist")          \
	X(METER_NOT_FOUND, '1', '0', '2', "NOT_FOUND", 404, "The resource type has no meter")          \
	X(PLAN_NOT_FOUND, '1', '0', '3', "NOT_FOUND", 404, "No pricing plan is in force")              \
	X(INVOICE_NOT_FOUND, '1', '0', '4', "NOT_FOUND", 404, "The invoice does not exist")            \
	X(EVENT_NOT_FOUND, '1', '0', '5', "NOT_FOUND", 404, "The usage event does not exist")          \
	X(TAX_RATE_NOT_FOUND, '1', '0', '6', "NOT_FOUND", 404,                                         \
	  "The tax code has no rate in force at the tax point")                                        \
	X(WALLET_NOT_FOUND, '1', '0', '7', "NOT_FOUND", 404,                                           \
	  "The customer has no wallet in the currency")                                                \
	X(HOLD_NOT_FOUND, '1', '0', '8', "NOT_FOUND", 404, "The hold does not exist")                  \
	X(ORDER_NOT_FOUND, '1', '0', '9', "NOT_FOUND", 404, "The order does not exist")                \
	X(PAYMENT_NOT_FOUND, '1', '1', '0', "NOT_FOUND", 404, "The payment does not exist")            \
	X(REFUND_NOT_FOUND, '1', '1', '1', "NOT_FOUND", 404, "The refund does not exist")              \
	X(CREDIT_NOT_FOUND, '1', '1', '2', "NOT_FOUND", 404, "The credit does not exist")              \
	X(PAYMENT_METHOD_NOT_FOUND, '1', '1', '3', "NOT_FOUND", 404,                                   \
	  "The payment method does not exist, or is not the customer's")                               \
	X(DEAD_LETTER_NOT_FOUND, '1', '1', '4', "NOT_FOUND", 404, "The dead letter does not exist")    \
	X(PERIOD_NOT_CLOSED, '2', '0', '1', "PERIOD_NOT_CLOSED", 409,                                  \
	  "The period is still open in the customer's zone")                                           \
	X(ILLEGAL_STATE, '2', '0', '2', "ILLEGAL_STATE", 409,                                          \
	  "The state of the object does not allow the operation")                                      \
	X(INCOMPATIBLE_PARAMS, '2', '0', '3', "INCOMPATIBLE_PARAMS", 422,                              \
	  "The idempotency key was used before with other parameters")                                 \
	X(DUPLICATE_REQUEST, '2', '0', '4', "DUPLICATE_REQUEST", 409,                                  \
	  "Another call with the same idempotency key is in flight")                                   \
	X(PAYMENT_IN_PROGRESS, '2', '0', '5', "PAYMENT_IN_PROGRESS", 409,                              \
	  "A payment of the same target is not decided yet")                                           \
	X(FROZEN, '2', '0', '6', "ILLEGAL_STATE", 409,                                                 \
	  "The attribute cannot change any more, since usage or money depends on it")                  \
	X(RESOURCE_NOT_PRICED, '2', '0', '7', "ILLEGAL_STATE", 409,                                    \
	  "The plan in force has no charge for a resource type that was used")                         \
	X(APPEND_ONLY, '2', '0', '8', "METHOD_NOT_ALLOWED", 405,                                       \
	  "Rows of the table are not changed or not deleted: a correction is a new row")               \
	X(DROP_REFUSED, '2', '0', '9', "ILLEGAL_STATE", 409,                                           \
	  "The extension holds data and is not dropped")                                               \
	X(INSUFFICIENT_BALANCE, '2', '1', '0', "INSUFFICIENT_BALANCE", 422,                            \
	  "The available balance of the wallet is less than the amount")                               \
	X(CONCURRENT_MODIFICATION, '2', '1', '1', "CONCURRENT_MODIFICATION", 409,                      \
	  "The object has another version than the caller expected")                                   \
	X(REFUND_ALREADY_REQUESTED, '2', '1', '2', "REFUND_ALREADY_REQUESTED", 409,                    \
	  "All of the payment is refunded or being refunded")                                          \
	X(REFUND_EXCEEDS_PAYMENT, '2', '1', '3', "REFUND_EXCEEDS_PAYMENT", 422,                        \
	  "The refund is more than what is left of the payment")                                       \
	X(CREDIT_NOTE_EXCEEDS_INVOICE, '2', '1', '4', "CREDIT_NOTE_EXCEEDS_INVOICE", 422,              \
	  "The credit note is more than what is left of the invoice or its line")                      \
	X(LIMIT_EXCEEDED, '3', '0', '1', "BAD_REQUEST", 400, "A documented limit is exceeded")         \
	X(BULKHEAD_FULL, '3', '0', '2', "BULKHEAD_FULL", 503,                                          \
	  "Too many calls wait for an outside service; retry after a few seconds")                     \
	X(FORBIDDEN, '4', '0', '1', "FORBIDDEN", 403, "The caller may not act for this customer")      \
	X(INVALID_SIGNATURE, '4', '0', '2', "UNAUTHORIZED", 401,                                       \
	  "A webhook lacks a signature of now, or it is of another secret")

extern const char *billing_error_name(int sqlerrcode);

#define BILLING_ERRORS_ENUM(symbol, a, b, c, api_code, http_status, meaning)                       \
	ERRCODE_BILLING_##symbol = MAKE_SQLSTATE('Z', 'B', a, b, c),
enum BillingErrcode
{
	BILLING_ERRORS(BILLING_ERRORS_ENUM)
};

/*
 * Raises an error of the registry: billing_error(SYMBOL, errmsg(...), errdetail(...), errhint(...)).
 * The level is not an argument, so that a code can never be given in its place.
 */
#define billing_error(symbol, ...) ereport(ERROR, errcode(ERRCODE_BILLING_##symbol), __VA_ARGS__)

/* A retriable refusal, 40001: another transaction did the work, and this snapshot cannot see it. */
#define billing_retry(...)                                                                         \
	ereport(ERROR, errcode(ERRCODE_T_R_SERIALIZATION_FAILURE), __VA_ARGS__,                        \
			errhint("Retry the transaction."))

/* A procedure that commits was called where it cannot, 2D000. */
#define billing_top_level(...)                                                                     \
	ereport(ERROR, errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION), __VA_ARGS__,                  \
			errhint("CALL it on its own, outside of BEGIN and of functions."))

/* A condition that only a damaged catalog or a defect of ours can break. */
#define Ensure(condition, ...)                                                                     \
	do                                                                                             \
	{                                                                                              \
		if (unlikely(!(condition)))                                                                \
			ereport(ERROR, errcode(ERRCODE_INTERNAL_ERROR), errmsg_internal(__VA_ARGS__));         \
	} while (0)

#endif
