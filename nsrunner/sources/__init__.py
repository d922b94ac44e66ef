"""Where static pods come from: a directory or a file, and a URL."""
