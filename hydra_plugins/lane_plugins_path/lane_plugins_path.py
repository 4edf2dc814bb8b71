"""The search path: the folders of parts from outside come after this project's own conf/."""

from __future__ import annotations

import sys

from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.search_path_plugin import SearchPathPlugin


class LanePluginsPath(SearchPathPlugin):
    """Append the folders whose parts this process has; none where no command of this project runs."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        state = sys.modules.get("experiments.plugins.state")  # Hydra asks in any program that is built on it
        for place in state.PLACES if state else ():
            search_path.append(f"plugins of {place.called}", f"file://{place.folder}")
