-- The number that was given last.
SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'executions'
