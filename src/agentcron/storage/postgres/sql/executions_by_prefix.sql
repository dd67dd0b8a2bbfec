SELECT * FROM execution_rows WHERE id >= %(prefix)s AND id < %(prefix)s || 'zzzz' ORDER BY seq LIMIT 5
