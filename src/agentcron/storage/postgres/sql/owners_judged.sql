-- Owners of what runs: whether each is gone by its lease, and where its lock is. A lease says nothing while the server,
-- or the node that asks, has not been up for the length of one: nobody could renew.
SELECT
  o.owner, n.place,
  n.id IS NULL OR n.stopped_at IS NOT NULL OR n.lease_until = '-infinity' OR (
    n.lease_until < clock_timestamp()
    AND pg_postmaster_start_time() < clock_timestamp() - %(lease)s * interval '1 second'
    AND NOT EXISTS (
      SELECT 1 FROM nodes AS me
      WHERE me.id = %(me)s AND me.steady_since > clock_timestamp() - %(lease)s * interval '1 second'
    )
  )
FROM (SELECT DISTINCT owner FROM executions WHERE status = 'RUNNING') AS o
LEFT JOIN nodes AS n ON n.id = o.owner
