SELECT
  coalesce(sum(success), 0), coalesce(sum(failure), 0), coalesce(sum(incomplete), 0), coalesce(sum(error), 0),
  coalesce(sum(skipped), 0), coalesce(sum(missed), 0), coalesce(sum(tokens), 0), coalesce(sum(cost), 0),
  coalesce(sum(duration), 0)
FROM tallies WHERE scope = 'all'
