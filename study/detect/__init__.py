"""When a trial is read, and what its readings say: memorized, generalized, decided, or not yet."""
