INSERT OR REPLACE INTO tombstones (id, name, deleted_at) VALUES (:id, :name, :now)
