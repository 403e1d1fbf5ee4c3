/* plan_rules.h: planner hooks for the statements of this library. See stmt_run() in spi.c. */
#ifndef BILLING_PLAN_RULES_H
#define BILLING_PLAN_RULES_H

extern void plan_rules_init(void);

#endif
