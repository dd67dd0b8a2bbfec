SELECT * FROM letter_rows WHERE id >= :prefix AND id < :prefix || 'g' LIMIT 5
