SELECT * FROM execution_rows WHERE wake_at IS NOT NULL ORDER BY seq
