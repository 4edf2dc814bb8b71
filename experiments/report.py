import pandas as pd
def closing_table(runs: pd.DataFrame) -> None:
    print(len(runs))
