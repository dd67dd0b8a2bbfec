SELECT
  coalesce(sum(success), 0), coalesce(sum(failure), 0), coalesce(sum(incomplete), 0), coalesce(sum(error), 0),
  coalesce(sum(skipped), 0), coalesce(sum(missed), 0)
FROM tallies WHERE scope = 'all' AND hour >= :hour
