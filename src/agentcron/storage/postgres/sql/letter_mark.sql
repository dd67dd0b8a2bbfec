UPDATE outbox
SET status = %(status)s, tries = %(tries)s, wake_at = %(wake_at)s, error = %(error)s, ended_at = %(ended_at)s
WHERE id = %(id)s AND status = %(was)s AND tries = %(were)s
RETURNING seq
