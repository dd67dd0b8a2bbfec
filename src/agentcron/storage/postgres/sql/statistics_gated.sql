SELECT gated, cost, success + failure + incomplete + error FROM jobs WHERE gated > 0
