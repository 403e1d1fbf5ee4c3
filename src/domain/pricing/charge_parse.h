/*
 * charge_parse.h
 *	  From the JSON of a charge to its struct, refusing with the place in the document.
 */
#ifndef BILLING_CHARGE_PARSE_H
#define BILLING_CHARGE_PARSE_H

#include "domain/pricing/charge.h"
#include "utils/jsonb.h"

/* `place` is the path of the charge in the caller's document, for example "charges[2]". */
extern void charge_parse(Jsonb *document, const char *place, Charge *charge);

/* An array of charges; refuses an empty one and two charges of one resource type or one code. */
extern int charges_parse(Jsonb *document, const char *place, Charge **charges);

#endif
