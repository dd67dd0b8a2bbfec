UPDATE nodes SET seen_at = :now WHERE id = :id
