-- A lease that ran out before it was renewed says that this node, the network or the server stood still: whoever
-- judges others right after that takes the living for dead.
UPDATE nodes SET
  steady_since = CASE WHEN lease_until < clock_timestamp() THEN clock_timestamp() ELSE steady_since END,
  lease_until = clock_timestamp() + %(lease)s * interval '1 second'
WHERE id = %(id)s AND stopped_at IS NULL
RETURNING extract(epoch FROM clock_timestamp())::double precision
