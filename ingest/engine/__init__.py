"""Where the pure stages run: in this process, or in worker processes that can be killed."""
