SELECT * FROM letter_rows WHERE id >= %(prefix)s AND id < %(prefix)s || 'g' LIMIT 5
