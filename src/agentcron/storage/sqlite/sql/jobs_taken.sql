SELECT jobs.id FROM json_each(?) CROSS JOIN jobs ON jobs.id = json_each.value
