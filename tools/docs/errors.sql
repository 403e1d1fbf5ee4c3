-- docs/reference/errors.md, from billing.error_codes.
SELECT $text$# Errors

Made by `tools/docs/generate` from the view `billing.error_codes`. Do not edit.

Every error that billing raises has a SQLSTATE of class `ZB`. The third character is the group: 0 bad
arguments, 1 missing objects, 2 state, 3 limits, 4 access. "API code" and "HTTP" are what the REST face
answers. Match on the SQLSTATE, never on the message.

```sql
DO $$
BEGIN
    PERFORM billing.usage_of('nobody', '2026-5');
EXCEPTION
    WHEN SQLSTATE 'ZB007' THEN RAISE NOTICE 'not a period: %', SQLERRM;
END $$;
```

| symbol | SQLSTATE | API code | HTTP | meaning |
|---|---|---|---|---|$text$;
SELECT format('| `%s` | %s | `%s` | %s | %s |', e.symbol, e.sqlstate, e.api_code, e.http_status, e.meaning)
FROM billing.error_codes e ORDER BY e.sqlstate COLLATE "C";
SELECT $text$
A message follows the style of PostgreSQL: the message says what is wrong, the detail gives the values,
the hint says what to do.

## Errors of PostgreSQL that a caller meets

| SQLSTATE | when | what to do |
|---|---|---|
| 40001 `serialization_failure` | another transaction did the work, and this snapshot cannot see it; a customer's currency changed while he was settled; REPEATABLE READ and SERIALIZABLE conflicts | repeat the transaction |
| 40P01 `deadlock_detected` | several calls in one transaction met another such transaction in another order | repeat the transaction |
| 55P03 `lock_not_available` | `lock_timeout` ran out while waiting for a row that another call has | repeat later |
| 57014 `query_canceled` | a cancel or `statement_timeout`; nothing of the call is left | as the application likes |
| 2D000 `invalid_transaction_termination` | `CALL settle_period()` inside a transaction block or a function | call it on its own |
| 42501 `insufficient_privilege` | the role has no EXECUTE on the function, or no SELECT on the table | grant it a role of billing |
| XX000 `internal_error` | a damaged catalog or a defect | report it |

`run_settlement()` and `settle_period()` answer and record the failure of one customer instead of raising
it, in `failure_code` (the symbol, or the SQLSTATE of an error of PostgreSQL) and `failure_reason`.$text$;
