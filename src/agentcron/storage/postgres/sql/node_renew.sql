-- A lease that was not renewed for half of its length says that this node, the network or the server stood still. Others
-- may have stood still as well and come back later: whoever judges them right after that takes the living for dead.
UPDATE nodes SET
  steady_since = CASE
    WHEN lease_until < clock_timestamp() + %(lease)s / 2.0 * interval '1 second' THEN clock_timestamp()
    ELSE steady_since
  END,
  lease_until = clock_timestamp() + %(lease)s * interval '1 second'
WHERE id = %(id)s AND stopped_at IS NULL
RETURNING extract(epoch FROM clock_timestamp())::double precision
