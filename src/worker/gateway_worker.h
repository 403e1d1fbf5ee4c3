/*
 * gateway_worker.h
 *	  The worker that calls the payment gateway. See gateway_worker.c.
 */
#ifndef BILLING_GATEWAY_WORKER_H
#define BILLING_GATEWAY_WORKER_H

/* Settings, registration, and what the domain needs of the edge. */
extern void gateway_worker_init(void);

#endif
