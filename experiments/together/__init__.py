"""Studies put together: one made of several, two side by side, and one made smaller."""
