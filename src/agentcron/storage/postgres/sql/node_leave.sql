UPDATE nodes SET stopped_at = %(now)s, seen_at = %(now)s WHERE id = %(id)s
