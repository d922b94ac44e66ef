"""The daemon: the composition of store, API, sources and supervisor in one process that owns no container."""
