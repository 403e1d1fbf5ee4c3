/*
 * fold.h
 *	  Folding usage events by day, each exactly once.
 */
#ifndef BILLING_FOLD_H
#define BILLING_FOLD_H

/* Folds what has become visible since the last fold; the number of events. Needs spi_begin(). */
extern int64 usage_fold(void);

#endif
