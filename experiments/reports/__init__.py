"""Tables, figures and verdicts -> a page, and from a number back to its runs."""
