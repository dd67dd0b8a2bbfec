SELECT * FROM execution_rows WHERE id >= :prefix AND id < :prefix || 'zzzz' ORDER BY seq LIMIT 5
