"""Parts from outside: in folders of the user, or brought by installed packages."""
