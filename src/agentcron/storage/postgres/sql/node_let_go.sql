UPDATE nodes SET lease_until = '-infinity' WHERE id = %(id)s AND stopped_at IS NULL
