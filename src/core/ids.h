/*
 * ids.h
 *	  Identifiers: UUID version 7, made from the real clock. Identity, never an order.
 */
#ifndef BILLING_IDS_H
#define BILLING_IDS_H

#include "utils/uuid.h"

extern Datum id_new(void);
extern char *id_text(Datum id);

#endif
