/*
 * environment.h
 *	  Whether this database may talk to the outside. See environment.c.
 */
#ifndef BILLING_ENVIRONMENT_H
#define BILLING_ENVIRONMENT_H

extern void environment_init(void);

/*
 * Asked by a worker in each transaction in which it decides to call the outside; reads the active
 * snapshot through SPI, between spi_begin() and spi_end().
 */
extern bool environment_may_speak(void);

#endif
