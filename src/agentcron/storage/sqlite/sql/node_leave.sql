UPDATE nodes SET stopped_at = :now, seen_at = :now WHERE id = :id
