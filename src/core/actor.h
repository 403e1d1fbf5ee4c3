/*
 * actor.h
 *	  Who calls, and for which customers. Nobody else asks.
 */
#ifndef BILLING_ACTOR_H
#define BILLING_ACTOR_H

typedef struct Actor
{
	const char *type; /* USER, OPERATOR, SYSTEM or EXTERNAL */
	char *id;
} Actor;

extern void actor_init(void);
extern void actor_become_worker(const char *id);
extern Actor actor_current(void);
extern Oid actor_login_role(void);
extern Oid actor_role(void);
extern const char *actor_trace_id(void);
extern char *actor_claimed_customer(void);
extern Datum actor_visible_row(Datum row);
extern void actor_require_customer(const char *customer_id);
extern void actor_require_service(void);
extern void actor_require_admin(void);

#endif
