"""Prices of real models: ``PriceList``, a strict cost model over the public list of ``genai-prices``.

``PriceList.installed()`` needs the extra ``prices``; ``PriceList.read(path)`` needs a file that ``flujo prices
export`` has written, and nothing else. Neither ever asks the network.
"""

from flujo.price_list.cost_model import PriceList
from flujo.price_list.snapshot import Snapshot

__all__ = ["PriceList", "Snapshot"]
