/*
 * actor.c
 *	  Who calls, and for which customers.
 *
 * Entry points are SECURITY DEFINER, so the role that counts is the outer one: what SET ROLE or the log-in
 * gave, not the owner in whose name the function runs. Two things that a caller could say of
 * himself are believed only from those who may say them: the JWT claims from a session that
 * logged in as a member of billing_authenticator, billing.actor from a member of billing_service.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_authid.h"
#include "core/actor.h"
#include "core/errors.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "parser/parse_type.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#define MAX_ACTOR_ID 128 /* bytes; what is longer is cut */
#define MAX_TRACE_ID 128 /* likewise */

static char *actor_setting = NULL;
static char *trace_setting = NULL;
static char *worker = NULL; /* the whole process acts as SYSTEM: nobody can say so from SQL */

/* Role OIDs by name, forgotten when any role changes. */
typedef struct RoleOid
{
	const char *name;
	Oid oid;
} RoleOid;

static RoleOid service_role = {"billing_service", InvalidOid};
static RoleOid admin_role = {"billing_admin", InvalidOid};
static RoleOid authenticator_role = {"billing_authenticator", InvalidOid};

static void
role_oids_forget(Datum arg, int cacheid, uint32 hashvalue)
{
	(void) arg;
	(void) cacheid;
	(void) hashvalue;
	service_role.oid = admin_role.oid = authenticator_role.oid = InvalidOid;
}

void
actor_init(void)
{
	DefineCustomStringVariable(
		"billing.actor",
		"Sets who acts, for the audit log: USER:id, OPERATOR:id, SYSTEM:id or EXTERNAL:id.",
		"Believed only from members of billing_service.", &actor_setting, "", PGC_USERSET, 0, NULL,
		NULL, NULL);
	DefineCustomStringVariable("billing.trace_id",
							   "Sets the trace identifier that is stored with what a call writes.",
							   NULL, &trace_setting, "", PGC_USERSET, 0, NULL, NULL, NULL);
	CacheRegisterSyscacheCallback(AUTHOID, role_oids_forget, (Datum) 0);
}

/* Who logged in. */
Oid
actor_login_role(void)
{
	return GetSessionUserId();
}

/* As whom he acts: the role of SET ROLE, else of the log-in. */
Oid
actor_role(void)
{
	return GetOuterUserId();
}

static bool
is_member(Oid member, RoleOid *role)
{
	if (!OidIsValid(role->oid))
		role->oid = get_role_oid(role->name, true);
	return OidIsValid(role->oid) && has_privs_of_role(member, role->oid);
}

/*
 * Membership, not privileges: the role that a gateway logs in as inherits nothing (NOINHERIT), so
 * that it is nobody before it says for whom it acts.
 */
static bool
is_authenticator(Oid member)
{
	if (!OidIsValid(authenticator_role.oid))
		authenticator_role.oid = get_role_oid(authenticator_role.name, true);
	return OidIsValid(authenticator_role.oid) && is_member_of_role(member, authenticator_role.oid);
}

/* A member of the house: acts for every customer. */
static bool
is_service(void)
{
	Oid outer = GetOuterUserId();

	return worker != NULL || is_member(outer, &service_role) || is_member(outer, &admin_role);
}

/* A text claim of the JWT, or NULL when there is none or the session may not state one. */
static char *
claim(const char *name)
{
	const char *text = GetConfigOption("request.jwt.claims", true, false);
	Jsonb *claims;
	JsonbValue buffer;
	JsonbValue *value;

	if (text == NULL || text[0] == '\0' || superuser_arg(GetSessionUserId()) ||
		!is_authenticator(GetSessionUserId()))
		return NULL;
	claims = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
	if (!JB_ROOT_IS_OBJECT(claims))
		return NULL;
	value = getKeyJsonValueFromContainer(&claims->root, name, strlen(name), &buffer);
	if (value == NULL || value->type != jbvString)
		return NULL;
	return pnstrdup(value->val.string.val, value->val.string.len);
}

/* The customer for whom the session's token speaks, or NULL. */
char *
actor_claimed_customer(void)
{
	return claim("customer_id");
}

static Actor
actor_from_setting(void)
{
	static const char *const types[] = {"USER", "OPERATOR", "SYSTEM", "EXTERNAL"};

	for (size_t i = 0; i < lengthof(types); i++)
	{
		size_t length = strlen(types[i]);

		if (strncmp(actor_setting, types[i], length) == 0 && actor_setting[length] == ':' &&
			actor_setting[length + 1] != '\0')
			return (Actor){types[i], pstrdup(actor_setting + length + 1)};
	}
	return (Actor){"USER", pstrdup(actor_setting)};
}

/* From now on this process is a worker of the house, and acts for every customer. */
void
actor_become_worker(const char *id)
{
	worker = MemoryContextStrdup(TopMemoryContext, id);
}

/* The actor of the audit log: the worker, the token's subject, else billing.actor, else the role. */
Actor
actor_current(void)
{
	Actor actor;
	char *subject = claim("sub");
	bool service = is_service();

	if (worker != NULL)
		return (Actor){"SYSTEM", pstrdup(worker)};
	if (subject != NULL)
		actor = (Actor){service ? "OPERATOR" : "USER", subject};
	else if (actor_setting != NULL && actor_setting[0] != '\0' && service)
		actor = actor_from_setting();
	else
		actor = (Actor){is_member(GetOuterUserId(), &admin_role) ? "OPERATOR" : "SYSTEM",
						GetUserNameFromId(GetOuterUserId(), false)};
	if (strlen(actor.id) > MAX_ACTOR_ID)
		actor.id[pg_mbcliplen(actor.id, (int) strlen(actor.id), MAX_ACTOR_ID)] = '\0';
	return actor;
}

const char *
actor_trace_id(void)
{
	char *trace;

	if (trace_setting == NULL || trace_setting[0] == '\0')
		return NULL;
	trace = pstrdup(trace_setting);
	if (strlen(trace) > MAX_TRACE_ID)
		trace[pg_mbcliplen(trace, (int) strlen(trace), MAX_TRACE_ID)] = '\0';
	return trace;
}

/* Raises FORBIDDEN unless the caller may act for the customer. */
void
actor_require_customer(const char *customer_id)
{
	char *claimed;

	if (is_service())
		return;
	claimed = actor_claimed_customer();
	if (claimed == NULL || strcmp(claimed, customer_id) != 0)
		billing_error(FORBIDDEN, errmsg("access denied"),
					  errhint("The caller acts for another customer, or for none."));
}

/* Raises FORBIDDEN unless the caller is a member of billing_service or billing_admin. */
void
actor_require_service(void)
{
	if (!is_service())
		billing_error(FORBIDDEN, errmsg("access denied"),
					  errhint("The operation is for members of billing_service."));
}

/* Raises FORBIDDEN unless the caller is a member of billing_admin. */
void
actor_require_admin(void)
{
	if (!is_member(GetOuterUserId(), &admin_role))
		billing_error(FORBIDDEN, errmsg("access denied"),
					  errhint("The operation is for members of billing_admin."));
}

/*
 * A table's row as the caller may SELECT it: null in each column that he may not. For entry points
 * that customers call, since those run as the owner of the table.
 */
Datum
actor_visible_row(Datum row)
{
	HeapTupleHeader header = DatumGetHeapTupleHeader(row);
	Oid table = typeidTypeRelid(HeapTupleHeaderGetTypeId(header));
	HeapTupleData tuple = {.t_len = HeapTupleHeaderGetDatumLength(header), .t_data = header};
	TupleDesc desc;
	Datum values[MaxTupleAttributeNumber];
	bool nulls[MaxTupleAttributeNumber];

	if (pg_class_aclcheck(table, GetOuterUserId(), ACL_SELECT) == ACLCHECK_OK)
		return row;
	desc =
		lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(header), HeapTupleHeaderGetTypMod(header));
	heap_deform_tuple(&tuple, desc, values, nulls);
	for (int i = 0; i < desc->natts; i++)
		nulls[i] |= pg_attribute_aclcheck(table, (AttrNumber) (i + 1), GetOuterUserId(),
										  ACL_SELECT) != ACLCHECK_OK;
	row = HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
	ReleaseTupleDesc(desc);
	return row;
}

/* billing.current_customer() -> text: for the policies of row-level security. */
PG_FUNCTION_INFO_V1(billing_current_customer);
Datum
billing_current_customer(PG_FUNCTION_ARGS)
{
	char *claimed = actor_claimed_customer();

	if (claimed == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(claimed));
}

/* billing.may_read(customer_id text) -> boolean */
PG_FUNCTION_INFO_V1(billing_may_read);
Datum
billing_may_read(PG_FUNCTION_ARGS)
{
	char *claimed;

	if (is_service())
		PG_RETURN_BOOL(true);
	claimed = actor_claimed_customer();
	PG_RETURN_BOOL(claimed != NULL && !PG_ARGISNULL(0) &&
				   strcmp(claimed, text_to_cstring(PG_GETARG_TEXT_PP(0))) == 0);
}
