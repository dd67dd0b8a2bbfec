"""The HTTP service: parse, call the facade, render. Imported only where it is served."""
