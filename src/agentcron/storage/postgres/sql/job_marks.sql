UPDATE jobs SET marks = %(marks)s WHERE seq = %(job)s
