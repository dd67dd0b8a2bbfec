DELETE FROM steps WHERE execution = %(seq)s
