"""What answers conversations: methods of this process, child processes, other servers."""
