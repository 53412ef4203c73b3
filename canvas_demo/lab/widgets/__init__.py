"""Widgets. Each shows what a plain call says too; the views are TypeScript, in canvas_demo/frontend."""

from canvas_demo.lab.widgets.base import Selection, View
from canvas_demo.lab.widgets.delivery import DeliveryMatrix
from canvas_demo.lab.widgets.lanes import PartitionLanes
from canvas_demo.lab.widgets.live_table import LiveTable
from canvas_demo.lab.widgets.sides import SideBySide
from canvas_demo.lab.widgets.slot_gauge import SlotGauge
from canvas_demo.lab.widgets.switches import FaultSwitches
from canvas_demo.lab.widgets.system_map import SystemMap
from canvas_demo.lab.widgets.time_travel import TimeTravel
from canvas_demo.lab.widgets.waterfall import Waterfall

__all__ = [
    "DeliveryMatrix",
    "FaultSwitches",
    "LiveTable",
    "PartitionLanes",
    "Selection",
    "SideBySide",
    "SlotGauge",
    "SystemMap",
    "TimeTravel",
    "View",
    "Waterfall",
]
