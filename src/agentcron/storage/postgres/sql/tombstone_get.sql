SELECT max(deleted_at) FROM tombstones WHERE id = %(key)s OR name = %(key)s
