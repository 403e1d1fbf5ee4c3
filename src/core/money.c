/*
 * money.c
 *	  Checked arithmetic on amounts of one currency.
 *
 * Guarantees: two currencies never meet (CURRENCY_MISMATCH), nothing wraps (AMOUNT_OVERFLOW),
 * only money_round() and money_percentage() round, once and HALF_UP, and the parts of an
 * allocation sum to the whole.
 *
 * Locks nothing and keeps no state; money_allocate() takes memory of the current context for
 * the time of the call. Never uses a float.
 */
#include "postgres.h"

#include "common/int.h"
#include "core/errors.h"
#include "core/money.h"

/* What one part of an allocation lost when its share was cut. */
typedef struct Loss
{
	int128 share;
	int128 remainder;
	int part;
} Loss;

static void
money_raise_overflow(const Currency *currency)
{
	billing_error(AMOUNT_OVERFLOW, errmsg("amount in %s out of range", currency->code),
				  errdetail("An amount is held as a 64-bit number of minor units."));
}

static void
money_require_same(Money a, Money b)
{
	if (a.currency != b.currency)
		billing_error(CURRENCY_MISMATCH,
					  errmsg("currency mismatch: %s vs %s", a.currency->code, b.currency->code),
					  errdetail(
						  "Amounts of two currencies are never added, subtracted or compared."));
}

Money
money_zero(const Currency *currency)
{
	return money_from_minor(0, currency);
}

/* 30150 USD is 301.50 USD, 30150 KRW is 30150 KRW. */
Money
money_from_minor(int64 minor, const Currency *currency)
{
	Money money = {minor, currency};

	return money;
}

/*
 * The amount in major units, rounded HALF_UP to the minor unit: 100.555 USD is 100.56 USD, and
 * -0.5 KRW is -1 KRW. AMOUNT_OVERFLOW if it is beyond int64.
 */
Money
money_round(const Decimal *amount, const Currency *currency)
{
	Decimal minor = decimal_round(amount, currency->exponent);
	Money money = money_zero(currency);

	minor.scale = 0; /* the same digits, now in minor units */
	if (!decimal_to_int64(&minor, &money.minor))
		money_raise_overflow(currency);
	return money;
}

/*
 * The amount in major units, unrounded. False, and nothing written, if the currency has no such
 * fraction (1.5 KRW), which is for the caller to report; zeros (1.00 KRW) are no fraction.
 * AMOUNT_OVERFLOW if it is beyond int64.
 */
bool
money_from_decimal(const Decimal *amount, const Currency *currency, Money *result)
{
	if (decimal_significant_scale(amount) > currency->exponent)
		return false;
	*result = money_round(amount, currency);
	return true;
}

/* The amount in major units, with the scale of the currency. */
Decimal
money_to_decimal(Money money)
{
	return decimal_from_int64(money.minor, money.currency->exponent);
}

/* For people: 301.50 USD. */
char *
money_text(Money money)
{
	char *text = palloc(DECIMAL_TEXT_SIZE + 1 + sizeof(money.currency->code));
	Decimal value = money_to_decimal(money);
	size_t length = strlen(decimal_print(&value, text));

	text[length] = ' ';
	memcpy(text + length + 1, money.currency->code, sizeof(money.currency->code));
	return text;
}

Money
money_add(Money a, Money b)
{
	money_require_same(a, b);
	if (pg_add_s64_overflow(a.minor, b.minor, &a.minor))
		money_raise_overflow(a.currency);
	return a;
}

Money
money_subtract(Money a, Money b)
{
	money_require_same(a, b);
	if (pg_sub_s64_overflow(a.minor, b.minor, &a.minor))
		money_raise_overflow(a.currency);
	return a;
}

Money
money_negate(Money money)
{
	return money_subtract(money_zero(money.currency), money);
}

/* -1, 0 or 1. */
int
money_compare(Money a, Money b)
{
	money_require_same(a, b);
	return (a.minor > b.minor) - (a.minor < b.minor);
}

bool
money_is_zero(Money money)
{
	return money.minor == 0;
}

bool
money_is_negative(Money money)
{
	return money.minor < 0;
}

/*
 * net * percentage / 100, rounded once: 8.875 % of 100.00 USD is 8.88 USD. The rate is not cut
 * to some number of digits before. Sign-symmetric, so that the tax of a refund is that of the
 * sale. Any percentage will do; its limits are the tax code's. AMOUNT_OVERFLOW beyond int64.
 */
Money
money_percentage(Money net, const Decimal *percentage)
{
	Decimal amount = money_to_decimal(net);
	Decimal hundred = decimal_from_int64(100, 0);
	Decimal share = decimal_multiply(&amount, percentage);

	share = decimal_divide(&share, &hundred, net.currency->exponent);
	return money_round(&share, net.currency);
}

/*
 * `whole` x part / of, HALF_UP: what of `whole` has gone when `part` of `of` has. The steps of a
 * split that is computed to date sum to the whole. `of` is not 0.
 */
Money
money_portion(Money whole, Money part, Money of)
{
	Decimal share = decimal_from_int64(whole.minor, 0);
	Decimal numerator = decimal_from_int64(part.minor, 0);
	Decimal denominator = decimal_from_int64(of.minor, 0);
	int64 minor;

	share = decimal_multiply(&share, &numerator);
	share = decimal_divide(&share, &denominator, 0);
	if (!decimal_to_int64(&share, &minor))
		billing_error(AMOUNT_OVERFLOW, errmsg("amount is out of range"));
	return money_from_minor(minor, whole.currency);
}

/* Order of the losses: the largest remainder first, ties to the lower index. */
static int
loss_compare(const void *a, const void *b)
{
	const Loss *x = a;
	const Loss *y = b;

	if (x->remainder != y->remainder)
		return x->remainder > y->remainder ? -1 : 1;
	return x->part - y->part;
}

/*
 * Splits `total` into `count` parts in the proportion of `weights` by largest remainder: each
 * part is its exact share, cut or raised by less than one minor unit, and the parts sum to
 * `total`. A part of weight 0 gets 0. If all weights are 0, all goes to the first part.
 *
 * A weight may be negative (a line that takes something back), their sum may not; `total` may be
 * negative, and is split like its opposite. The products and the sum of the weights are int128:
 * 2^63 * 2^63 fits, and so does the sum of any array. A part beyond int64 is AMOUNT_OVERFLOW.
 */
void
money_allocate(Money total, const int64 *weights, int count, Money *parts)
{
	int sign = total.minor < 0 ? -1 : 1;
	int128 whole = (int128) total.minor * sign;
	int128 left = whole;
	int128 sum = 0;
	Loss *losses;

	Ensure(count > 0, "allocation over %d parts", count);
	for (int i = 0; i < count; i++)
	{
		sum += weights[i];
		parts[i] = money_zero(total.currency);
	}
	Ensure(sum >= 0, "negative sum of the weights of an allocation");
	if (sum == 0)
	{
		parts[0] = total;
		return;
	}

	losses = palloc(sizeof(Loss) * (Size) count);
	for (int i = 0; i < count; i++)
	{
		losses[i].share = whole * weights[i] / sum;
		losses[i].remainder = whole * weights[i] % sum;
		losses[i].part = i;
		if (losses[i].remainder < 0)
		{
			losses[i].remainder += sum;
			losses[i].share--;
		}
		left -= losses[i].share;
	}
	qsort(losses, (size_t) count, sizeof(Loss), loss_compare);
	for (int i = 0; i < count; i++)
	{
		int128 part = (losses[i].share + (i < left ? 1 : 0)) * sign;

		if (part < PG_INT64_MIN || part > PG_INT64_MAX)
			billing_error(AMOUNT_OVERFLOW, errmsg("a part of an allocation is out of range"));
		parts[losses[i].part].minor = (int64) part;
	}
	pfree(losses);
}
