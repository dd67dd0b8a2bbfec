SELECT seq FROM jobs WHERE id = :id AND revision = :was_revision AND next_slot IS :was_next_slot
