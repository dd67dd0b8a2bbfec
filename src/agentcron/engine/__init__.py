"""What decides when something happens, and makes it happen."""
