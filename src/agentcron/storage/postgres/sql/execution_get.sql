SELECT * FROM execution_rows WHERE id = %(id)s
