/*
 * payment_end_rows.h
 *	  The rows of payments that are ended, as the files of this module read and write them.
 */
#ifndef BILLING_PAYMENT_END_ROWS_H
#define BILLING_PAYMENT_END_ROWS_H

#include "domain/payment/payment_end.h"

/* The rows of the given endings; all need spi_begin(). */
extern void attempts_end(PaymentEnding *const *endings, int count);
extern void payments_end(PaymentEnding *const *endings, int count);
extern void payments_capture_late(PaymentEnding *const *endings, int count);

#endif
