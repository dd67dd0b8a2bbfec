INSERT INTO tombstones (id, name, deleted_at) VALUES (%(id)s, %(name)s, %(now)s)
ON CONFLICT (id) DO UPDATE SET name = excluded.name, deleted_at = excluded.deleted_at
