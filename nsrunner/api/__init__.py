"""The Kubernetes-compatible API: objects, their store, the HTTP server, and the client that the CLI uses."""
