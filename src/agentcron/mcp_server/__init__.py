"""The scheduler as tools of the Model Context Protocol. Imported only where it is served."""
