SELECT
  coalesce(sum(success), 0)::bigint, coalesce(sum(failure), 0)::bigint, coalesce(sum(incomplete), 0)::bigint,
  coalesce(sum(error), 0)::bigint, coalesce(sum(skipped), 0)::bigint, coalesce(sum(missed), 0)::bigint
FROM tallies WHERE scope = 'all' AND hour >= %(hour)s
