"""What goes on between a client and a running container: logs, execs, attachments, forwarded ports."""
