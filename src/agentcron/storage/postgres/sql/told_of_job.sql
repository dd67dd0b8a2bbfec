SELECT j.seq, t.target, t.event, t.at FROM jobs AS j LEFT JOIN told AS t ON t.job = j.seq WHERE j.id = %(job)s
