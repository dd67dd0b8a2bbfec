-- Owners of what runs: whether each is gone by its lease, and where its lock is. A lease says nothing while the server
-- has not been up for the length of one: nobody could renew. Nor does it where the asking node has not held its own
-- for so long without a gap: back from an outage, whoever asks before its own lease is renewed, or is the first to
-- renew it, would take all others for dead.
SELECT
  o.owner, n.place,
  n.id IS NULL OR n.stopped_at IS NOT NULL OR n.lease_until = '-infinity' OR (
    n.lease_until < clock_timestamp()
    AND pg_postmaster_start_time() < clock_timestamp() - %(lease)s * interval '1 second'
    AND NOT EXISTS (
      SELECT 1 FROM nodes AS me
      WHERE me.id = %(me)s AND (
        me.lease_until < clock_timestamp()
        OR me.steady_since > clock_timestamp() - %(lease)s * interval '1 second'
      )
    )
  )
FROM (SELECT DISTINCT owner FROM executions WHERE status = 'RUNNING') AS o
LEFT JOIN nodes AS n ON n.id = o.owner
