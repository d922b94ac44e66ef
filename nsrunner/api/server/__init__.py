"""The API over HTTP: paths, media types, errors and streams of changes, on top of the registry."""
