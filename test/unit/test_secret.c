/*
 * test_secret.c
 *	  Encrypting a secret, and the file of the keys that do it.
 */
#include "postgres.h"

#include "core/secret_crypto.h"
#include "core/secret_keys.h"
#include "harness.h"

#define HEX_A "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"
#define HEX_B "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define TEXT "the value"
#define TEXT_LENGTH 9

static const uint8 key[SECRET_KEY_BYTES] = {1, 2, 3};
static const uint8 nonce[SECRET_NONCE_BYTES] = {4, 5, 6};
static const uint8 about[] = "name and row";

static SecretSeal
sound_seal(void)
{
	return (SecretSeal){key, nonce, about, sizeof(about)};
}

/* Test case 16 of "The Galois/Counter Mode of Operation" by McGrew and Viega: 256 bits, with AAD. */
static void
the_published_vector_is_met(void)
{
	static const uint8 vector_key[] = "\xfe\xff\xe9\x92\x86\x65\x73\x1c\x6d\x6a\x8f\x94\x67\x30"
									  "\x83\x08\xfe\xff\xe9\x92\x86\x65\x73\x1c\x6d\x6a\x8f\x94"
									  "\x67\x30\x83\x08";
	static const uint8 vector_nonce[] = "\xca\xfe\xba\xbe\xfa\xce\xdb\xad\xde\xca\xf8\x88";
	static const uint8 vector_about[] = "\xfe\xed\xfa\xce\xde\xad\xbe\xef\xfe\xed\xfa\xce\xde\xad"
										"\xbe\xef\xab\xad\xda\xd2";
	static const uint8 plain[] =
		"\xd9\x31\x32\x25\xf8\x84\x06\xe5\xa5\x59\x09\xc5\xaf\xf5\x26\x9a\x86\xa7\xa9\x53\x15\x34"
		"\xf7\xda\x2e\x4c\x30\x3d\x8a\x31\x8a\x72\x1c\x3c\x0c\x95\x95\x68\x09\x53\x2f\xcf\x0e\x24"
		"\x49\xa6\xb5\x25\xb1\x6a\xed\xf5\xaa\x0d\xe6\x57\xba\x63\x7b\x39";
	static const uint8 expected[] =
		"\x52\x2d\xc1\xf0\x99\x56\x7d\x07\xf4\x7f\x37\xa3\x2a\x84\x42\x7d\x64\x3a\x8c\xdc\xbf\xe5"
		"\xc0\xc9\x75\x98\xa2\xbd\x25\x55\xd1\xaa\x8c\xb0\x8e\x48\x59\x0d\xbb\x3d\xa7\xb0\x8b\x10"
		"\x56\x82\x88\x38\xc5\xf6\x1e\x63\x93\xba\x7a\x0a\xbc\xc9\xf6\x62"
		"\x76\xfc\x6e\xce\x0f\x4e\x17\x68\xcd\xdf\x88\x53\xbb\x2d\x55\x1b";
	SecretSeal seal = {vector_key, vector_nonce, vector_about, sizeof(vector_about) - 1};
	uint8 sealed[sizeof(plain) - 1 + SECRET_TAG_BYTES];

	CHECK(secret_encrypt(&seal, plain, sizeof(plain) - 1, sealed));
	CHECK(memcmp(sealed, expected, sizeof(sealed)) == 0);
}

static void
what_was_encrypted_is_decrypted(void)
{
	SecretSeal seal = sound_seal();
	uint8 sealed[TEXT_LENGTH + SECRET_TAG_BYTES];
	uint8 plain[TEXT_LENGTH];

	CHECK(secret_encrypt(&seal, (const uint8 *) TEXT, TEXT_LENGTH, sealed));
	CHECK(memcmp(sealed, TEXT, TEXT_LENGTH) != 0);
	CHECK(secret_decrypt(&seal, sealed, sizeof(sealed), plain));
	CHECK(memcmp(plain, TEXT, TEXT_LENGTH) == 0);
}

static void
every_changed_bit_is_noticed_and_leaves_nothing(void)
{
	static const uint8 zeros[TEXT_LENGTH] = {0};
	SecretSeal seal = sound_seal();
	uint8 sealed[TEXT_LENGTH + SECRET_TAG_BYTES];
	uint8 plain[TEXT_LENGTH];

	CHECK(secret_encrypt(&seal, (const uint8 *) TEXT, TEXT_LENGTH, sealed));
	for (size_t bit = 0; bit < 8 * sizeof(sealed); bit++)
	{
		sealed[bit / 8] ^= (uint8) (1 << bit % 8);
		CHECK(!secret_decrypt(&seal, sealed, sizeof(sealed), plain));
		CHECK(memcmp(plain, zeros, TEXT_LENGTH) == 0);
		sealed[bit / 8] ^= (uint8) (1 << bit % 8);
	}
	for (int length = 0; length < (int) sizeof(sealed); length++)
		CHECK(!secret_decrypt(&seal, sealed, length, plain));
}

static void
another_key_nonce_or_row_is_noticed(void)
{
	static const uint8 other[SECRET_KEY_BYTES] = {9};
	SecretSeal sound = sound_seal();
	SecretSeal seals[] = {sound, sound, sound, sound};
	uint8 sealed[TEXT_LENGTH + SECRET_TAG_BYTES];
	uint8 plain[TEXT_LENGTH];

	seals[0].key = other;
	seals[1].nonce = other;
	seals[2].about = other;
	seals[3].about_length--;
	CHECK(secret_encrypt(&sound, (const uint8 *) TEXT, TEXT_LENGTH, sealed));
	for (size_t i = 0; i < lengthof(seals); i++)
		CHECK(!secret_decrypt(&seals[i], sealed, sizeof(sealed), plain));
}

static void
the_first_key_of_a_file_is_the_current_one(void)
{
	SecretKeys keys;
	int line;

	CHECK(secret_keys_parse("# keys\n\n new  " HEX_A " \r\nold-1.b\t" HEX_B, &keys, &line) == NULL);
	CHECK_INT(keys.count, 2);
	CHECK_TEXT(keys.keys[0].id, "new");
	CHECK_INT(keys.keys[0].bytes[1], 0x11);
	CHECK_INT(keys.keys[0].bytes[31], 0xff);
	CHECK(secret_key_find(&keys, "old-1.b") == &keys.keys[1]);
	CHECK(secret_key_find(&keys, "old-1") == NULL);
	secret_keys_wipe(&keys);
	CHECK_INT(keys.count, 0);
	CHECK_INT(keys.keys[0].bytes[31], 0);
}

static void
a_malformed_line_is_named_by_its_number(void)
{
	static const struct
	{
		const char *text;
		int line;
	} bad[] = {
		{"", 0},
		{"# nothing\n\n", 0},
		{"a", 1},
		{"a ", 1},
		{HEX_A, 1},
		{"a " HEX_A "0", 1},
		{"a 0" HEX_A, 1},
		{"a " HEX_A " b", 1},
		{"a g0112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", 1},
		{"a b " HEX_A, 1},
		{"\xc3\xa9 " HEX_A, 1},
		{"a:" HEX_A, 1},
		{"a " HEX_A "\na " HEX_B, 2},
		{"a " HEX_A "\n\nb " HEX_B "\nc", 4},
		{"0123456789012345678901234567890123456789012345678901234567890123x " HEX_A, 1},
	};

	for (size_t i = 0; i < lengthof(bad); i++)
	{
		SecretKeys keys;
		int line = -1;
		const char *problem = secret_keys_parse(bad[i].text, &keys, &line);

		CHECK(problem != NULL);
		CHECK_INT(line, bad[i].line);
		CHECK(problem == NULL || strstr(problem, "aabbcc") == NULL);
	}
}

static void
one_key_too_many_is_refused(void)
{
	char text[(MAX_SECRET_KEYS + 1) * 80];
	int length = 0;
	SecretKeys keys;
	int line;

	for (int i = 0; i < MAX_SECRET_KEYS; i++)
		length += snprintf(text + length, sizeof(text) - length, "k%d %s\n", i, HEX_A);
	CHECK(secret_keys_parse(text, &keys, &line) == NULL);
	CHECK_INT(keys.count, MAX_SECRET_KEYS);
	snprintf(text + length, sizeof(text) - length, "one %s\n", HEX_A);
	CHECK(secret_keys_parse(text, &keys, &line) != NULL);
	CHECK_INT(line, MAX_SECRET_KEYS + 1);
}

static const UnitTest tests[] = {
	{"the published vector is met", the_published_vector_is_met},
	{"what was encrypted is decrypted", what_was_encrypted_is_decrypted},
	{"every changed bit is noticed, and leaves nothing",
	 every_changed_bit_is_noticed_and_leaves_nothing},
	{"another key, nonce or row is noticed", another_key_nonce_or_row_is_noticed},
	{"the first key of a file is the current one", the_first_key_of_a_file_is_the_current_one},
	{"a malformed line is named by its number", a_malformed_line_is_named_by_its_number},
	{"one key too many is refused", one_key_too_many_is_refused},
};

UNIT_MAIN(tests)
