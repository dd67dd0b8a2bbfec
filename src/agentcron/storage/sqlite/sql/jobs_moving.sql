SELECT j.id, j.seq, j.revision, j.next_slot, j.open
FROM json_each(?)
JOIN jobs AS j ON j.id = json_each.value
