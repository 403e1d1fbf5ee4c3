/*
 * drop_guard.h
 *	  The extension is not dropped while it holds data. See drop_guard.c.
 */
#ifndef BILLING_DROP_GUARD_H
#define BILLING_DROP_GUARD_H

extern void drop_guard_init(void);

#endif
