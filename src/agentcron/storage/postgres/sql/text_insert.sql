INSERT INTO texts (execution, part, format, size, stored, sha256, body)
VALUES (%(execution)s, %(part)s, %(format)s, %(size)s, %(stored)s, %(sha256)s, %(body)s)
ON CONFLICT (execution, part) DO UPDATE SET
  format = excluded.format, size = excluded.size, stored = excluded.stored, sha256 = excluded.sha256,
  body = excluded.body
