"""SPDY/3.1 as the older Kubernetes clients speak it, without I/O (draft-mbelshe-httpbis-spdy-00, and 3.1's window)."""
