"""What ``networks_b.npz`` covers: plain data, read by the script and by the tests."""

POINTS = 3
"""At how many drawn parameters loss and gradient are kept."""

CASES = {
    "gru": ("char_rnn", {"hidden": 5, "cell": "gru", "length": 20, "batch_size": None}),
    "tanh": ("char_rnn", {"hidden": 5, "cell": "tanh", "length": 7, "batch_size": None}),
    "two heads": ("transformer", {"width": 6, "heads": 2, "length": 9, "batch_size": None}),
    "one head": ("transformer", {"width": 4, "heads": 1, "length": 16, "batch_size": None}),
    "enough factors": (
        "matrix_factorisation",
        {"size": 6, "rank": 2, "factors": 3, "condition": 5.0, "scale": 1.0},
    ),
    "too few factors": (
        "matrix_factorisation",
        {"size": 6, "rank": 4, "factors": 2, "condition": 5.0, "scale": 1.0},
    ),
    "three layers": ("deep_linear", {"depth": 3, "width": 5, "condition": 10.0, "scale": 1.0}),
    "one layer": ("deep_linear", {"depth": 1, "width": 4, "condition": 3.0, "scale": 1.0}),
}
"""The problems, by our name and all constants."""
