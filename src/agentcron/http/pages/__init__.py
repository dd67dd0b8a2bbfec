"""The dashboard: pages that the server renders, for people with a browser. They call the facade and render."""
