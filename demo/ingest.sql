-- Loads the raw events of demo/month.sql in one call. Run by demo/run.
\set QUIET on
SET billing.now = '2026-06-02T00:00:00Z';
SELECT r.*
FROM (SELECT array_agg(event_id) AS ids, array_agg(customer_id) AS customers, array_agg(resource_type) AS resources,
		array_agg(quantity) AS quantities, array_agg(occurred_at) AS times
	FROM demo.events) AS e,
	LATERAL billing.ingest_usage_arrays(e.ids, e.customers, e.resources, e.quantities, e.times) AS r;
