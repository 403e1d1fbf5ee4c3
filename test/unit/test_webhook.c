/*
 * test_webhook.c
 *	  What proves a webhook, and what its event does in each state.
 */
#include "postgres.h"

#include "domain/gateway/webhook_proof.h"
#include "domain/gateway/webhook_rules.h"
#include "harness.h"

#define HEX_A "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"
#define HEX_B "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void
one_signature_or_several_are_read(void)
{
	WebhookProof proof;

	CHECK(webhook_proof_parse("1767225600", "sha256=" HEX_A, &proof));
	CHECK_INT(proof.timestamp, 1767225600);
	CHECK_INT(proof.count, 1);
	CHECK_INT(proof.digests[0][31], 0xff);
	CHECK(webhook_proof_parse("0", " sha256=" HEX_A " , sha256=" HEX_B " ", &proof));
	CHECK_INT(proof.count, 2);
	CHECK_INT(proof.digests[1][0], 0xff);
}

static void
a_header_of_another_form_proves_nothing(void)
{
	static const char *const signatures[] = {
		"",
		" ",
		",",
		HEX_A,
		"sha1=" HEX_A,
		"SHA256=" HEX_A,
		"sha256=",
		"sha256=0",
		"sha256=" HEX_A "0",
		"sha256=" HEX_A ",",
		",sha256=" HEX_A,
		"sha256=" HEX_A " sha256=" HEX_A,
		"sha256=" HEX_A ";sha256=" HEX_A,
		"sha256= " HEX_A,
		"sha256=g0112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
		"sha256=\xc3\xa9",
	};
	static const char *const timestamps[] = {
		"",
		" ",
		"-1",
		"+1",
		" 1",
		"1 ",
		"1.0",
		"1e9",
		"0x1",
		"9999999999999",
		"99999999999999999999",
	};
	WebhookProof proof;

	for (size_t i = 0; i < lengthof(signatures); i++)
		CHECK(!webhook_proof_parse("1", signatures[i], &proof));
	for (size_t i = 0; i < lengthof(timestamps); i++)
		CHECK(!webhook_proof_parse(timestamps[i], "sha256=" HEX_A, &proof));
}

static void
there_are_at_most_eight_signatures(void)
{
	char text[(WEBHOOK_MAX_SIGNATURES + 1) * 80] = "sha256=" HEX_A;
	size_t length = strlen(text);
	WebhookProof proof;

	for (int i = 1; i < WEBHOOK_MAX_SIGNATURES; i++)
		length += snprintf(text + length, sizeof(text) - length, ",sha256=%s", HEX_A);
	CHECK(webhook_proof_parse("1", text, &proof));
	CHECK_INT(proof.count, WEBHOOK_MAX_SIGNATURES);
	snprintf(text + length, sizeof(text) - length, ",sha256=%s", HEX_A);
	CHECK(!webhook_proof_parse("1", text, &proof));
}

static void
a_digest_matches_as_a_whole_or_not(void)
{
	WebhookProof proof;
	uint8 digest[WEBHOOK_DIGEST_BYTES];

	CHECK(webhook_proof_parse("1", "sha256=" HEX_A ",sha256=" HEX_B, &proof));
	for (int of = 0; of < 2; of++)
	{
		memcpy(digest, proof.digests[of], sizeof(digest));
		CHECK(webhook_proof_matches(&proof, digest));
	}
	for (int bit = 0; bit < 8 * WEBHOOK_DIGEST_BYTES; bit++)
	{
		memcpy(digest, proof.digests[1], sizeof(digest));
		digest[bit / 8] ^= (uint8) (1 << bit % 8);
		CHECK(!webhook_proof_matches(&proof, digest));
	}
	proof.count = 0;
	CHECK(!webhook_proof_matches(&proof, proof.digests[0]));
}

static void
each_event_has_one_effect_in_each_state(void)
{
	static const struct
	{
		bool approved;
		PaymentStatus status;
		bool late;
		WebhookResult result;
	} payments[] = {
		{true, PAYMENT_PENDING, false, WEBHOOK_APPLIED},
		{false, PAYMENT_PENDING, false, WEBHOOK_APPLIED},
		{true, PAYMENT_APPROVED, false, WEBHOOK_ALREADY},
		{false, PAYMENT_APPROVED, false, WEBHOOK_ALREADY},
		{true, PAYMENT_FAILED, false, WEBHOOK_LATE},
		{true, PAYMENT_FAILED, true, WEBHOOK_ALREADY},
		{false, PAYMENT_FAILED, false, WEBHOOK_ALREADY},
		{false, PAYMENT_FAILED, true, WEBHOOK_ALREADY},
	};
	static const WebhookResult refunds[REFUND_STATUS_COUNT][2] = {
		[REFUND_REQUESTED] = {WEBHOOK_APPLIED, WEBHOOK_APPLIED},
		[REFUND_APPROVED] = {WEBHOOK_ALREADY, WEBHOOK_ALREADY},
		[REFUND_COMPLETED] = {WEBHOOK_ALREADY, WEBHOOK_ALREADY},
		[REFUND_FAILED] = {WEBHOOK_ALREADY, WEBHOOK_LATE},
	};

	for (size_t i = 0; i < lengthof(payments); i++)
		CHECK_INT(webhook_payment_result(payments[i].approved, payments[i].status,
										 payments[i].late),
				  payments[i].result);
	for (int status = 0; status < REFUND_STATUS_COUNT; status++)
		for (int approved = 0; approved < 2; approved++)
			CHECK_INT(webhook_refund_result(approved, (RefundStatus) status),
					  refunds[status][approved]);
}

static void
a_type_is_known_by_its_whole_name(void)
{
	CHECK_TEXT(webhook_type_of("payment.approved")->subject, "PAYMENT");
	CHECK(webhook_type_of("payment.approved")->approved);
	CHECK_TEXT(webhook_type_of("refund.rejected")->subject, "REFUND");
	CHECK(!webhook_type_of("refund.rejected")->approved);
	CHECK(webhook_type_of("payment") == NULL);
	CHECK(webhook_type_of("payment.approved ") == NULL);
	CHECK(webhook_type_of("PAYMENT.APPROVED") == NULL);
}

static const UnitTest tests[] = {
	{"one signature or several are read", one_signature_or_several_are_read},
	{"a header of another form proves nothing", a_header_of_another_form_proves_nothing},
	{"there are at most eight signatures", there_are_at_most_eight_signatures},
	{"a digest matches as a whole or not", a_digest_matches_as_a_whole_or_not},
	{"each event has one effect in each state", each_event_has_one_effect_in_each_state},
	{"a type is known by its whole name", a_type_is_known_by_its_whole_name},
};

UNIT_MAIN(tests)
