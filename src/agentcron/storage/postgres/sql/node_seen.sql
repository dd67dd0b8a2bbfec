UPDATE nodes SET seen_at = %(now)s WHERE id = %(id)s
