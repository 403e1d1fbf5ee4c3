"""The extension's own proof: every invariant over all data."""

from operation import Operation
from rule import Property


@Property
def every_invariant_holds(answer, memory):
    return None if answer == "[]" else "verify() is not true"


@every_invariant_holds.spoil
def one_is_broken(answer):
    return '[{"name": "trial_balance", "violations": 1}]'


class Verify(Operation):
    """
    The checks of verify(), found in the catalog, in one statement whose plan is kept: verify()
    itself is planned at each call, which costs more than its work on a small database.
    """

    word = "verify"
    writes = False
    properties = (every_invariant_holds,)
    setup = """
DO $do$ BEGIN
    EXECUTE format('CREATE FUNCTION histories.verify() RETURNS jsonb LANGUAGE plpgsql'
        ' SET enable_nestloop = off SET jit = off SET plan_cache_mode = force_generic_plan AS %L',
        'BEGIN RETURN (SELECT COALESCE(jsonb_agg(v), ''[]'') FROM (' ||
        (SELECT string_agg(format('SELECT %L AS name, c.* FROM billing.%I(NULL) c', p.proname,
            p.proname), ' UNION ALL ') FROM pg_proc p
         WHERE p.pronamespace = 'billing'::regnamespace AND p.proname LIKE 'verify\\_%'
         AND pg_get_function_result(p.oid) = 'TABLE(violations bigint, detail jsonb)')
        || ') v WHERE v.violations <> 0); END');
END $do$;
"""

    def sql(self, names):
        return "SELECT histories.verify()"

    def expect(self, house):
        return "[]"
