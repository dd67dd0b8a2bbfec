DELETE FROM jobs WHERE seq = %(seq)s
