/*
 * refund_rows.h
 *	  The rows of refunds, as the files of this module write and read them. Need spi_begin().
 */
#ifndef BILLING_REFUND_ROWS_H
#define BILLING_REFUND_ROWS_H

#include "domain/refund/refund.h"

/* Raises 40001 when the key was used meanwhile by a transaction that is not visible. */
extern void refund_insert(const Refund *refund);

/* Whether its money is out of the wallet while it is REQUESTED. */
extern bool refund_reserves(const Refund *refund);

/* Writes the status and what led to it. */
extern void refund_update(const Refund *refund);
extern Datum refund_row(const Refund *refund);

/* Publishes and audits the state that the refund has now; REQUESTED is no event. */
extern void refund_announce(const Refund *refund);

#endif
