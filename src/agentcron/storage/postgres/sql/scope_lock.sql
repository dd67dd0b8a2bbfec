-- Whoever judges a budget is alone with it until what it decided is committed.
SELECT pg_advisory_xact_lock(hashtextextended(%(scope)s, 7201))
