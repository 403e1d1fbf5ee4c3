/*
 * fault.h
 *	  Named points at which a test build fails, dies or waits; nothing in a normal build.
 *	  See fault.c.
 */
#ifndef BILLING_FAULT_H
#define BILLING_FAULT_H

#ifdef BILLING_FAULTS
#define FAULT_POINT(place, name) fault_point(place, name)
#define FAULT_INIT() fault_init()

extern void fault_init(void);
extern void fault_point(const char *place, const char *name);
#else
#define FAULT_POINT(place, name) ((void) 0)
#define FAULT_INIT() ((void) 0)
#endif

#endif
