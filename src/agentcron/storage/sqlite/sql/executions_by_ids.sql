SELECT * FROM execution_rows WHERE id IN (SELECT value FROM json_each(:ids)) AND ended_at IS NULL
