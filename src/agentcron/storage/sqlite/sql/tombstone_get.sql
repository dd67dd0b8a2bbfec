SELECT max(deleted_at) FROM tombstones WHERE id = :key OR name = :key
