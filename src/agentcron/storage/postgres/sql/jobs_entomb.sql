INSERT INTO tombstones (id, name, deleted_at) SELECT id, name, %(now)s FROM jobs ORDER BY id
ON CONFLICT (id) DO UPDATE SET name = excluded.name, deleted_at = excluded.deleted_at
